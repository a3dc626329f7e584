"""Optimisers and learning-rate schedules of the recipes."""

from typing import Any

import keras

from facekit.errors import lookup
from facekit.recipes.recipe import Recipe


def _cosine(recipe: Recipe, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    warmup = min(recipe.warmup_steps, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=steps - warmup, warmup_target=recipe.learning_rate, warmup_steps=warmup
    )


def _quarters(recipe: Recipe, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        [steps * quarter // 4 for quarter in (1, 2, 3)],
        [recipe.learning_rate / 5**quarter for quarter in range(4)],
    )


SCHEDULES = {"cosine": _cosine, "quarters": _quarters}


@keras.saving.register_keras_serializable("facekit")
class HeadwiseAdamW(keras.optimizers.AdamW):
    """AdamW (Loshchilov and Hutter 2019) with a faster learning rate for the heads.

    Args:
        factors: of the learning rate, for each trainable variable in order.
    """

    def __init__(self, factors: list[float], **settings: Any) -> None:
        super().__init__(**settings)
        self.factors = factors

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        factor = self.factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)

    def _update_model_variables_moving_average(self, trainable_variables: Any) -> None:
        """Counts the first steps less: else a short training would keep mostly what it began with."""
        step = keras.ops.cast(self.iterations, "float32")
        momentum = keras.ops.minimum(self.ema_momentum, step / (9 + step))
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            average.assign(momentum * average + (1 - momentum) * variable)

    def finalize_variable_values(self, var_list: Any) -> None:
        """Leaves the raw weights in place: training may go on, and the average is written to files."""


def make_optimizer(recipe: Recipe, network: keras.Model, steps: int) -> keras.optimizers.Optimizer:
    """The recipe's optimiser for a training of so many steps. Raises UnknownNameError."""
    heads = {head.name for head in recipe.heads}
    factors = [recipe.head_rate if v.path.split("/")[0] in heads else 1.0 for v in network.trainable_variables]
    optimizer = HeadwiseAdamW(
        factors,
        learning_rate=lookup("schedule", recipe.schedule, SCHEDULES)(recipe, steps),
        weight_decay=recipe.weight_decay,
        global_clipnorm=recipe.clip_norm,
        use_ema=recipe.ema > 0,
        ema_momentum=recipe.ema or 0.99,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer

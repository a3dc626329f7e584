"""Optimisers and learning-rate schedules of the recipes."""

from typing import Any

import keras
from keras import ops

from facekit.core.errors import lookup
from facekit.recipes.recipe import Recipe


def _cosine(recipe: Recipe, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    warmup = _warmup(recipe, steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=steps - warmup, warmup_target=recipe.learning_rate, warmup_steps=warmup
    )


def _quarters(recipe: Recipe, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        [steps * quarter // 4 for quarter in (1, 2, 3)],
        [recipe.learning_rate / 5**quarter for quarter in range(4)],
    )


def _warmup(recipe: Recipe, steps: int) -> int:
    return min(recipe.warmup_steps, steps // 10)


SCHEDULES = {"cosine": _cosine, "quarters": _quarters}


_Adam: Any = type(keras.optimizers.Adam())  # of this backend: PyTorch's updates many variables at once


class LayerwiseAdamW(_Adam):
    """AdamW (Loshchilov and Hutter 2019) with a rate for each variable, and a moving average of the weights.

    Args:
        factors: of the learning rate, for each trainable variable in order.
        decays: likewise, the weight decay of each: this times the learning rate is taken away from it in a step.
        thawing: likewise, whether it stays as it is for `frozen_steps`, after which its rate rises over `thaw_steps`.
    """

    def __init__(
        self,
        factors: list[float],
        decays: list[float],
        thawing: list[bool],
        frozen_steps: int,
        thaw_steps: int,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.factors, self.decays, self.thawing = factors, decays, thawing
        self.frozen_steps, self.thaw_steps = frozen_steps, thaw_steps

    def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:
        """Those of one rate together."""
        groups: dict[tuple[float, float, bool], list[tuple[Any, Any]]] = {}
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            index = self._get_variable_index(variable)
            key = self.factors[index], self.decays[index], self.thawing[index]
            groups.setdefault(key, []).append((gradient, variable))
        thawed = learning_rate
        if self.frozen_steps:
            after = ops.cast(self.iterations, "float32") - self.frozen_steps
            thawed = learning_rate * ops.clip(after / max(self.thaw_steps, 1), 0, 1)
        for (factor, decay, thaws), members in groups.items():
            rate = thawed if thaws else learning_rate
            gradients, variables = zip(*members, strict=True)
            for variable in variables if decay else ():
                variable.assign(ops.multiply(variable, 1 - rate * decay))
            super()._backend_update_step(gradients, variables, rate * factor)

    def _update_model_variables_moving_average(self, trainable_variables: Any) -> None:
        """Counts the first steps less: else a short training would keep mostly what it began with."""
        step = ops.cast(self.iterations, "float32")
        momentum = ops.minimum(self.ema_momentum, step / (9 + step))
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            average.assign(momentum * average + (1 - momentum) * variable)

    def finalize_variable_values(self, var_list: Any) -> None:
        """Leaves the raw weights in place: training may go on, and the average is written to files."""


def make_optimizer(recipe: Recipe, network: keras.Model, steps: int) -> LayerwiseAdamW:
    """The recipe's optimiser for a training of so many steps. Raises UnknownNameError."""
    variables, distances = network.trainable_variables, head_distances(recipe, network)
    scales = [recipe.layer_decay**distance for distance in distances]
    return LayerwiseAdamW(
        factors=[scale if distance else recipe.head_rate for scale, distance in zip(scales, distances, strict=True)],
        decays=[
            recipe.weight_decay * scale if len(variable.shape) > 1 else 0.0  # kernels; neither biases nor norms
            for scale, variable in zip(scales, variables, strict=True)
        ],
        thawing=[distance > 0 for distance in distances],
        frozen_steps=recipe.heads_first * (steps // recipe.epochs),
        thaw_steps=_warmup(recipe, steps),
        learning_rate=lookup("schedule", recipe.schedule, SCHEDULES)(recipe, steps),
        global_clipnorm=recipe.clip_norm,
        use_ema=recipe.ema > 0,
        ema_momentum=recipe.ema or 0.99,
    )


def head_distances(recipe: Recipe, network: keras.Model) -> list[int]:
    """How many layers with a kernel lie between each trainable variable and the answers: 0 for the heads' own.

    Batch norm, which has none, counts with the convolution before it.
    """
    heads = {head.name for head in recipe.heads}
    depth = 0  # from the input on
    depths: dict[int, int] = {}  # of the variables, by identity
    for layer in network.layers:
        if layer.name not in heads:
            depth += any(len(variable.shape) > 1 for variable in layer.weights)
            depths |= {id(variable): depth for variable in layer.trainable_variables}
    return [depth + 1 - depths.get(id(variable), depth + 1) for variable in network.trainable_variables]


def slow_statistics(recipe: Recipe, network: keras.Model, steps: int) -> None:
    """Makes the statistics of trained batch norm move as slowly as the average of the weights, which they go with.

    They are used in that average alone: a step normalises by its own batch. So one slower average of theirs does what
    averaging them a second time would (as timm's ModelEma does), and needs no memory, nor a word in checkpoints.

    Args:
        steps: of the whole training; at least a tenth of them counts, else a short one would keep what it began with.
    """
    momentum = min(recipe.ema, 1 - 10 / steps)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            layer.momentum = max(layer.momentum, momentum)

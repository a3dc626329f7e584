"""Optimizers and learning-rate schedules of the recipes."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from facekit.core.errors import lookup
from facekit.recipes.recipe import TrainingConfig

Schedule = Callable[[TrainingConfig, int], keras.optimizers.schedules.LearningRateSchedule]


def _cosine(config: TrainingConfig, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    warmup = min(config.warmup_steps, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=steps - warmup, warmup_target=config.learning_rate, warmup_steps=warmup
    )


def _quarters(config: TrainingConfig, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        [steps * quarter // 4 for quarter in (1, 2, 3)],
        [config.learning_rate / 5**quarter for quarter in range(4)],
    )


SCHEDULES: dict[str, Schedule] = {"cosine": _cosine, "quarters": _quarters}


def _with_head_rate(base: Any) -> Any:
    """Derives an optimizer with another rate for the heads, and a moving average of the weights, from Keras's own."""

    class Optimizer(base):
        """Keras's optimizer, extended.

        Args:
            is_head: for each trainable variable in order, whether it belongs to a head.
            head_rate: factor of the learning rate for these.
        """

        def __init__(self, is_head: list[bool], head_rate: float, **settings: Any) -> None:
            super().__init__(**settings)
            self.is_head, self.head_rate = is_head, head_rate

        def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:
            """Updates body and heads one after the other."""
            for chosen, rate in ((False, learning_rate), (True, learning_rate * self.head_rate)):
                pairs = [
                    (gradient, variable)
                    for gradient, variable in zip(grads, trainable_variables, strict=True)
                    if self.is_head[self._get_variable_index(variable)] == chosen
                ]
                if pairs:
                    super()._backend_update_step(*zip(*pairs, strict=True), rate)

        def _update_model_variables_moving_average(self, trainable_variables: Any) -> None:
            """Weighs the first steps less: else the average of a short training keeps mostly its start."""
            step = ops.cast(self.iterations, "float32")
            momentum = ops.minimum(self.ema_momentum, step / (9 + step))
            for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
                average.assign(momentum * average + (1 - momentum) * variable)

        def finalize_variable_values(self, var_list: Any) -> None:
            """Leaves the raw weights in place: training may continue, and the average is written to files."""

    return Optimizer


# Made from instances' types: with PyTorch, these update many variables at once.
_BASES: dict[str, tuple[Any, Callable[[TrainingConfig], dict[str, Any]]]] = {
    "adamw": (_with_head_rate(type(keras.optimizers.Adam())), lambda config: {}),
    "sgd": (
        _with_head_rate(type(keras.optimizers.SGD())),
        lambda config: {"momentum": config.momentum, "nesterov": config.momentum > 0},
    ),
}


def make_optimizer(config: TrainingConfig, top_layers: set[str], network: keras.Model, steps: int) -> Any:
    """Makes the optimizer of a training.

    Args:
        config: how it trains.
        top_layers: names of the layers that learn at the heads' rate.
        network: that is trained.
        steps: of the whole training.
    """
    base, settings = _BASES[config.optimizer]
    is_head = [_layer(variable) in top_layers for variable in network.trainable_variables]
    optimizer = base(
        is_head,
        config.head_rate,
        learning_rate=lookup("schedule", config.schedule, SCHEDULES)(config, steps),
        global_clipnorm=config.clip_norm,
        weight_decay=config.weight_decay or None,
        use_ema=config.ema > 0,
        ema_momentum=config.ema or 0.99,
        **settings(config),
    )
    # Kernels decay; neither biases nor batch norm.
    optimizer.exclude_from_weight_decay([v for v in network.trainable_variables if len(v.shape) < 2])
    return optimizer


def _layer(variable: keras.Variable) -> str:
    return str(variable.path.split("/")[0])


def slow_statistics(config: TrainingConfig, network: keras.Model, steps: int) -> None:
    """Makes the statistics of trained batch norm move as slowly as the average of the weights that they belong to.

    Only the averaged network uses them, as a training step normalises by its own batch. One slower average of them has
    the effect of averaging them a second time (as timm's ModelEma does), without its memory in the optimizer and in
    checkpoints.

    Args:
        steps: of the whole training; at least a tenth of them counts, else a short one would keep its start.
    """
    momentum = min(config.ema, 1 - 10 / steps)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            layer.momentum = max(layer.momentum, momentum)

"""The state of a training: model, optimizer and history, and how it is saved, restored and validated."""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from facekit.evaluation.history import History
from facekit.evaluation.metrics import evaluate
from facekit.faces.batch import FaceBatch
from facekit.networks.hdf5 import Tensors
from facekit.networks.weights import assign_tensors, network_tensors
from facekit.training.checkpoints import load_checkpoint, save_checkpoint
from facekit.training.interruption import Interruption, StopsPredicting
from facekit.training.optimizer import make_optimizer, slow_statistics
from facekit.training.prepared import Prepared
from facekit.training.resident import ResidentModel, Targets, predict_rows, take_rows


class Trainer:
    """A network in training.

    Args:
        prepared: network, data and settings. Its chips move here.
        targets: of all chips.
        checkpoint: file of the state between two steps.
        interruption: cuts a validation short.

    Attributes:
        model: the network with its data, compiled.
        chips: (n, H, W, 3) on the host; None if the model has them on the device.
        history: figures of each epoch that is done.
        step: number of steps that are done of the epoch after these.
    """

    def __init__(self, prepared: Prepared, targets: Targets, checkpoint: Path, interruption: Interruption) -> None:
        recipe, network = prepared.recipe, prepared.network
        self.prepared, self.data, self.checkpoint = prepared, prepared.data, checkpoint
        self.interruption = interruption
        self.history: History = []
        self.step = 0

        on_device, features = prepared.settings.data_in == "device", self.data.faces.features
        chips = self.data.take_chips()
        self.chips = None if on_device else chips
        self.model = ResidentModel(network, recipe, targets, chips if on_device else None, features)

        steps = prepared.steps * recipe.training.epochs
        slow_statistics(recipe.training, network, steps)
        self.optimizer = make_optimizer(recipe.training, recipe.network.top_layers, network, steps)
        self.optimizer.build(network.trainable_variables)
        self.model.compile(optimizer=self.optimizer)

    def restore(self) -> None:
        """Continues from the checkpoint, if there is one.

        Raises:
            WeightsError: it is damaged, or belongs to another network.
        """
        if not self.checkpoint.exists():
            return
        checkpoint = load_checkpoint(self.checkpoint)
        recipe = self.prepared.recipe
        checkpoint.restore(self.model)
        self.history += checkpoint.history
        self.step = checkpoint.step
        steps = f", {self.step} of {self.prepared.steps} steps into the next" if self.step else ""
        print(f"Continuing after epoch {len(self.history)} of {recipe.training.epochs}{steps}.", file=sys.stderr)

    def save_checkpoint(self, step: int) -> None:
        """Saves the state after a number of steps of the epoch after the history's.

        Raises:
            TrainingError: it cannot be written; the former checkpoint stays.
            KeyboardInterrupt: a signal came before.
        """
        save_checkpoint(self.checkpoint, self.model, self.history, step)
        self.interruption.saved()

    def averaged(self) -> Tensors:
        """Returns the network's weights, trained ones as their moving average where the optimizer keeps it."""
        network = self.model.network
        tensors = network_tensors(network)
        if self.optimizer.use_ema:
            averages = self.optimizer._model_variables_moving_average
            for variable, average in zip(network.trainable_variables, averages, strict=True):
                tensors[variable.path] = average.numpy()
        return tensors

    def validate(self) -> dict[str, float]:
        """Evaluates the averaged weights on the validation side.

        Raises:
            KeyboardInterrupt: a signal cut it short; the state after the epoch's steps is saved.
        """
        network, heads = self.model.network, self.prepared.recipe.network.heads
        raw = network_tensors(network)
        assign_tensors(network, self.averaged())
        index, stops = self.data.sides["validation"], StopsPredicting(self.interruption)
        rows = predict_rows(self.model, index, self.chips, callbacks=[stops])
        assign_tensors(network, raw)
        if self.interruption.is_requested:
            self.save_checkpoint(self.prepared.steps)
        figures = evaluate(heads, rows, self.data.side_labels("validation"))
        losses = {"loss": sum(head.validation_loss(figures[head.name]) for head in heads)}
        return losses | {
            f"{head.name}_{name}": value
            for head in heads
            for name, value in figures[head.name].items()
            if value is not None
        }

    def side_faces(self, side: str) -> FaceBatch:
        """Returns the faces of one side, from wherever their chips are."""
        index = self.data.sides[side].astype(np.int32)

        def rows(variable: keras.Variable) -> NDArray[Any]:
            return keras.ops.convert_to_numpy(take_rows(variable, index))

        chips = rows(self.model.chips) if self.chips is None else self.chips[index]
        return FaceBatch(chips, features=None if self.model.features is None else rows(self.model.features))

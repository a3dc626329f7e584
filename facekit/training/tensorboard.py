"""Writes the network's graph, and histograms of its weights, for TensorBoard. TensorFlow is not needed."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.plugins.histogram.metadata import create_summary_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

from facekit.core.errors import TrainingError
from facekit.core.files import writing

BINS = 30


class NetworkLog(keras.callbacks.Callback):
    """Writes the graph when a training begins, and histograms of all weights after each epoch.

    Args:
        folder: of the run; gets a file of events beside that of the figures.
        network: that is trained.
    """

    def __init__(self, folder: Path, network: keras.Model) -> None:
        super().__init__()
        self.folder, self.network = folder, network

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        with writing(self.folder, TrainingError):
            self.writer = EventFileWriter(str(self.folder))
            if not int(self.model.optimizer.iterations):  # else an earlier process of the run has written it
                self.writer.add_event(Event(graph_def=network_graph(self.network).SerializeToString()))
                self.writer.flush()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        with writing(self.folder, TrainingError):
            for variable in self.network.variables:
                if variable.dtype.startswith("float"):  # no states of dropout
                    self.writer.add_event(_histogram(variable.path, variable.numpy(), epoch + 1))
            self.writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.writer.close()


def network_graph(network: keras.Model) -> GraphDef:
    """Returns the layers of a network and what each takes as a graph for TensorBoard."""
    graph = GraphDef()
    for operation in network.operations:
        sources = [tensor._keras_history.operation.name for tensor in keras.tree.flatten(_inputs(operation))]
        graph.node.add(name=operation.name, op=type(operation).__name__, input=dict.fromkeys(sources))
    return graph


def _inputs(operation: Any) -> Any:
    return [] if isinstance(operation, keras.layers.InputLayer) else operation.input


def _histogram(tag: str, values: NDArray[Any], step: int) -> Event:
    """Returns the event of a histogram: (BINS, 3) left and right edge, and number."""
    counts, edges = np.histogram(values, BINS)
    event = Event(step=step)
    event.summary.value.add(
        tag=tag,
        tensor=make_tensor_proto(np.stack([edges[:-1], edges[1:], counts], axis=1).astype(np.float64)),
        metadata=create_summary_metadata(display_name=None, description=None),
    )
    return event

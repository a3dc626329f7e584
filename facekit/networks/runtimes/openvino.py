"""OpenVINO runtime: runs a network's graph on the CPU, without Keras."""

from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import BackendError, FaceKitError
from facekit.core.lazy_imports import import_openvino, openvino_core
from facekit.networks.cards import read_card
from facekit.networks.runtimes.graphs import load_graph
from facekit.networks.runtimes.runtime import POOLED, Inputs, Runtime


class OpenVinoRuntime(Runtime):
    """Runs a network's graph, compiled for this processor.

    It computes in float32 even where the processor multiplies shorter numbers faster: with bfloat16 ages change by 0.2
    years on average, and some by several (docs/EXPERIMENTS.md).

    Args:
        weights: file that a training wrote, or a checkpoint of the original scripts.

    Raises:
        WeightsError: the weights cannot be used.
        FaceKitError: OpenVINO is not installed, or cannot run the graph.
    """

    batch_size = 8  # larger batches are no faster per face, and take more memory

    def __init__(self, weights: Path) -> None:
        openvino = import_openvino()
        self.card = read_card(weights)
        try:
            graph = load_graph(weights, self.card)
        except BackendError as error:
            raise BackendError(f"{error} Or use the runtime keras.", argument="runtime") from error
        try:
            self._request = _compile(openvino, graph, self.card.network.heads[0].name).create_infer_request()
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1].rstrip(".")
            raise FaceKitError(
                f"OpenVINO cannot run the graph of {weights}: {reason}. Use the runtime keras.", argument="runtime"
            ) from error
        self._lock = Lock()

    def _run(self, inputs: Inputs) -> dict[str, NDArray[np.floating]]:
        with self._lock:
            outputs = self._request.infer(inputs)
        names = [head.name for head in self.card.network.heads]
        return {name: outputs[name] for name in names} | {POOLED: outputs[POOLED]}


def _compile(openvino: ModuleType, graph: bytes, head: str) -> Any:
    core = openvino_core()
    network = core.read_model(graph)
    (pooled,) = network.add_outputs(_input_of(network.output(head)))
    pooled.get_tensor().set_names({POOLED})
    model = openvino.preprocess.PrePostProcessor(network)
    model.input("picture").tensor().set_element_type(openvino.Type.u8)  # chips are converted on their way in
    # A thread that is pinned to a core has to wait where another program keeps that core busy.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
    return core.compile_model(model.build(), "CPU", settings)


def _input_of(output: Any) -> Any:
    """Finds what a head reads: the input of its product, the first on the way back from its output."""
    node = output.get_node()
    while node.get_type_name() != "MatMul":
        node = node.input_value(0).get_node()
    return node.input_value(0)

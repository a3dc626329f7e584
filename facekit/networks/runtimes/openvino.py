"""Answers by OpenVINO on the CPU, from the network's graph: no Keras is loaded."""

from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from facekit.core.lazy_imports import import_openvino
from facekit.networks.cards import read_card
from facekit.networks.runtimes.graphs import load_graph
from facekit.networks.runtimes.runtime import Runtime


class OpenVinoRuntime(Runtime):
    """A network's graph, compiled for this processor.

    It computes in float32, also where the processor multiplies shorter numbers faster: with bfloat16 ages move by 0.2
    years on average, and some by several (docs/EXPERIMENTS.md).

    Args:
        weights: file that `face_train.py` wrote, or a checkpoint of the original scripts.

    Raises:
        WeightsError: the weights cannot be used.
        FaceKitError: OpenVINO is not installed.
    """

    batch_size = 8  # more are no faster a face, and take more memory

    def __init__(self, weights: Path) -> None:
        openvino = import_openvino()
        self.card = read_card(weights)
        core = openvino.Core()
        graph = openvino.preprocess.PrePostProcessor(core.read_model(load_graph(weights, self.card)))
        graph.input().tensor().set_element_type(openvino.Type.u8)  # chips are converted on their way in
        # A thread that is pinned to a core waits for it where another program is at work there.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
        compiled = core.compile_model(graph.build(), "CPU", settings)
        self._request = compiled.create_infer_request()
        self._one_at_a_time = Lock()

    def _answer(self, chips: NDArray[np.uint8]) -> dict[str, NDArray[np.floating]]:
        with self._one_at_a_time:
            answers = self._request.infer([chips])
        return {head.name: answers[head.name] for head in self.card.network.heads}

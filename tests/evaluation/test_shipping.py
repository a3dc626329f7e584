"""Shipped weights: they answer as those they were made from, from a small graph."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from facekit.evaluation.shipping import ship_weights
from facekit.heads import AGE, EXPRESSION
from facekit.networks.cards import Card, read_card
from facekit.networks.config import NetworkConfig
from facekit.networks.network import build_network
from facekit.networks.runtimes import load_runtime
from facekit.networks.runtimes.graphs import load_graph, stored_graphs
from facekit.networks.weights import network_tensors, save_weights

BRANCH = NetworkConfig(backbone="conv_blocks", input_size=16, heads=(EXPRESSION,))
NETWORKS = {
    "alone": BRANCH,
    "a branch": NetworkConfig(backbone="mobilenet", input_size=32, heads=(AGE, EXPRESSION), branches=(BRANCH,)),
}


@pytest.mark.parametrize("config", NETWORKS.values(), ids=NETWORKS)
def test_answers_stay_and_the_graph_is_small(
    config: NetworkConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    keras.utils.set_random_seed(0)
    tensors, random = network_tensors(build_network(config)), np.random.default_rng(0)
    for name, tensor in tensors.items():
        if "_bn/" in name:  # as if trained
            tensors[name] = random.uniform(0.5, 1.5, tensor.shape).astype(np.float32)
    trained, shipped = tmp_path / "run-last.h5", tmp_path / "shipped.h5"
    save_weights(tensors, Card(name="run", network=config), trained)
    card = ship_weights(trained, shipped)
    assert replace(card, tensors_sha256="") == Card(name="shipped", network=config) and read_card(shipped) == card
    assert shipped.with_suffix(".md").read_text(encoding="utf-8").startswith("# shipped\n")

    packed, kept = stored_graphs(shipped, card)
    assert packed.stat().st_size < 20_000 < shipped.stat().st_size
    assert len(load_graph(shipped, card)) < 1.1 * shipped.stat().st_size and kept.is_file()
    chips = random.integers(0, 256, (4, config.input_size, config.input_size, 3), np.uint8)
    expected, got = (load_runtime(path, "keras").predict(chips) for path in (trained, shipped))
    graph = load_runtime(shipped, "openvino").predict(chips)
    np.testing.assert_allclose(got["expression"], expected["expression"], atol=2e-3)  # kernels are rounded again
    np.testing.assert_allclose(graph["expression"], got["expression"], atol=1e-4)

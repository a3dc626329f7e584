"""Packed graphs, which lie beside shipped weights: they are filled from these, or not used."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from facekit.networks.cards import read_card
from facekit.networks.hdf5 import read_hdf5, write_hdf5
from facekit.networks.runtimes import graphs
from facekit.networks.runtimes.graphs import load_graph, pack_beside, stored_graphs


@pytest.fixture
def shipped(tiny_weights: Path, tmp_path: Path, exported: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights with a packed graph, which holds a tensor as it is, one with other axes, and one that is not theirs."""
    tensors, attributes = read_hdf5(tiny_weights)
    kernel, bias = tensors["stem/kernel"], tensors["stem/bias"]
    graph = b"begin" + kernel.transpose(3, 2, 0, 1).tobytes() + bias.tobytes() + bytes(range(256)) + b"end"
    path = tmp_path / "shipped.h5"
    write_hdf5(path, tensors, attributes)
    with monkeypatch.context() as patch:
        patch.setattr(graphs, "export_graph", lambda weights: graph)
        assert pack_beside(path).stat().st_size < 2000 < len(graph)
    return path


def test_a_packed_graph_is_filled_and_cached(shipped: Path, exported: list[Path]) -> None:
    card = read_card(shipped)
    graph = load_graph(shipped, card)
    assert graph.startswith(b"begin") and graph.endswith(b"end") and exported == []
    packed, kept = stored_graphs(shipped, card)
    packed.unlink()
    assert load_graph(shipped, card) == graph and kept.is_file() and exported == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: b"<html>" + data,
        lambda data: gzip.compress(gzip.decompress(data)[:-1]),
        lambda data: gzip.compress(gzip.decompress(data).replace(b"begin", b"start")),
        lambda data: gzip.compress(gzip.decompress(data).replace(b"stem/kernel", b"item/kernel")),
        lambda data: gzip.compress(gzip.decompress(data).replace(b"stem/kernel", b"stem/k\xffrnel")),
    ],
)
def test_a_damaged_packed_graph_is_not_used(
    damage: Callable[[bytes], bytes], shipped: Path, exported: list[Path]
) -> None:
    packed, _ = stored_graphs(shipped, read_card(shipped))
    packed.write_bytes(damage(packed.read_bytes()))
    assert load_graph(shipped, read_card(shipped)) == b"graph" * 1000 and exported == [shipped]


def test_a_packed_graph_of_other_tensors_is_not_used(shipped: Path, exported: list[Path]) -> None:
    tensors, attributes = read_hdf5(shipped)
    tensors["stem/kernel"] = tensors["stem/kernel"] + 1
    write_hdf5(shipped, tensors, attributes)
    assert load_graph(shipped, read_card(shipped)) == b"graph" * 1000 and exported == [shipped]

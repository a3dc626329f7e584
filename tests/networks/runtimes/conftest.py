"""An export that takes no time."""

from pathlib import Path

import pytest

from facekit.networks.runtimes import graphs


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """An empty cache; in place of Keras, what notes for which weights it was asked for a graph."""
    asked: list[Path] = []

    def export(weights: Path) -> bytes:
        asked.append(weights)
        return b"graph" * 1000

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(graphs, "export_graph", export)
    return asked

"""Files of chips: what they hold is what was written."""

from pathlib import Path

from made import save_noise

from facekit.datasets.listing import list_dataset
from facekit.datasets.prepare import prepare_dataset
from facekit.datasets.source import DataSource
from facekit.faces.chips import AlignedChip


def test_labels_of_any_name(tmp_path: Path) -> None:
    save_noise(tmp_path / "0.png", 0)
    (tmp_path / "a.csv").write_text("path,age,.,..,a/b,größe\n0.png,30,x,y,z,1\n", encoding="utf-8")
    prepared = prepare_dataset(
        DataSource("table", str(tmp_path / "a.csv")), tmp_path / "a.h5", AlignedChip(size=24)
    ).path
    (record,) = list_dataset("table", prepared).records
    assert record.labels == {"age": "30", ".": "x", "..": "y", "a/b": "z", "größe": "1"}

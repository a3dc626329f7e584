"""Histories: read back as they were written, from pandas's layout too, and drawn by one command."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from checkout import Script
from PIL import Image

from facekit.core.errors import DataError
from facekit.evaluation.history import read_history, write_history

COLUMNS = ("loss", "pred_age_acc", "pred_age_loss", "pred_gender_acc", "pred_gender_loss")


def write_frame(path: Path, columns: tuple[str, ...] = COLUMNS, epochs: int = 3) -> Path:
    """Writes a data frame as pandas does in its fixed format: columns by blocks of one type each."""
    columns = (*columns, *(f"val_{name}" for name in columns))
    blocks: dict[str, Any] = {"float64": columns, "float32": ("lr",)}
    with h5py.File(path, "w") as file:
        frame = file.create_group("history")
        frame.attrs.update({"pandas_type": b"frame", "nblocks": np.int64(2), "ndim": np.int64(2)})
        frame["axis0"] = np.array([*columns, "lr"], "S")
        frame["axis1"] = np.arange(epochs)
        for number, (kind, names) in enumerate(blocks.items()):
            frame[f"block{number}_items"] = np.array(names, "S")
            values = np.arange(epochs)[:, None] + 10 * np.arange(len(names)) + 1
            frame[f"block{number}_values"] = values.astype(kind)
    return path


def test_pandas_layout_is_read_with_our_names(tmp_path: Path) -> None:
    history = read_history(write_frame(tmp_path / "history_16_8.h5"))
    assert [row["epoch"] for row in history] == [1, 2, 3] and [row["loss"] for row in history] == [1, 2, 3]
    assert history[1] == {
        **{"epoch": 2, "loss": 2, "age_accuracy": 12, "age": 22, "gender_accuracy": 32, "gender": 42},
        **{"val_loss": 52, "val_age_accuracy": 62, "val_age_cross_entropy": 72, "val_gender_accuracy": 82},
        **{"val_gender_cross_entropy": 92, "learning_rate": 2},
    }
    older = tuple(name.replace("pred_age", "dense_2").replace("pred_gender", "dense_1") for name in COLUMNS)
    assert read_history(write_frame(tmp_path / "older.h5", older)) == history


def test_csv_comes_back(tmp_path: Path) -> None:
    history = [{"epoch": 1.0, "loss": 3.5}, {"epoch": 2.0, "loss": 2.0, "val_loss": 9.0}]
    write_history(tmp_path / "history.csv", history)
    assert read_history(tmp_path / "history.csv") == history


def test_drawn_by_one_command(script: Script, working_folder: Path) -> None:
    path = write_frame(working_folder / "history_16_8.h5")
    assert script("face_train.py", "--curves", path)[:2] == (0, f"{path.with_suffix('.png')}\n")
    with Image.open(path.with_suffix(".png")) as image:
        assert image.format == "PNG" and image.width == 1020  # three columns: the sum, age and gender
    write_history(working_folder / "history.csv", [{"epoch": 1.0, "loss": 3.5}])
    assert script("face_train.py", "--curves", ".")[:2] == (0, "history.png\n")
    assert Path("history.png").is_file()
    for other in (["--output", "mine.png"], ["--epochs", 3], ["--resume"]):
        status, _, err = script("face_train.py", "--curves", ".", *other)
        assert (status, err) == (2, "error: --curves draws what a training wrote, and takes no other option\n")
    status, _, err = script("face_train.py", "--curves", "gone.csv")
    assert (status, err) == (1, "error: Cannot read gone.csv: No such file or directory (--curves).\n")


def test_other_files_are_refused(tmp_path: Path) -> None:
    damaged = write_frame(tmp_path / "damaged.h5")
    damaged.write_bytes(damaged.read_bytes()[:-500])
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["tensor"] = np.zeros(3)
    with h5py.File(tmp_path / "appended.h5", "w") as file:
        file["history/table"] = np.zeros(3)
    for name, text in {"empty.csv": "", "other.csv": "a,b\n1,2\n", "words.csv": "epoch,loss\n1,low\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name in ("damaged.h5", "weights.h5", "empty.csv", "other.csv", "words.csv"):
        with pytest.raises(DataError, match=rf"{name} is damaged or no history of a training\. Name history\.csv, or"):
            read_history(tmp_path / name)
    with pytest.raises(DataError, match=r"appended\.h5 is in pandas's table format\. Save it with format 'fixed'\."):
        read_history(tmp_path / "appended.h5")

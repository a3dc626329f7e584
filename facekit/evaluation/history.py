"""The figures of each epoch of a training, in a table: history.csv, or what age-gender-estimation wrote with pandas."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from facekit.core.errors import DataError, WeightsError
from facekit.core.files import atomic_path
from facekit.networks.hdf5 import open_hdf5

if TYPE_CHECKING:
    import h5py

History = list[dict[str, float]]

# Layers of age-gender-estimation's heads, since April 2018 and before, and our heads.
_OLD_HEADS = {"pred_age": "age", "pred_gender": "gender", "dense_1": "gender", "dense_2": "age"}
_OLD_FIGURES = {"loss": "cross_entropy", "acc": "accuracy"}


def write_history(path: Path, history: History) -> None:
    """Writes a table with one row an epoch; missing figures are left empty."""
    names = list(dict.fromkeys(name for figures in history for name in figures))
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        table.writerows(history)


def read_history(path: Path) -> History:
    """Reads history.csv, or a data frame `history` that pandas wrote as HDF5 in its fixed format; pandas is not needed.

    Raises:
        DataError: the file is missing, damaged, or something else.
    """
    try:
        with open(path, "rb") as file:
            is_hdf5 = file.read(8) == b"\x89HDF\r\n\x1a\n"
        history = _read_frame(path) if is_hdf5 else _read_csv(path)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.", argument="curves") from error
    except (WeightsError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise _no_history(path) from error
    if not history or not all("loss" in figures for figures in history):
        raise _no_history(path)
    return history


def _no_history(path: Path) -> DataError:
    return DataError(
        f"{path} is damaged or no history of a training. Name history.csv, or age-gender-estimation's history_*.h5.",
        argument="curves",
    )


def _read_csv(path: Path) -> History:
    with open(path, newline="", encoding="utf-8") as file:
        return [{name: float(cell) for name, cell in row.items() if cell} for row in csv.DictReader(file)]


def _read_frame(path: Path) -> History:
    with open_hdf5(path) as file:
        frame = file["history"]
        if "table" in frame:
            raise DataError(f"{path} is in pandas's table format. Save it with format 'fixed'.", argument="curves")
        columns = _frame_columns(frame)
    names = {name: _our_name(name) for name in columns}
    rows = zip(*columns.values(), strict=True)
    return [
        {"epoch": float(epoch), **{names[name]: value for name, value in zip(columns, row, strict=True)}}
        for epoch, row in enumerate(rows, start=1)
    ]


def _frame_columns(frame: "h5py.Group") -> Mapping[str, list[float]]:
    """Reads the blocks of a data frame, which hold the columns of one type each: name -> values of all rows."""
    columns: dict[str, list[float]] = {}
    for block in range(int(frame.attrs["nblocks"])):
        names = [name.decode() for name in frame[f"block{block}_items"][()]]
        values = frame[f"block{block}_values"][()].astype(float)  # (rows, columns)
        columns |= dict(zip(names, values.T.tolist(), strict=True))
    return columns


def _our_name(name: str) -> str:
    """Translates the name of a column."""
    side = "val_" if name.startswith("val_") else ""
    layer, _, figure = name.removeprefix(side).rpartition("_")
    if layer in _OLD_HEADS and figure in _OLD_FIGURES:
        head = _OLD_HEADS[layer]
        return head if (side, figure) == ("", "loss") else f"{side}{head}_{_OLD_FIGURES[figure]}"
    return "learning_rate" if name == "lr" else name

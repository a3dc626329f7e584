"""The records that a run began with: a run that is resumed goes on with the same ones."""

import csv
import gzip
import hashlib
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

from facekit.core.errors import TrainingError
from facekit.core.files import atomic_path, writing
from facekit.core.text import counted
from facekit.datasets.records import label_of
from facekit.networks.hdf5 import read_attributes
from facekit.recipes.recipe import Recipe
from facekit.training.data import TrainingData

Columns = dict[str, list[str]]  # "name", each head's name and "side" -> (n,), "" where unknown


def check_records(path: Path, checkpoint: Path, data: TrainingData, recipe: Recipe) -> None:
    """Writes names, labels and sides of the records; in a resumed run, compares them with those that it began with.

    Args:
        path: of the table.
        checkpoint: of the run; one of an older version tells the names itself.
        data: records in the order of the chips.
        recipe: its sources and heads.

    Raises:
        TrainingError: the records differ, or the table is damaged or cannot be written.
    """
    now = _columns(data, recipe)
    differences = _differences(_read(path), now) if path.exists() else _differences_from_hash(checkpoint, data)
    if differences:
        paths = ", ".join(source.path or source.dataset for source in recipe.data)
        raise TrainingError(
            f"{paths} is not the data this run began with: {'; '.join(differences)}. Start a new run instead."
        )
    if not path.exists():
        with (
            writing(path, TrainingError),
            atomic_path(path) as temporary,
            gzip.open(temporary, "wt", newline="", encoding="utf-8", errors="surrogateescape") as file,
        ):
            csv.writer(file).writerows([now.keys(), *zip(*now.values(), strict=True)])


def _columns(data: TrainingData, recipe: Recipe) -> Columns:
    sources = zip(data.faces.sources, data.faces.parts, strict=True)
    records = [(source.dataset, record) for source, part in sources for record in part.records]
    columns = {"name": [f"{dataset}/{record.key}" for dataset, record in records]}
    for head in recipe.network.heads:
        labels = [label_of(record, head) for _, record in records]
        columns[head.name] = ["" if label is None else str(label) for label in labels]
    sides = np.full(len(records), "", object)  # of those on no side
    for side, index in data.sides.items():
        sides[index] = side
    return {**columns, "side": sides.tolist()}


def _read(path: Path) -> Columns:
    try:
        with gzip.open(path, "rt", newline="", encoding="utf-8", errors="surrogateescape") as file:
            titles, *rows = csv.reader(file)
        return dict(zip(titles, map(list, zip(*rows, strict=True)), strict=True))
    except (OSError, EOFError, zlib.error, ValueError, csv.Error) as error:
        raise TrainingError(f"{path} is damaged: {error}. Start a new run.") from error


def _differences(before: Columns, now: Columns) -> list[str]:
    """Says how many records differ, and which is the first; labels are compared where all names are the same."""
    counts = Counter(before["name"]), Counter(now["name"])
    differences = [
        f"{counted(more.total(), 'picture')} {what}, first {next(iter(more))}"
        for what, more in (("added", counts[1] - counts[0]), ("removed", counts[0] - counts[1]))
        if more
    ]
    if before.keys() != now.keys():
        differences.append(f"labels of {', '.join(sorted(before.keys() ^ now.keys()))}")
    if not differences and before["name"] != now["name"]:
        return ["its pictures are in another order"]
    return differences or [difference for title in now if (difference := _changes(title, before, now))]


def _changes(title: str, before: Columns, now: Columns) -> str:
    rows = zip(now["name"], before[title], now[title], strict=True)
    changed = [(name, old or "none", new or "none") for name, old, new in rows if old != new]
    if not changed:
        return ""
    name, old, new = changed[0]
    return f"{counted(len(changed), 'picture')} with another {title}, first {name}, which was {old} and is {new}"


def _differences_from_hash(checkpoint: Path, data: TrainingData) -> list[str]:
    """Compares with the hash of the names in a checkpoint of an older version."""
    if not checkpoint.exists():
        return []
    names = "\n".join(record.key for part in data.faces.parts for record in part.records)
    same = read_attributes(checkpoint).get("fingerprint") == hashlib.sha256(names.encode()).hexdigest()
    return [] if same else ["other pictures"]

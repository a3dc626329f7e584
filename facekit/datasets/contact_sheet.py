"""Draws pictures of a data set with their labels: the doubtful ones first, then some of each class or band."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from facekit.core.errors import PictureError, UsageError
from facekit.core.files import check_writable, writing
from facekit.datasets.check import Check, Groups
from facekit.datasets.records import CutFace
from facekit.drawing.chip_grid import COLUMNS, save_chip_grid
from facekit.faces.batch import Picture
from facekit.faces.images import decode_picture

DOUBTFUL, EXAMPLES = 4 * COLUMNS, 6 * COLUMNS  # pictures at most
_SIDE = 168  # pixels
_NAME_LINE = 24  # characters of a file's name in one line, of two


def check_sheet_path(path: Path) -> None:
    """Checks that a sheet can be written there, before a data set is read, which takes long.

    Raises:
        UsageError: it does not end in .png.
        FaceKitError: it cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"The contact sheet must end in .png. Received: {path}.", argument="contact_sheet")
    check_writable(path, argument="contact_sheet")


def save_contact_sheet(check: Check, path: Path) -> int:
    """Writes the sheet as PNG, and returns the number of its pictures.

    Args:
        check: of the data set.
        path: of the PNG.

    Raises:
        FaceKitError: it cannot be written.
        DataError: the data set cannot be read any more.
    """
    shown: dict[int, str] = {}  # number of the record -> why it is shown
    for number, reason in itertools.islice(_doubtful(check), DOUBTFUL):
        shown.setdefault(number, reason)
    for number, reason in itertools.islice(_examples(check, shown), EXAMPLES):
        shown.setdefault(number, reason)
    tiles = _read(check, shown)
    captions = [_caption(check, number, reason) for number, reason in shown.items()]
    with writing(path, argument="contact_sheet"):
        save_chip_grid(path, np.stack([tiles[number] for number in shown]), captions)
    return len(shown)


def _caption(check: Check, number: int, reason: str) -> str:
    labels = ", ".join(labels.text(number) for labels in check.labels)
    name = Path(check.records[number].key).name
    return "\n".join([labels, reason, name[:_NAME_LINE], name[_NAME_LINE:]])


def _doubtful(check: Check) -> Iterator[tuple[int, str]]:
    """Yields numbers of records that a person should look at, of each kind in turn, and why."""
    kinds: list[Iterable[tuple[int, str]]] = [
        ((number, "blank") for number in check.blank),
        *(
            ((number, reason) for number, reason in sorted(labels.unusable.items(), key=lambda item: item[1]))
            for labels in check.labels
        ),
        *(_pairs(groups, f"copy, other {name}") for name, groups in check.conflicts(check.identical).items()),
        *(_pairs(groups, f"near copy, other {name}") for name, groups in check.conflicts(check.near).items()),
    ]
    seen: set[int] = set()
    queues = []
    for kind in kinds:
        fresh = [item for item in itertools.islice(kind, DOUBTFUL) if item[0] not in seen]
        seen |= {number for number, _ in fresh}
        queues.append(fresh)
    shares = [0] * len(queues)
    for turn in range(0, DOUBTFUL, 2):  # pairs stay together
        for which, queue in enumerate(queues):
            if turn < len(queue) and sum(shares) < DOUBTFUL:
                shares[which] = turn + 2
    for share, queue in zip(shares, queues, strict=True):
        yield from queue[:share]


def _pairs(groups: Groups, reason: str) -> Iterator[tuple[int, str]]:
    """Yields the first two of each group, side by side."""
    return ((number, reason) for group in groups for number in group[:2])


def _examples(check: Check, shown: Mapping[int, str]) -> Iterator[tuple[int, str]]:
    """Yields records of each class or band in turn, spread over the data set."""
    rng = np.random.default_rng(0)  # the same sheet each time
    queues = [
        (f"example of {name}", iter(rng.permutation(numbers).tolist()))
        for labels in check.labels
        for name, numbers in labels.groups().items()
        if len(numbers)
    ]
    seen = {*shown}
    while queues:
        for queue in list(queues):
            number = next((number for number in queue[1] if number not in seen), None)
            if number is None:
                queues.remove(queue)
                continue
            seen.add(number)
            yield number, queue[0]


def _read(check: Check, numbers: Iterable[int]) -> dict[int, Picture]:
    """Reads pictures again, and fits each into a square on grey."""
    by_name = {check.records[number].name: number for number in numbers}
    tiles = {number: np.full((_SIDE, _SIDE, 3), 128, np.uint8) for number in by_name.values()}
    for name, content in check.listing.read_files(by_name.keys()):
        if name in by_name:
            try:
                picture = content.chip if isinstance(content, CutFace) else decode_picture(content, name)
            except PictureError:  # it was readable before
                continue
            fitted = ImageOps.pad(Image.fromarray(picture), (_SIDE, _SIDE), Image.Resampling.BICUBIC, (128, 128, 128))
            tiles[by_name[name]] = np.asarray(fitted)
    return tiles

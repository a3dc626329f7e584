"""Labelled faces by the name of their data set."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError, lookup
from facekit.datasets.records import Allocate, Cut, Faces, in_memory
from facekit.datasets.table import read_table
from facekit.datasets.utkface import read_utkface
from facekit.faces.chips import cut_chips, whole_chip
from facekit.faces.detectors import make_detector
from facekit.faces.landmarks import make_landmarker
from facekit.heads import Head

DATASETS = {"table": read_table, "utkface": read_utkface}


def load_faces(
    dataset: str,
    data: str,
    heads: Sequence[Head],
    size: int,
    detector: str = "whole_image",
    allocate: Allocate = in_memory,
) -> Faces:
    """Reads a data set into one array.

    Args:
        dataset: "utkface" or "table".
        data: folder, archive or table; a pattern means its first match.
        heads: records whose labels do not fit them are dropped, and counted.
        size: side of the chips, pixels.
        detector: "whole_image" if the pictures are chips; else the largest face found is cut out of each.
        allocate: makes that array, which need not lie in memory.

    Raises:
        DataError: it is missing, damaged or has nothing usable.
        UnknownNameError: no such data set or detector.
    """
    path = find_data(dataset, data)
    return DATASETS[dataset](path, heads, size, _cutter(detector), allocate)


def find_data(dataset: str, data: str) -> Path:
    """A path, or the first match of a pattern. Raises UnknownNameError, and DataError if there is nothing."""
    lookup("dataset", dataset, DATASETS)
    path = Path(data)
    matches = [path] if path.exists() else sorted(path.parent.glob(path.name))
    matches = [match for match in matches if match.name != "README.md"]
    if not matches:
        raise DataError(f"No data at {data}. Put UTKFace there, or name a folder, archive or table with --data.")
    return matches[0]


def _cutter(detector: str) -> Cut:
    if detector == "whole_image":
        return whole_chip
    detect, landmark = make_detector(detector), make_landmarker(5)
    alone = Lock()  # dlib's detectors keep the picture they search: threads would get each other's faces

    def cut(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        with alone:
            boxes = [found.box for found in detect(picture)]
        largest = sorted(boxes, key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))[:1]
        return cut_chips(picture, landmark(picture, largest))

    return cut

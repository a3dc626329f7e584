"""The rows of one picture. Processes import this module to make them, and need neither Ray nor Arrow."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from facekit.core.errors import FaceKitError, PictureError
from facekit.estimates import FaceEstimate, PictureEstimate
from facekit.estimator import FaceEstimator
from facekit.faces.images import Item
from facekit.networks.descriptors import DESCRIPTOR

Row = dict[str, Any]
Task = tuple[Item | PictureError, "BatchConfig"]


@dataclass(frozen=True)
class BatchConfig:
    """What a run does with each picture; the results depend on all of it.

    Args:
        estimator: arguments of `FaceEstimator`.
        column: of Parquet tables, with pictures or their paths.
        chips: write the aligned chip of each face, as JPEG, that the first network answers.
        features: write the descriptor of each face, by which a video tells who is who.
    """

    estimator: Mapping[str, Any] = field(default_factory=dict)
    column: str | None = None
    chips: bool = False
    features: bool = False


def estimate_row(estimator: FaceEstimator, task: Task) -> list[Row]:
    """Returns the rows of one picture, without its name."""
    item, config = task
    if isinstance(item, PictureError):  # it could not be had
        return [{"error": str(item)}]
    (result,) = estimator.estimate_batch([item])
    if isinstance(result, FaceKitError):
        return [{"error": str(result)}]
    size = {"width": result.width, "height": result.height}
    rows = [{**size, **face_row(number, face)} for number, face in enumerate(result.faces)]
    if rows and (config.chips or config.features):
        for row, extra in zip(rows, _extras(estimator, result, config), strict=True):
            row |= extra
    return rows or [size]


def _extras(estimator: FaceEstimator, result: PictureEstimate, config: BatchConfig) -> Iterator[Row]:
    faces = result.faces
    cut = estimator.cut(result.picture, [face.box for face in faces], [face.score for face in faces])
    descriptors = estimator.predict(cut)[DESCRIPTOR] if config.features else [None] * len(faces)
    for chip, descriptor in zip(cut.chips, descriptors, strict=True):
        row: Row = {}
        if config.chips:
            content = io.BytesIO()
            Image.fromarray(chip).save(content, "JPEG", quality=95)
            row["chip"] = content.getvalue()
        if descriptor is not None:
            row["features"] = np.asarray(descriptor, np.float32)
        yield row


def face_row(number: int, face: FaceEstimate) -> dict[str, Any]:
    """Returns the columns of one face, the number-th of its picture from the left, counted from 0."""
    box = dict(zip(("left", "top", "right", "bottom"), face.box, strict=True))
    row = {"face": number, **box, "score": face.score, "quality": face.quality}
    for name, answer in face.answers.items():
        row |= {**answer.fields(name), f"{name}_unsure": answer.unsure}
    return row

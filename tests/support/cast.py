"""People for made films: of the demo photographs, and many of UTKFace."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from mot import overlap
from numpy.typing import NDArray
from puppets import Head, Pose, draw_head, head_of_chip, make_heads, make_room

from facekit.datasets.records import Record
from facekit.datasets.utkface import list_utkface
from facekit.faces.detectors import Box, make_detector
from facekit.faces.images import Picture, decode_picture
from facekit.heads import Label

STILL_SIZE = (480, 480)
STILL_POSE = Pose(240, 220, 180)
LEAST_CORRELATION = 0.8  # of the grey thumbnails of two chips that may show one person
SIMILAR_YEARS = 5


@dataclass(frozen=True, eq=False)
class Person:
    """A person in made films: the head, and the labels of the photograph (empty for the demo's)."""

    head: Head
    labels: Mapping[str, Label | None]

    def still(self) -> tuple[Picture, Box]:
        """Draws the photograph alone, with the box of its face."""
        picture = make_room(STILL_SIZE, 0).copy()
        draw_head(picture, self.head, STILL_POSE)
        x, y, half = STILL_POSE.x, STILL_POSE.y, STILL_POSE.width / 2
        return picture, (round(x - half), round(y - half), round(x + half), round(y + half))


def demo_cast() -> list[Person]:
    """Returns the three people of the demo photographs, the first two of whom trackers may confuse."""
    return [Person(make_heads()[index], {}) for index in (0, 3, 2)]


def utkface_cast(source: Path, n: int, seed: int = 0) -> list[Person]:
    """Chooses n people of UTKFace: every second one resembles the one before, the others do not.

    HOG finds each of their photographs; no two photographs are nearly the same.
    """
    listing = list_utkface(source)
    order = np.random.default_rng(seed).permutation(len(listing.records))[: 8 * n]
    candidates = [listing.records[index] for index in order.tolist()]
    files = dict(listing.read_files({record.name for record in candidates}))
    detect, people, seen = make_detector("hog", 120), list[Person](), list[NDArray[np.float64]]()
    while len(people) < n:
        is_hard = len(people) % 2 == 1
        fitting = (record for record in candidates if people and _resembles(record, people[-1].labels) == is_hard)
        record = next(fitting, candidates[0])
        candidates.remove(record)
        chip = decode_picture(files[record.name], record.name)
        clothes = np.random.default_rng(len(people)).integers(30, 200, 3).tolist()
        person, thumbnail = Person(head_of_chip(chip, clothes), record.labels), _thumbnail(chip)
        picture, box = person.still()
        is_found = any(overlap(face.box, box) > 0.6 for face in detect(picture))
        if is_found and all(thumbnail @ other < LEAST_CORRELATION for other in seen):
            people.append(person)
            seen.append(thumbnail)
    return people


def _resembles(record: Record, labels: Mapping[str, Label | None]) -> bool:
    """Tells whether gender and race are the same, and the ages similar."""
    same = all(record.labels[name] == labels[name] for name in ("gender", "race"))
    return same and abs(int(record.labels["age"]) - int(labels["age"])) <= SIMILAR_YEARS


def _thumbnail(chip: Picture) -> NDArray[np.float64]:
    grey = cv2.resize(cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA).ravel()
    centred = grey - grey.mean()
    return centred / max(float(np.linalg.norm(centred)), 1e-6)

"""Lists the records of a data set, in whichever form it is given: as published, or as a file of chips."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from facekit.core.errors import DataError
from facekit.datasets import DATASETS
from facekit.datasets.records import WHOLE, Frame, Listing
from facekit.faces.batch import Picture
from facekit.faces.chips import AlignedChip, ChipConfig, WholeChip
from facekit.faces.finder import FaceFinder

Cut = Callable[[Picture], Picture]  # picture -> chips (0 or 1, S, S, 3)


def list_dataset(name: str, path: Path) -> Listing:
    """Lists the records of a data set.

    Args:
        name: a key of `facekit.datasets.DATASETS`.
        path: of the data set as published, of a file that `facekit.datasets.prepare` wrote (`.h5`), or of a database of
            age-gender-estimation (`.mat`).

    Raises:
        DataError: it cannot be read, or is of another data set.
    """
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5") and path.is_file():
        from facekit.datasets.chip_file import list_chip_file

        return list_chip_file(name, path)
    if suffix == ".mat" and path.is_file():
        from facekit.datasets.age_gender_mat import list_age_gender_mat

        return list_age_gender_mat(name, path)
    return DATASETS[name].list_records(path)


def make_cut(listing: Listing, path: Path, detector: str, chip: ChipConfig, frame: Frame = WHOLE) -> Cut:
    """Makes the function that cuts the largest face of a picture; files of chips must have been cut in the same way.

    Args:
        listing: of the data set.
        path: of the data set.
        detector: a key of `facekit.faces.detectors.DETECTORS`.
        chip: rule by which a network wants its faces.
        frame: of the data set, see `Dataset`.

    Raises:
        DataError: the faces of the listing were cut in another way.
    """
    finder = FaceFinder(detector)
    if rule := listing.cut_rule:
        if detector != rule.detector:
            raise DataError(
                f"The faces in {path} were found by the detector {rule.detector}. Received: {detector}. Use the same.",
                argument="detector",
            )
        wanted = replace(finder.rule(chip), size=rule.chip.size)
        if wanted != rule.chip:
            raise DataError(
                f"The faces in {path} were cut by the rule {_rule_text(rule.chip)}. Received: {_rule_text(wanted)}. "
                "Prepare it anew, or change the recipe's chip."
            )
    part = frame if isinstance(chip, AlignedChip) and isinstance(finder.rule(chip), WholeChip) else WHOLE
    if part != WHOLE and rule is not None:  # whose chips are the whole pictures
        raise DataError(
            f"The faces in {path} are whole pictures, of which networks of aligned chips need a part. Name the data "
            "set itself."
        )
    return lambda picture: finder.cut_largest(_part(picture, part), chip).chips


def _part(picture: Picture, frame: Frame) -> Picture:
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(edge * side) for edge, side in zip(frame, (width, height) * 2, strict=True))
    return picture[top:bottom, left:right]


def _rule_text(chip: ChipConfig) -> str:
    rule, *settings = chip.to_dict().items()
    return ", ".join([str(rule[1]), *(f"{name} {value}" for name, value in settings)])

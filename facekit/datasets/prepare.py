"""Prepares a data set: decodes it once, cuts its faces, and writes them to one file that is read in its place."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facekit.core.errors import DataError, UsageError
from facekit.core.text import reasons_text
from facekit.datasets.chip_file import ChipFileInfo, write_chip_file
from facekit.datasets.listing import list_dataset, make_cut
from facekit.datasets.part_file import PartFile, refuse_existing
from facekit.datasets.records import CutRule, Listing, Record
from facekit.datasets.source import DataSource, find_data
from facekit.datasets.store import Pictures, cut_faces, oldest_first, progress_bar
from facekit.faces.chips import CHIP_SIZE, BoxChip, ChipConfig
from facekit.faces.detectors import find_detector
from facekit.faces.finder import FaceFinder


@dataclass(frozen=True)
class PreparedFile:
    """A file of chips that was written.

    Args:
        path: of the file.
        chips: number of them.
        size: side of the chips, pixels.
        continued: number of pictures that an earlier run had read.
        dropped: reason -> number of records that are not in it.
    """

    path: Path
    chips: int
    size: int
    continued: int
    dropped: dict[str, int]

    def __str__(self) -> str:
        """Says for people how much was written."""
        megabytes = self.path.stat().st_size / 1e6
        lines = [f"{self.path}: {self.chips:,} chips of {self.size} pixels, {megabytes:,.1f} MB"]
        if self.continued:
            lines.append(f"continued  {self.continued:,} pictures had been read before")
        return "\n".join([*lines, f"left out   {reasons_text(self.dropped)}"])


def prepare_dataset(source: DataSource, output: Path, chip: ChipConfig, min_score: float | None = None) -> PreparedFile:
    """Writes the faces of a data set to one file, which any reader takes in place of the data set.

    Pictures are read in threads and appended to `<output>.part`. A run that was killed continues it; the file itself
    appears when it is complete.

    Args:
        source: data set, path and detector; its split is not drawn.
        output: `.h5` file to write.
        chip: how faces are cut out of photographs; its size is that of all chips.
        min_score: lowest score of a face, where the data set states scores; None for all.

    Returns:
        What was written.

    Raises:
        DataError: the data set cannot be read or has no usable face, or the output exists or was begun with another.
        UsageError: the output is no `.h5`, the data set states no scores, or its chips are smaller.
        FaceKitError: the output cannot be written.
    """
    if isinstance(chip, BoxChip) and not find_detector(source.detector).finds_faces:
        raise UsageError("A margin needs a detector that finds faces, such as blazeface.", argument="margin")
    if output.suffix.lower() != ".h5":
        raise UsageError(f"The output must end in .h5. Received: {output}.", argument="output")
    refuse_existing(output)
    path = find_data(source)
    pictures, info = _list_pictures(source, path, chip, min_score)
    header = {**_header(info, path), "content": _digest(pictures.records, path)}
    with PartFile(output, header, chip.size) as part:
        continued = len(part.done)
        _fill(part, pictures, chip.size)
        chips = _write(part, output, info, pictures)
    part.remove()
    if not chips:
        raise DataError(f"{path} has no usable face: {reasons_text(pictures.dropped, 'no rows')}.", argument="data")
    return PreparedFile(output, chips, chip.size, continued, dict(pictures.dropped))


def _list_pictures(
    source: DataSource, path: Path, chip: ChipConfig, min_score: float | None
) -> tuple[Pictures, ChipFileInfo]:
    """Lists the pictures that are read, and says what the file tells of them all."""
    listing = list_dataset(source.dataset, path)
    # Faces are cut as recipes cut them, and then made smaller: thumbnails, and so the splits, are the same at any size.
    cut = make_cut(listing, path, source.detector, replace(chip, size=max(chip.size, CHIP_SIZE)))
    if listing.cut_rule and listing.cut_rule.size < chip.size:
        raise UsageError(
            f"{path} has chips of {listing.cut_rule.size} pixels, which must not be enlarged. Received: {chip.size}. "
            "Choose their size or less, or prepare the data set itself.",
            argument="size",
        )
    kept, dropped = _scored(listing, path, min_score)
    lowest = max((score for score in (listing.min_score, min_score) if score is not None), default=None)
    rule = CutRule(source.detector, FaceFinder(source.detector).rule(chip), chip.size)
    pictures = Pictures(oldest_first(kept), listing.read_files, cut, dropped)
    return pictures, ChipFileInfo(source.dataset, path.name, rule, lowest, dropped)


def _write(part: PartFile, output: Path, info: ChipFileInfo, pictures: Pictures) -> int:
    """Writes the file, unless there is no face; returns the number of its chips."""
    reasons = part.reasons()
    pictures.dropped.update(reasons.values())
    read = sorted(part.done.keys() - reasons.keys())  # oldest first
    if read:
        records, index = [pictures.records[number] for number in read], [part.done[number] for number in read]
        write_chip_file(output, replace(info, dropped=pictures.dropped), records, part.rows(), index)
    return len(read)


def _fill(part: PartFile, pictures: Pictures, size: int) -> None:
    """Reads the pictures that the file lacks."""
    numbers = {record.name: number for number, record in enumerate(pictures.records)}
    if twice := len(pictures.records) - len(numbers):
        pictures.dropped["name twice"] += twice
    wanted = {name for name, number in numbers.items() if number not in part.done}
    with progress_bar(len(numbers), len(part.done)) as bar:
        if wanted:
            for name, face in cut_faces(pictures, wanted, size):
                part.add(numbers[name], face)
                bar.update()


def _scored(listing: Listing, path: Path, min_score: float | None) -> tuple[list[Record], Counter[str]]:
    """Selects the records whose faces score high enough; those without a score stay."""
    if min_score is None:
        return list(listing.records), Counter(listing.dropped)
    if all(record.score is None for record in listing.records):
        raise UsageError(
            f"{path} states no scores of faces. Received: {min_score:g}. Leave it out.", argument="min_score"
        )
    kept = [record for record in listing.records if record.score is None or record.score >= min_score]
    low = {f"face score below {min_score:g}": len(listing.records) - len(kept)}
    return kept, Counter(listing.dropped) + Counter(low)


def _header(info: ChipFileInfo, path: Path) -> dict[str, object]:
    """Returns what a run that continues must share, but for the records."""
    rule, state = info.cut_rule, path.stat()
    source = [str(path.absolute())] + ([] if path.is_dir() else [str(state.st_size), str(state.st_mtime_ns)])
    settings = {"size": rule.size, "detector": rule.detector, "chip": rule.chip.to_dict(), "min_score": info.min_score}
    return {"dataset": info.dataset, "source": source, **settings}


def _digest(records: Sequence[Record], path: Path) -> str:
    """Returns a digest of all that records say, and of the sizes of those that are files in a folder."""
    digest, is_folder = hashlib.sha256(), path.is_dir()
    for record in records:
        digest.update(repr(record).encode("utf-8", "surrogateescape"))
        if is_folder and (file := path / record.name).is_file():
            digest.update(str(file.stat().st_size).encode())
    return digest.hexdigest()

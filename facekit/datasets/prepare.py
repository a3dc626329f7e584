"""Prepares a data set: decodes it once, cuts its faces, and writes them to one file that is read in its place."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facekit.core.errors import DataError, UsageError
from facekit.datasets.chip_file import ChipFileInfo, write_chip_file
from facekit.datasets.listing import list_dataset, make_cut
from facekit.datasets.part_file import PartFile
from facekit.datasets.records import CutRule, Listing, Record
from facekit.datasets.source import DataSource, find_data
from facekit.datasets.store import Pictures, cut_faces, oldest_first, progress_bar
from facekit.faces.chips import AlignedChip, BoxChip, ChipConfig
from facekit.faces.detectors import find_detector
from facekit.faces.finder import FaceFinder


@dataclass(frozen=True)
class PreparedFile:
    """A file of chips that was written.

    Args:
        path: of the file.
        chips: number of them.
        continued: number of pictures that an earlier run had read.
        size: side of the chips, pixels.
        dropped: reason -> number of records that are not in it.
    """

    path: Path
    chips: int
    size: int
    continued: int
    dropped: dict[str, int]

    def __str__(self) -> str:
        """What was written, for people."""
        megabytes = self.path.stat().st_size / 1e6
        lines = [f"{self.path}: {self.chips:,} chips of {self.size} pixels, {megabytes:,.1f} MB"]
        if self.continued:
            lines.append(f"continued  {self.continued:,} pictures had been read before")
        return "\n".join([*lines, f"left out   {_text(Counter(self.dropped)) or 'none'}"])


def prepare_dataset(
    source: DataSource,
    output: Path,
    size: int,
    chip: ChipConfig | None = None,
    min_score: float | None = None,
) -> PreparedFile:
    """Writes the faces of a data set to one file, which any reader takes in place of the data set.

    Pictures are read in threads and appended to `<output>.part`. A run that was killed continues it; the file itself
    appears when it is complete.

    Args:
        source: data set, path and detector; its split is not drawn.
        output: `.h5` file to write.
        size: side of the chips, pixels.
        chip: how faces are cut out of photographs; None for `AlignedChip`.
        min_score: lowest score of a face, where the data set states scores; None for all.

    Returns:
        What was written.

    Raises:
        DataError: the data set cannot be read or has no usable face, or the output exists or was begun with another.
        UsageError: the output is no `.h5`, the size is below 1, or the data set states no scores.
        FaceKitError: the output cannot be written.
    """
    chip = chip or AlignedChip()
    replace(chip, size=size)  # refuses an impossible size
    if isinstance(chip, BoxChip) and not find_detector(source.detector).finds_faces:
        raise UsageError("A margin needs a detector that finds faces, such as blazeface.", argument="margin")
    if output.suffix.lower() != ".h5":
        raise UsageError(f"The output must end in .h5. Received: {output}.", argument="output")
    if output.exists():
        raise DataError(f"{output} exists. Delete it, or choose another output.", argument="output")
    path = find_data(source)
    listing = list_dataset(source.dataset, path)
    cut = make_cut(listing, path, source.detector, chip)
    kept, dropped = _scored(listing, path, min_score)
    records, rule = oldest_first(kept), CutRule(source.detector, FaceFinder(source.detector).rule(chip), size)
    info = ChipFileInfo(source.dataset, path.name, rule, min_score, dropped)
    header = {**_header(info), "content": _digest(records)}
    pictures = Pictures(records, listing.read_files, cut, dropped)
    with PartFile(output.with_name(f"{output.name}.part"), header, size) as part:
        continued = len(part.done)
        _fill(part, pictures, size)
        chips = _write(part, output, info, pictures)
    part.path.unlink()
    if not chips:
        raise DataError(f"{path} has no usable face: {_text(dropped) or 'no rows'}.", argument="data")
    return PreparedFile(output, chips, size, continued, dict(dropped))


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


def _header(info: ChipFileInfo) -> dict[str, object]:
    """Returns what a run that continues must share, but for the records."""
    rule = info.cut_rule
    settings = {"size": rule.size, "detector": rule.detector, "chip": rule.chip.to_dict(), "min_score": info.min_score}
    return {"dataset": info.dataset, "source": info.source, **settings}


def _digest(records: Sequence[Record]) -> str:
    """Returns a digest of all that records say."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(repr(record).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _text(dropped: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count)

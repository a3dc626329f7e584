"""A data set as a recipe or a script names it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from facekit.core.errors import DataError, UsageError, lookup
from facekit.datasets import DATASETS
from facekit.datasets.split_rule import SplitRule
from facekit.faces.detectors import find_detector

PREPARED = (".h5", ".hdf5", ".mat")  # suffixes of what is made from a data set
UNKNOWN_LABELS = {"drop": False, "missing": True}


@dataclass(frozen=True)
class DataSource:
    """Which data is read, and how.

    Args:
        dataset: a key of `facekit.datasets.DATASETS`.
        path: folder, archive or table; a pattern means its first match; None for the data set's usual path.
        weight: how often an epoch uses its records, relative to those of other sources.
        split: a key of `facekit.datasets.split_rule.SPLITS`; None for the data set's own rule
            (`Dataset.split`).
        validation_share, test_share: fractions of the groups that are drawn for these sides.
        detector: "whole_image" if the pictures are chips; else the detector that finds the faces, of which the largest
            is cut out.
        unknown: "drop" to drop and count records with a label that a head does not know; a data set that declares
            classes which a head does not know is refused. "missing" to treat all such labels as missing, and count
            them. None for the data set's own rule: "missing" in a table, else "drop".

    Raises:
        UnknownNameError: no such data set, split, detector or treatment of unknown labels.
        UsageError: the weight is not positive, or the shares are impossible.
    """

    dataset: str
    path: str | None = None
    weight: float = 1.0
    split: str | None = None
    detector: str = "whole_image"
    unknown: str | None = None
    validation_share: float = SplitRule.validation_share
    test_share: float = SplitRule.test_share

    def __post_init__(self) -> None:
        dataset = lookup("dataset", self.dataset, DATASETS)
        for name in ("split", "unknown"):  # set, so that cards name the rules
            object.__setattr__(self, name, getattr(self, name) or getattr(dataset, name))
        self.split_rule  # noqa: B018  checks it
        lookup("treatment of unknown labels", str(self.unknown), UNKNOWN_LABELS)
        find_detector(self.detector)
        if not 0 < self.weight < float("inf"):
            raise UsageError(f"A source's weight must be positive. Received: {self.weight}.")

    @property
    def unknown_is_missing(self) -> bool:
        return UNKNOWN_LABELS[str(self.unknown)]

    @property
    def split_rule(self) -> SplitRule:
        """Rule by which the data is split."""
        return SplitRule(str(self.split), self.validation_share, self.test_share)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def find_data(source: DataSource) -> Path:
    """Returns the path of a source, or the first match of its pattern: the data set itself before prepared files.

    Raises:
        DataError: nothing is there.
    """
    dataset = DATASETS[source.dataset]
    pattern = source.path or dataset.usual_path
    if pattern is None:
        raise DataError(f"Name the path of {dataset.title}. Received none.", argument="data")
    path = Path(pattern)
    found = [path] if path.exists() else sorted(path.parent.glob(path.name))
    matches = [match for match in found if match == path or match.name[0] != "."]  # hidden: our caches
    matches = [match for match in matches if match.name != "README.md" and match.suffix != ".part"]
    if not matches:
        raise DataError(
            f"No data at {path}. Put {dataset.title} there, or name a folder, archive or table.", argument="data"
        )
    return min(matches, key=lambda match: match.suffix.lower() in PREPARED)


def locate_sources(
    sources: Sequence[DataSource], paths: Sequence[str], detector: str | None = None
) -> tuple[DataSource, ...]:
    """Gives sources the paths and the detector that a user names.

    Args:
        sources: of a recipe.
        paths: NAME=PATH for the data set of this name, or PATH alone for a single source.
        detector: for all sources; None to keep theirs.

    Raises:
        UsageError: a path does not say which of several sources it belongs to.
    """
    names = [source.dataset for source in sources]
    located: dict[str, str] = {}
    for given in paths:
        name, equals, path = given.partition("=")
        if len(names) == 1 and not (equals and name in names):
            name, path = names[0], given
        if not path or names.count(name) != 1:
            raise UsageError(
                f"Each of several data sets needs NAME=PATH, with NAME one of {', '.join(names)}. Received: {given}.",
                argument="data",
            )
        located[name] = str(Path(path).absolute())
    return tuple(
        replace(source, path=located.get(source.dataset, source.path), detector=detector or source.detector)
        for source in sources
    )

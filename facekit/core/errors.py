"""Exceptions that a caller may catch. Each message is one line: the rule, what was received, what to do."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


class FaceKitError(Exception):
    """Base class of the errors that facekit raises on purpose.

    Args:
        message: one line for people.
        argument: name of the Python argument that must change, if one must; a script adds its own option's name.
    """

    def __init__(self, message: str = "", *, argument: str | None = None) -> None:
        super().__init__(message)
        self.argument = argument


class UsageError(FaceKitError):
    """An argument with an impossible value."""


class PictureError(FaceKitError):
    """A file or array that cannot be used as a picture."""


class DataError(FaceKitError):
    """A data set, table or archive that cannot be read."""


class WeightsError(FaceKitError):
    """A weights file that is missing, damaged, without its card, or made for another network."""


class TrainingError(FaceKitError):
    """A training run that cannot start or continue."""


class FinishedError(TrainingError):
    """A training run that has nothing left to do."""


class VideoError(FaceKitError):
    """A camera or video that cannot be opened, read or written."""


class BackendError(FaceKitError):
    """Something that Keras cannot do with the backend it runs on."""


class UnknownNameError(UsageError):
    """A name that is not registered."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"Unknown {kind}: {name!r}.{hint} Known: {', '.join(known)}.")


class MissingExtraError(FaceKitError):
    """A package that is not installed, because it comes with one of facekit's extras.

    Args:
        message: one line for people.
        extra: name of the extra.
        argument: as of `FaceKitError`.
    """

    def __init__(self, message: str = "", extra: str = "", *, argument: str | None = None) -> None:
        super().__init__(message, argument=argument)
        self.extra = extra


class InputSizeError(FaceKitError, ValueError):
    """An input size that is too small for the network."""

    def __init__(self, network: str, smallest: int, received: int) -> None:
        super().__init__(
            f"Input size must be at least {smallest} for {network}. Received: {received}. "
            f"Set input_size={smallest} or more."
        )


def lookup(kind: str, name: str, table: Mapping[str, T]) -> T:
    """Returns the entry of a name. Raises UnknownNameError, which lists the known names and suggests the nearest."""
    if name not in table:
        raise UnknownNameError(kind, name, table)
    return table[name]

"""Container of a batch of faces, checked when it is made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # RGB (H, W, 3)
InputSize = int | tuple[int, int]  # of a network's picture: its side, or height and width, pixels
LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue in a grey picture (ITU-R BT.601)


def height_and_width(size: InputSize) -> tuple[int, int]:
    """Returns height and width of a network's picture, pixels."""
    return size if isinstance(size, tuple) else (size, size)


def size_text(size: InputSize) -> str:
    """Returns the size for people: "200", or height x width as in "224x160"."""
    return "x".join(map(str, size)) if isinstance(size, tuple) else str(size)


# Optional arrays of a batch: their type, and the sizes behind the first; None for any.
_ARRAYS: dict[str, tuple[type[np.generic], tuple[int | None, ...]]] = {
    "boxes": (np.integer, (4,)),
    "landmarks": (np.float32, (None, 2)),
    "features": (np.float32, (None,)),
}


@dataclass(frozen=True, eq=False)
class FaceBatch:
    """n faces of one or more pictures, as networks take them.

    Args:
        chips: RGB uint8 (n, H, W, 3), squares unless they are resized for a network whose input is none.
        boxes: (n, 4) left, top, right, bottom in the picture, pixels; right and bottom exclusive. None if unknown.
        landmarks: (n, 5 | 68, 2) float32, x and y in the picture, pixels. None where faces are not aligned.
        features: (n, F) float32, what a network takes beside the chips. None if nothing has been computed.

    Raises:
        ValueError: an array has another shape or type.
    """

    chips: NDArray[np.uint8]
    boxes: NDArray[np.integer] | None = None
    landmarks: NDArray[np.float32] | None = None
    features: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        chips = self.chips
        if chips.dtype != np.uint8 or chips.ndim != 4 or chips.shape[3] != 3:
            raise ValueError(f"Chips must be RGB uint8 (n, H, W, 3). Received: {chips.dtype} {chips.shape}.")
        for name, (kind, sizes) in _ARRAYS.items():
            array = getattr(self, name)
            if array is None:
                continue
            fits = array.ndim == 1 + len(sizes) and all(
                size in (None, given) for size, given in zip((len(chips), *sizes), array.shape, strict=True)
            )
            if not fits or not np.issubdtype(array.dtype, kind):
                rule = ", ".join("any" if size is None else str(size) for size in (len(chips), *sizes))
                raise ValueError(
                    f"{name} must be {kind.__name__} ({rule}), as there are {len(chips)} chips. "
                    f"Received: {array.dtype} {array.shape}."
                )

    def __len__(self) -> int:
        return len(self.chips)

    def __getitem__(self, index: slice | NDArray[np.integer]) -> "FaceBatch":
        """Selects faces by a slice or by indices."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        selected = {name: array if array is None else array[index] for name, array in arrays.items()}
        return replace(self, chips=self.chips[index], **selected)

    @classmethod
    def concatenate(cls, batches: Sequence["FaceBatch"]) -> "FaceBatch":
        """Joins one or more batches of equal chip size; what one of them lacks, the result lacks."""

        def joined(name: str) -> Any:
            arrays = [getattr(batch, name) for batch in batches]
            return None if any(array is None for array in arrays) else np.concatenate(arrays)

        chips = np.concatenate([batch.chips for batch in batches])
        return cls(chips, **{name: joined(name) for name in _ARRAYS})

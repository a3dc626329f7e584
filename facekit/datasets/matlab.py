"""Reads MATLAB files of version 5."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facekit.core.errors import DataError
from facekit.core.lazy_imports import from_extra


def read_matlab(source: Path | bytes, names: Sequence[str], title: object) -> dict[str, Any]:
    """Reads some variables.

    Args:
        source: the file, or its content.
        names: of the variables; those that are not there are left out.
        title: of the file, for the message.

    Returns:
        Name -> array, as SciPy reads it.

    Raises:
        DataError: it cannot be read.
        MissingExtraError: SciPy is not installed.
    """
    with from_extra("train"):
        from scipy.io import loadmat
    try:
        with open(source, "rb") if isinstance(source, Path) else io.BytesIO(source) as file:
            is_newer = file.read(10) == b"MATLAB 7.3"
            file.seek(0)
            found = {} if is_newer else loadmat(file, variable_names=names)
    except Exception as error:  # whatever damage makes SciPy raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{title} is damaged or no MATLAB file: {reason}. Fetch or make it again.", argument="data"
        ) from error
    if is_newer:
        raise DataError(f"{title} is of MATLAB 7.3 (HDF5), not of 5. Save it with -v7.", argument="data")
    return {name: found[name] for name in names if name in found}

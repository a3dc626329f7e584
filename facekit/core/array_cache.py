"""Cache of computed arrays: a hidden file beside what they were computed from, or in the user's cache folder."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.core.files import atomic_path, cache_folder

Arrays = Mapping[str, Any]  # name -> array


def cached_arrays(
    kind: str, key: str, source: NDArray[Any], beside: Path | None, compute: Callable[[], Arrays]
) -> Arrays:
    """Reads arrays from the cache, or computes and stores them; without a place to write they are only computed.

    Args:
        kind: what they are, as in "near-duplicates"; part of the file's name.
        key: settings of the computation; another key is another file.
        source: what they are computed from; its content is part of the file's name.
        beside: file or folder beside which the cache lies; None for no cache.
        compute: makes the arrays.
    """
    if beside is None:
        return compute()
    digest = hashlib.sha256(repr((key, source.shape)).encode())
    digest.update(np.ascontiguousarray(source).data)
    name = f".{kind}-{digest.hexdigest()[:16]}.npz"
    paths = [folder / name for folder in (beside.absolute().parent, cache_folder()) if folder]
    for path in paths:
        with suppress(Exception):  # missing, damaged, or another program's
            return _read(path)
    arrays = compute()
    for path in paths:
        with suppress(OSError), atomic_path(path) as temporary:
            np.savez_compressed(temporary, sha256=np.array(_digest(name, arrays)), **arrays)
            break
    return arrays


def _read(path: Path) -> Arrays:
    with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:  # np.load leaves a damaged one open
        arrays = {name: file[name] for name in file.files}
    if arrays.pop("sha256") != _digest(path.name, arrays):
        raise ValueError(f"{path} is damaged, or another data set's.")
    return arrays


def _digest(name: str, arrays: Arrays) -> str:
    """Returns a digest of arrays and the name of their file, which depends on what they were computed from."""
    digest = hashlib.sha256(name.encode())
    for key in sorted(arrays):
        digest.update(f"{key} {arrays[key].dtype.str} {arrays[key].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[key]).tobytes())
    return digest.hexdigest()

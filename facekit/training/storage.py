"""Storage of a training's chips: on the device, in host memory, or in a file that is mapped into memory."""

import math
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import TrainingError, lookup
from facekit.datasets.store import in_memory
from facekit.training.memory import free_on_device, free_on_host

STORES = {"device": "in the memory of the device", "host": "in host memory", "stream": "in a file on disk"}
ROOM = 3_000_000_000  # bytes beside the chips: dlib_resnet takes 1.6 GB at 200 px, larger networks more


class Storage:
    """Allocates the array that the chips are read into, once their number is known.

    Args:
        data_in: a key of STORES, or "auto" for the first that has room: a GPU's memory, the host's, the disk.
        folder: for the file, which disappears with the process, however that ends.

    Attributes:
        store: the key of STORES that was chosen.
        reason: why; "" where it was named.

    Raises:
        UnknownNameError: no such storage.
    """

    def __init__(self, data_in: str, folder: Path) -> None:
        lookup("storage of the data", data_in, {"auto": "", **STORES})
        self.store, self.folder = data_in, folder
        self.reason, self.size = "", 0

    def allocate(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Allocates an array of this shape, to be filled. Raises TrainingError if the disk is full."""
        if self.store == "auto":
            self.store, self.reason = choose_store(math.prod(shape))
        self.size = math.prod(shape)
        return _mapped(shape, self.folder) if self.store == "stream" else in_memory(shape)

    def __str__(self) -> str:
        return f"{self.size / 1e9:.2f} GB {STORES[self.store]}" + (f": {self.reason}" if self.reason else "")


def choose_store(size: int) -> tuple[str, str]:
    """Chooses where chips of so many bytes fit beside the network, and says why."""
    device, host = free_on_device(), free_on_host()
    if device is not None and size + ROOM <= device:
        return "device", f"its GPU has {device / 1e9:.1f} GB free"
    if host is None:
        return "host", "this system does not tell how much of it is free"
    if size + ROOM <= host:
        return "host", f"{host / 1e9:.1f} GB are free"
    return "stream", f"only {host / 1e9:.1f} GB of memory are free"


def _mapped(shape: tuple[int, ...], folder: Path) -> NDArray[np.uint8]:
    """Maps an array from an unnamed file, of which the system keeps in memory what fits."""
    size = math.prod(shape)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):  # a disk that is full later would kill the process
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.uint8, "r+", shape=shape)
    except OSError as error:
        raise TrainingError(
            f"The chips need {size / 1e9:.1f} GB in {folder}: {error.strerror or error}. Make room, or start in a "
            "folder on a larger disk."
        ) from error

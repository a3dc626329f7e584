"""The C library's allocator: which freed memory it keeps."""

import ctypes
import sys
from contextlib import suppress

# Parameters of glibc's `mallopt` (malloc.h), and their values here.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_LARGEST_INT, _PAD_BYTES = 2**31 - 1, 64 * 2**20


def keep_freed_memory() -> None:
    """Lets glibc keep what a process frees, for the next allocation, instead of returning it to the system.

    Each step of a training frees and allocates the same large tensors. Fetching their pages anew can take as long as
    computing them (`benchmarks/allocator.py`). Call it before other threads start; other C libraries stay as they are.
    """
    if sys.platform != "linux":
        return
    with suppress(AttributeError, OSError):  # a C library without mallopt
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_MAX, 0)  # no allocation gets pages of its own
        mallopt(_TRIM_THRESHOLD, _LARGEST_INT)
        mallopt(_TOP_PAD, _PAD_BYTES)
        mallopt(_ARENA_MAX, 1)  # threads free what others allocate

"""Locks on files, which the system releases with the process, however that ends."""

import errno
import sys
from typing import IO


def acquire_lock(file: IO[bytes]) -> bool:
    """Tries to lock an open file until it is closed.

    Returns:
        True unless it is locked already; also where locks are not supported, as on some network drives.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True

"""A file that holds whole fragments only, or whole lines, even after a failed write."""

import os
from contextlib import suppress
from pathlib import Path


class FragmentFile:
    """Unbuffered output file that ignores further writes after a failed one.

    FFmpeg itself would continue, and leave half a fragment and an index of data that never reached the disk.

    Args:
        path: an existing file is replaced, missing folders are created.

    Attributes:
        n_commits: number of commits that added data.
        has_failed: whether a write failed.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "wb", buffering=0)
        self._committed = 0  # bytes of header and whole fragments
        self.n_commits = 0
        self.has_failed = False

    def write(self, content: bytes) -> int:
        if not self.has_failed:
            rest = memoryview(content)
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError:
                self.has_failed = True
                raise
        return len(content)

    def append(self, content: bytes) -> None:
        """Writes a whole fragment or nothing. Raises OSError."""
        try:
            self.write(content)
        except OSError:
            self.truncate()
            raise
        self.commit()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def commit(self) -> None:
        """Marks everything written so far as whole."""
        size = os.fstat(self._file.fileno()).st_size
        self.n_commits += size > self._committed
        self._committed = size

    def truncate(self) -> None:
        """Removes everything after the last commit, and ignores further writes."""
        self.has_failed = True
        with suppress(OSError):
            self._file.truncate(self._committed)

    def close(self) -> None:
        self._file.close()

"""A file that holds whole fragments only, or whole lines, even after a failed write."""

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any


class FragmentFile(io.FileIO):
    """Unbuffered new file that ignores further writes after a failed one; missing folders are created.

    FFmpeg itself would continue, and leave half a fragment and an index of data that never reached the disk.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(str(path), "w")
        self._committed = 0  # bytes of header and whole fragments
        self.n_commits = 0  # that added data
        self.has_failed = False

    def write(self, content: Any) -> int:
        if not self.has_failed:
            rest = memoryview(content)
            try:
                while rest:
                    rest = rest[super().write(rest) :]
            except OSError:
                self.give_up()
                raise
        return len(content)

    def append(self, content: bytes) -> None:
        """Writes a whole fragment or nothing. Raises OSError."""
        self.write(content)
        self.commit()

    def commit(self) -> None:
        """Marks everything written so far as whole."""
        size = os.fstat(self.fileno()).st_size
        self.n_commits += size > self._committed
        self._committed = size

    def give_up(self) -> None:
        """Removes everything after the last commit, and ignores further writes."""
        self.has_failed = True
        with suppress(OSError):
            self.truncate(self._committed)

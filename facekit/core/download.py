"""Downloads that survive cut connections."""

import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from facekit.core.errors import WeightsError

TIMEOUT = 15.0  # seconds without a byte
TRIES = 4  # in a row, each without a byte more than before
PAUSE = 1.0  # seconds between them
CUT = (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)


def fetch(url: str, path: Path) -> None:
    """Downloads a file; what came of an earlier try, in `path` with ".part" added, is gone on with.

    Args:
        url: where it is.
        path: where it goes; it appears there whole or not at all.

    Raises:
        WeightsError: it cannot be had, or not be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        longest, failures = _size(part), 0
        while not _receive(url, part):
            failures = failures + 1 if _size(part) <= longest else 0
            longest = max(longest, _size(part))
            if failures == TRIES:
                raise WeightsError(f"Cannot fetch {url}: the connection was cut {TRIES} times. Try again later.")
            time.sleep(PAUSE)
        os.replace(part, path)
    except OSError as error:  # what urllib raises, too
        raise WeightsError(f"Cannot fetch {url} to {path}: {str(error).strip('<>')}.") from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _receive(url: str, part: Path) -> bool:
    """One try: adds what comes to `part`. True when that is all of it, False when the connection was cut."""
    start = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            if response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                mode = "ab"
            else:  # a server that knows no ranges sends all of it
                mode, start = "wb", 0
            length = response.headers.get("Content-Length")
            total = None if length is None else start + int(length)
            with (
                open(part, mode) as file,
                tqdm(desc=part.stem, initial=start, total=total, unit="B", unit_scale=True) as bar,
            ):
                while chunk := response.read(1 << 16):
                    file.write(chunk)
                    bar.update(len(chunk))
        return total is None or _size(part) == total
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:  # what is there is not the beginning of what the server has
            part.unlink()
            return False
        raise
    except CUT:
        return False

"""Downloads that survive cut connections."""

import hashlib
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
ATTEMPTS = 4  # in a row that bring no byte
PAUSE = 1.0  # seconds between attempts
CONNECTION_ERRORS = (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)


def fetch(url: str, path: Path, sha256: str | None = None) -> None:
    """Downloads a file. Resumes a partial download, which is kept as `path` with ".part" added.

    Args:
        url: address of the file.
        path: where to write it; a complete file appears there or none.
        sha256: hash of the file in hexadecimal digits, if it is known.

    Raises:
        WeightsError: the file cannot be fetched or written, or has another hash.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        longest, failures = _size(part), 0
        while not _receive(url, part):
            failures = failures + 1 if _size(part) <= longest else 0
            longest = max(longest, _size(part))
            if failures == ATTEMPTS:
                raise WeightsError(f"Cannot fetch {url}: the connection was cut {ATTEMPTS} times. Try again later.")
            time.sleep(PAUSE)
        if sha256:
            _check_hash(part, url, sha256)
        os.replace(part, path)
    except OSError as error:  # urllib's errors are of this class, too
        raise WeightsError(f"Cannot fetch {url} to {path}: {str(error).strip('<>')}.") from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _receive(url: str, part: Path) -> bool:
    """Requests what is missing and appends it to `part`. Returns whether the file is complete."""
    start = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            if response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                mode = "ab"
            else:  # the server ignores ranges and sends the whole file
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
        if error.code == 416 and start:  # the partial file is longer than the server's
            part.unlink()
            return False
        raise
    except CONNECTION_ERRORS:
        return False


def _check_hash(part: Path, url: str, expected: str) -> None:
    """Deletes a complete download that has another hash, since resuming could not repair it. Raises WeightsError."""
    with open(part, "rb") as file:
        received = hashlib.file_digest(file, "sha256").hexdigest()
    if received != expected.lower():
        part.unlink()
        raise WeightsError(f"{url} must have the SHA-256 {expected}. Received: {received}. Fetch it again.")

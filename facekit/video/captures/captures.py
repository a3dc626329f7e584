"""Captures of a video: annotated frames and the best picture of each face, each with a JSON file."""

import json
import queue
import re
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

import cv2

from facekit.faces.images import Picture
from facekit.video.captures.best_faces import BestFace, BestFaces
from facekit.video.captures.uploads import open_target
from facekit.video.frames import Scene

NOTE = "Estimates by a network from pixels: they may be wrong, and are no facts about a person."
JPEG_QUALITY = 90
MAX_BACKLOG_BYTES = 256_000_000  # of pictures that wait to be encoded


class Captures:
    """Writes captures in one thread, and uploads them in another. Leaving its `with` block closes it.

    A capture is a JPEG and a JSON file of the same name: time in UTC, the frame's index, and random digits, so that
    runs and machines can share a target.

    Args:
        target: a folder, or s3://bucket/prefix.
        every: seconds of the video between captured frames; None for none.
        faces: whether to capture the best picture of each track when the track ends.
        endpoint, encryption: of the bucket, as for `uploads.Bucket`.
        source: its name, for the JSON file; a password in an address is removed.
        live: whether captures are dropped when the disk is too slow; otherwise the video waits.
        note: receives one-line messages about lost and waiting captures, from any thread.

    Raises:
        UsageError: if the target or an option is not allowed.
        FaceKitError: if the target cannot be used.
    """

    def __init__(
        self,
        target: str,
        *,
        every: float | None = None,
        faces: bool = False,
        endpoint: str | None = None,
        encryption: str | None = None,
        source: str,
        live: bool,
        note: Callable[[str], None],
    ) -> None:
        self._target, self._every, self._due, self._live, self._note = target, every, 0.0, live, note
        self._source = re.sub(r"//[^/@]*@", "//", source)
        self._best = BestFaces() if faces else None
        self._jobs: queue.SimpleQueue[tuple[str, Picture, dict[str, Any]] | None] = queue.SimpleQueue()
        self._room, self._backlog, self._lost = threading.Condition(), 0, 0
        self._stored = 0
        self._store = open_target(target, endpoint, encryption, note)
        self._writer = threading.Thread(target=self._write_all, name="captures", daemon=True)
        self._writer.start()

    def __str__(self) -> str:
        """Returns how many there are, and where."""
        return f"{self._stored} capture{'' if self._stored == 1 else 's'} in {self._target}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def offer(self, scene: Scene, drawn: Picture) -> None:
        """Makes the captures that are due.

        Args:
            scene: the frame and its faces.
            drawn: the annotated frame, RGB uint8 (H, W, 3); must not be changed afterwards.
        """
        if self._every:
            late = scene.frame.time - self._due + 1e-6  # frame times are not exact multiples
            if late >= 0:
                self._due += self._every * (late // self._every + 1)
                self.take(scene, drawn)
        if self._best:
            for face in self._best.update(scene):
                self._take_face(face)

    def take(self, scene: Scene, drawn: Picture) -> None:
        """Captures a frame. Arguments as of `offer`."""
        self._put(scene, drawn)

    def close(self) -> None:
        """Captures the remaining faces, writes all captures, and waits a few seconds for uploads."""
        for face in self._best.end() if self._best else ():
            self._take_face(face)
        self._jobs.put(None)
        self._writer.join()
        if self._lost > 1:
            self._note(f"{self._lost} captures were lost.")
        self._store.close()

    def _take_face(self, best: BestFace) -> None:
        scene = Scene(best.frame, (best.face,))
        self._put(scene, best.frame.picture, f"-track-{best.face.track:06d}", {"crop": list(best.crop)})

    def _put(self, scene: Scene, picture: Picture, suffix: str = "", more: dict[str, Any] | None = None) -> None:
        frame = scene.frame
        taken = datetime.fromtimestamp(time.time() - (time.monotonic() - frame.captured), UTC)
        stamp = taken.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        name = f"{stamp.replace(':', '-')}-{frame.index:06d}-{secrets.token_hex(3)}{suffix}"
        height, width = picture.shape[:2]
        about = {"captured": stamp, "source": self._source, "picture": f"{name}.jpg", "size": [width, height]}
        with self._room:
            if not self._live:
                self._room.wait_for(lambda: self._backlog < MAX_BACKLOG_BYTES)
            if self._backlog < MAX_BACKLOG_BYTES:
                self._backlog += picture.nbytes
                self._jobs.put((name, picture, {**about, **(more or {}), **scene.to_dict(), "note": NOTE}))
                return
        self._report_loss("the disk is too slow for so many")

    def _write_all(self) -> None:
        while job := self._jobs.get():
            name, picture, metadata = job
            try:
                text = json.dumps(metadata, indent=2) + "\n"
                self._store.add(name, self._encode(picture), text.encode())
                self._stored += 1
            except Exception as error:  # no failed capture ends the video
                self._report_loss(str(error).rstrip("."))
            with self._room:
                self._backlog -= picture.nbytes
                self._room.notify()

    def _encode(self, picture: Picture) -> bytes:
        settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        is_done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
        if not is_done:
            raise ValueError("JPEG cannot hold this picture")
        return bytes(data)

    def _report_loss(self, reason: str) -> None:
        with self._room:
            self._lost += 1
        if self._lost == 1:  # the others are counted at the end
            self._note(f"A capture is lost: {reason}.")

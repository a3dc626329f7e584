"""Captures of a video: annotated frames and the best picture of each face, each with a JSON file."""

import hashlib
import io
import json
import queue
import re
import secrets
import threading
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from facekit.core.files import user_state, writable_folder
from facekit.core.lazy_imports import from_extra
from facekit.core.text import counted
from facekit.faces.images import Picture
from facekit.video.captures.best_faces import Best, BestFaces
from facekit.video.captures.spool import Folder, Spool
from facekit.video.frames import Scene
from facekit.video.options import VideoOptions
from facekit.video.sources.source import Source, print_note

NOTE = "Estimates by a network from pixels: they may be wrong, and are no facts about a person."
JPEG_QUALITY = 90
MAX_BACKLOG_BYTES = 256_000_000  # of pictures that wait to be encoded


class Captures(AbstractContextManager["Captures"]):
    """Writes captures in one thread, and uploads them in another.

    Leaving its `with` block captures the remaining faces, writes all captures, and waits a few seconds for uploads.

    A capture is a JPEG and a JSON file of the same name: time in UTC, the frame's index, and random digits, so that
    runs and machines can share a target. If the disk is too slow, captures of a live source are dropped; others wait.

    Raises:
        UsageError: if an option is not allowed.
        FaceKitError: if the target cannot be used.
    """

    def __init__(self, options: VideoOptions, source: Source) -> None:
        self._target, self._every, self._due = options.capture_to or "captures", options.capture_every, 0.0
        self._source = re.sub(r"//[^/@]*@", "//", source.name)  # without a password
        self._is_live = source.is_live
        self._best = BestFaces() if options.capture_faces else None
        self._jobs: queue.SimpleQueue[tuple[str, Picture, dict[str, Any]] | None] = queue.SimpleQueue()
        self._room, self._backlog, self._lost = threading.Condition(), 0, 0
        self._stored = 0
        self._store = _open_target(self._target, options)
        self._writer = threading.Thread(target=self._write_all, name="captures", daemon=True)
        self._writer.start()

    def __str__(self) -> str:
        return f"{counted(self._stored, 'capture')} in {self._target}"

    def __exit__(self, *_: object) -> None:
        if self._best:
            self._take_faces(self._best.end())
        self._jobs.put(None)
        self._writer.join()
        if self._lost > 1:
            print_note(f"{self._lost} captures were lost.")
        self._store.close()

    def offer(self, scene: Scene, drawn: Picture) -> None:
        """Makes the captures that are due of a scene and its annotated frame, which must not be changed afterwards."""
        if self._every:
            late = scene.frame.time - self._due + 1e-6  # frame times are not exact multiples
            if late >= 0:
                self._due += self._every * (late // self._every + 1)
                self.take(scene, drawn)
        if self._best:
            self._take_faces(self._best.update(scene))

    def take(self, scene: Scene, picture: Picture, suffix: str = "", **more: Any) -> None:
        """Captures a picture of a scene; `more` goes into its JSON file."""
        frame = scene.frame
        taken = datetime.fromtimestamp(time.time() - (time.monotonic() - frame.captured), UTC)
        stamp = taken.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        name = f"{stamp.replace(':', '-')}-{frame.index:06d}-{secrets.token_hex(3)}{suffix}"
        height, width = picture.shape[:2]
        about = {"captured": stamp, "source": self._source, "picture": f"{name}.jpg", "size": [width, height]}
        with self._room:
            if not self._is_live:
                self._room.wait_for(lambda: self._backlog < MAX_BACKLOG_BYTES)
            if self._backlog < MAX_BACKLOG_BYTES:
                self._backlog += picture.nbytes
                self._jobs.put((name, picture, {**about, **more, **scene.to_dict(), "note": NOTE}))
                return
        self._report_loss("the disk is too slow for so many")

    def _take_faces(self, faces: Iterable[Best]) -> None:
        for scene, crop in faces:
            self.take(scene, scene.frame.picture, f"-track-{scene.faces[0].track:06d}", crop=list(crop))

    def _write_all(self) -> None:
        while job := self._jobs.get():
            name, picture, metadata = job
            try:
                text, jpeg = json.dumps(metadata, indent=2) + "\n", io.BytesIO()
                Image.fromarray(picture).save(jpeg, "JPEG", quality=JPEG_QUALITY)
                self._store.add(name, jpeg.getvalue(), text.encode())
                self._stored += 1
            except Exception as error:  # no failed capture ends the video
                self._report_loss(str(error).rstrip("."))
            with self._room:
                self._backlog -= picture.nbytes
                self._room.notify()

    def _report_loss(self, reason: str) -> None:
        with self._room:
            self._lost += 1
        if self._lost == 1:  # the others are counted at the end
            print_note(f"A capture is lost: {reason}.")


def _open_target(target: str, options: VideoOptions) -> Folder:
    """Opens a folder, or a spool that uploads to a bucket."""
    if target.startswith("s3://"):
        with from_extra("s3"):
            from facekit.video.captures.uploads import Bucket
        bucket = Bucket(target, options.s3_endpoint, options.s3_encryption)
        # Captures for one server must not go to another, nor go unencrypted if they were to be encrypted.
        digest = hashlib.sha256(f"{bucket.url} {options.s3_endpoint} {options.s3_encryption}".encode()).hexdigest()[:12]
        return Spool(user_state() / "facekit" / "captures" / f"{bucket.name}-{digest}", bucket.put)
    return Folder(writable_folder(target))

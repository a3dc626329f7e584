"""What is captured of a video, and when: annotated frames, and the best picture of each face, each with its JSON."""

import json
import queue
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from facekit.core.opencv import import_cv2
from facekit.faces.detectors import Box
from facekit.faces.images import Picture
from facekit.video.captures.uploads import open_target
from facekit.video.frames import Frame, Scene, TrackedFace

NOTE = "Estimates by a network from pixels: they may be wrong, and are no facts about a person."
QUALITY = 90  # of JPEG
MOST_BACKLOG = 256_000_000  # bytes of pictures that wait to be encoded
GONE_AFTER = 5.0  # seconds without a face after which its track has ended; trackers forget sooner
MARGIN = 0.4  # of a face's size, around it
LARGEST_FACE = 512  # pixels, longer side of its picture
_JUDGED_AT = 112  # pixels


class Captures:
    """Writes captures in a thread, and sends them in another one. Leaving its `with` block closes it.

    A capture is a JPEG and a JSON of the same name: time in UTC, number of the frame, and letters drawn by chance, so
    that runs and machines can share a target.

    Args:
        target: a folder, or s3://bucket/prefix.
        every: seconds of the video between frames that are captured of themselves; None for none.
        faces: whether the best picture of each track is captured when the track ends.
        endpoint, encryption: of the bucket, as `uploads.Bucket` has them.
        source: its name, for the JSON; a password in an address is left out.
        live: whether a capture is given up where the disk is too slow; else the video waits for it.
        note: is told, from any thread, what was lost and what waits: one line each.

    Raises:
        UsageError: a target or option that cannot be.
        FaceKitError: the target cannot be used.
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
        self._cv2 = import_cv2()
        self._every, self._due, self._live, self._note = every, 0.0, live, note
        self._source = re.sub(r"//[^/@]*@", "//", source)
        self._best = _BestFaces(self._cv2) if faces else None
        self._jobs: queue.SimpleQueue[tuple[str, Picture, dict[str, Any]] | None] = queue.SimpleQueue()
        self._room, self._backlog, self._lost = threading.Condition(), 0, 0
        self._store = open_target(target, endpoint, encryption, note)
        self._writer = threading.Thread(target=self._write_all, name="captures", daemon=True)
        self._writer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def offer(self, scene: Scene, drawn: Picture) -> None:
        """Takes from a frame what is due.

        Args:
            scene: the frame and its faces.
            drawn: RGB uint8 (H, W, 3), the annotated frame; nobody writes into it any more.
        """
        if self._every:
            late = scene.frame.time - self._due + 1e-6  # times of frames are no exact multiples
            if late >= 0:
                self._due += self._every * (late // self._every + 1)
                self.take(scene, drawn)
        if self._best:
            for face in self._best.see(scene):
                self._take_face(face)

    def take(self, scene: Scene, drawn: Picture) -> None:
        """Captures this frame. Arguments as of `offer`."""
        self._put(scene, drawn)

    def close(self) -> None:
        """Captures the faces that are still seen, writes all, and waits a little for what is being sent."""
        for face in self._best.end() if self._best else ():
            self._take_face(face)
        self._jobs.put(None)
        self._writer.join()
        if self._lost > 1:
            self._note(f"{self._lost} captures were lost.")
        self._store.close()

    def _take_face(self, best: "_Best") -> None:
        scene = Scene(best.frame, (best.face,))
        self._put(scene, best.frame.picture, f"-track-{best.face.track:06d}", {"crop": list(best.crop)})

    def _put(self, scene: Scene, picture: Picture, suffix: str = "", more: dict[str, Any] | None = None) -> None:
        frame = scene.frame
        taken = datetime.fromtimestamp(time.time() - (time.monotonic() - frame.captured), UTC)
        stamp = taken.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        name = f"{stamp.replace(':', '-')}-{frame.number:06d}-{secrets.token_hex(3)}{suffix}"
        height, width = picture.shape[:2]
        about = {"captured": stamp, "source": self._source, "picture": f"{name}.jpg", "size": [width, height]}
        with self._room:
            if not self._live:
                self._room.wait_for(lambda: self._backlog < MOST_BACKLOG)
            if self._backlog < MOST_BACKLOG:
                self._backlog += picture.nbytes
                self._jobs.put((name, picture, {**about, **(more or {}), **scene.to_dict(), "note": NOTE}))
                return
        self._lose("the disk is too slow for so many")

    def _write_all(self) -> None:
        while job := self._jobs.get():
            name, picture, facts = job
            try:
                text = json.dumps(facts, indent=2) + "\n"
                self._store.add(name, self._encode(picture), text.encode())
            except Exception as error:  # whatever it is, the video goes on
                self._lose(str(error).rstrip("."))
            with self._room:
                self._backlog -= picture.nbytes
                self._room.notify()

    def _encode(self, picture: Picture) -> bytes:
        settings = [self._cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        is_done, data = self._cv2.imencode(".jpg", self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2BGR), settings)
        if not is_done:
            raise ValueError("it is no picture that JPEG can hold")
        return bytes(data)

    def _lose(self, reason: str) -> None:
        with self._room:
            self._lost += 1
        if self._lost == 1:  # the others are counted at the end
            self._note(f"A capture is lost: {reason}.")


@dataclass(frozen=True)
class _Best:
    """The best picture of a face so far."""

    frame: Frame  # the one it comes from, with the face's picture for its own
    face: TrackedFace
    crop: Box  # of the frame
    sharpness: float


class _BestFaces:
    """The best picture of each track that is still seen."""

    def __init__(self, cv2: Any) -> None:
        self._cv2 = cv2
        self._seen: dict[int, tuple[float, TrackedFace]] = {}  # by track: when last, and with which answers
        self._best: dict[int, _Best] = {}

    def see(self, scene: Scene) -> Iterator[_Best]:
        """Those of the tracks that have ended, with the last answers of each."""
        now = scene.frame.time
        for face in scene.faces:
            former = self._seen.get(face.track)
            # Only where the face was looked at: in other frames its place is a guess, and something may be before it.
            if face.evidence > (former[1].evidence if former else 0):
                self._compare(scene.frame, face)
            self._seen[face.track] = now, face
        return self._end([track for track, (then, _) in self._seen.items() if now - then > GONE_AFTER])

    def end(self) -> Iterator[_Best]:
        """Those of all tracks."""
        return self._end(list(self._seen))

    def _end(self, tracks: list[int]) -> Iterator[_Best]:
        for track in tracks:
            _, last = self._seen.pop(track)
            if best := self._best.pop(track, None):  # none of a face without estimates
                yield replace(best, face=replace(last, box=best.face.box))

    def _compare(self, frame: Frame, face: TrackedFace) -> None:
        inner = _cut(frame.picture, face.box)
        if not inner.size:
            return
        # At one size for all, a face is the blurrier, the smaller it was.
        grey = self._cv2.cvtColor(self._cv2.resize(inner, (_JUDGED_AT, _JUDGED_AT)), self._cv2.COLOR_RGB2GRAY)
        sharpness = float(self._cv2.Laplacian(grey, self._cv2.CV_32F).var())
        best = self._best.get(face.track)
        if best and best.sharpness >= sharpness:
            return
        crop = _widened(face.box, frame.picture)
        picture = _cut(frame.picture, crop)
        scale = min(1.0, LARGEST_FACE / max(picture.shape))
        small = self._cv2.resize(picture, None, fx=scale, fy=scale, interpolation=self._cv2.INTER_AREA)
        self._best[face.track] = _Best(replace(frame, picture=small), face, crop, sharpness)


def _widened(box: Box, picture: Picture) -> Box:
    left, top, right, bottom = box
    across, down = round(MARGIN * (right - left)), round(MARGIN * (bottom - top))
    height, width = picture.shape[:2]
    return max(0, left - across), max(0, top - down), min(width, right + across), min(height, bottom + down)


def _cut(picture: Picture, box: Box) -> Picture:
    left, top, right, bottom = box
    return picture[max(0, top) : bottom, max(0, left) : right]

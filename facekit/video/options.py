"""Options of a video."""

from dataclasses import dataclass
from pathlib import Path

from facekit.core.errors import UsageError, lookup
from facekit.core.files import is_one_of
from facekit.drawing.languages import LANGUAGES


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """Options of `annotate_video`: a window by default, and any of the files.

    Args:
        show: open a window; without a display, the files are written nevertheless.
        output: .mp4 file to write, with the source's size and times; if the name is taken, a number is appended.
        jsonl: file for one line of JSON per frame; "-" for stdout.
        summary: .csv file for a table of the tracks; a timeline is drawn beside it as .png.
        language: of the captions.
        mirror: flip the frames horizontally.
        blur: make faces unrecognisable in all that is shown and written.
        camera_size: width, height to request from a camera, pixels.
        every: process, show and write each n-th frame only; its time stays.
        rtsp_transport: protocol of RTSP's pictures: "tcp" or "udp"; None for TCP where the camera offers it.
        detect_every: frames from one search for new faces to the next; None for ten a second, five of a slow detector.
        smoothing: seconds after which an observation counts for a third in its track's estimates; 0 for no averaging.
        max_faces: upper bound of faces that are tracked at once; None for no bound.
        capture_to: folder or s3://bucket/prefix for captures.
        capture_every: seconds between captured frames; None to capture by the space key only.
        capture_faces: capture the best picture of each face.
        s3_endpoint: URL of an S3-compatible server; None for Amazon S3.
        s3_encryption: server-side encryption.

    Raises:
        UsageError: if nothing would be shown or written, or a value is not allowed.
        UnknownNameError: if the language is unknown.
    """

    show: bool = True
    output: str | Path | None = None
    jsonl: str | None = None
    summary: str | Path | None = None
    language: str = "en"
    mirror: bool = False
    blur: bool = False
    camera_size: tuple[int, int] | None = None
    every: int = 1
    rtsp_transport: str | None = None
    detect_every: int | None = None
    smoothing: float = 30.0
    max_faces: int | None = None
    capture_to: str | None = None
    capture_every: float | None = None
    capture_faces: bool = False
    s3_endpoint: str | None = None
    s3_encryption: str | None = None

    def __post_init__(self) -> None:
        lookup("language", self.language, LANGUAGES)
        if self.rtsp_transport is not None:
            lookup("RTSP transport", self.rtsp_transport, {"tcp": None, "udp": None})
        if not (self.show or self.writes or self.capture_to):
            raise UsageError(
                "Without a window, name what to write: output, jsonl, summary or capture_to.", argument="output"
            )
        self._check_captures()
        if self.output and Path(self.output).suffix.lower() != ".mp4":
            raise UsageError(f"An output video must be an .mp4 file. Received: {self.output}.", argument="output")
        if self.summary and Path(self.summary).suffix.lower() != ".csv":
            raise UsageError(f"A summary must be a .csv file. Received: {self.summary}.", argument="summary")
        if self.jsonl and is_one_of(self.jsonl, [path for path in (self.output, *self.tables) if path]):
            raise UsageError(
                f"JSON lines must be written to a file of their own. Received: {self.jsonl}.", argument="jsonl"
            )
        for name, minimum in (("every", 1), ("detect_every", 1), ("max_faces", 1), ("smoothing", 0)):
            value = getattr(self, name)
            if value is not None and not value >= minimum:  # NaN is neither
                raise UsageError(f"{name} must be at least {minimum}. Received: {value}.", argument=name)

    def _check_captures(self) -> None:
        target, text = self.capture_to or "", None
        if target and not (self.show or self.captures_by_itself):
            text = "Without a window, whose space key captures, name what to capture: capture_every or capture_faces."
        elif self.captures_by_itself and not target:
            text = "Captures need a target: a folder or s3://bucket/prefix."
        elif "://" in target and not target.startswith("s3://"):
            text = f"Captures must go to a folder or to s3://bucket/prefix. Received: {target}."
        elif (self.s3_endpoint or self.s3_encryption) and not target.startswith("s3://"):
            text = "An S3 endpoint or encryption needs a capture target of the form s3://bucket/prefix."
        if text:
            raise UsageError(text, argument="capture_to")

    @property
    def tables(self) -> tuple[Path, ...]:
        """The summary and its timeline."""
        return (Path(self.summary), Path(self.summary).with_suffix(".png")) if self.summary else ()

    def check_source(self, source: str | int | Path) -> None:
        """Raises UsageError if the source is not named, or if a written file would replace it."""
        if source == "":
            raise UsageError("A source must be named. Received an empty name.", argument="source")
        for name, path in (("jsonl", self.jsonl), *(("summary", table) for table in self.tables)):
            if path and is_one_of(path, [str(source)]):
                raise UsageError(f"{path} is the source and would be overwritten. Choose another name.", argument=name)

    @property
    def captures_by_itself(self) -> bool:
        """Tells whether captures are taken without a key."""
        return bool(self.capture_every or self.capture_faces)

    @property
    def writes(self) -> bool:
        """Tells whether any file is written without a key."""
        return bool(self.output or self.jsonl or self.summary or self.captures_by_itself)

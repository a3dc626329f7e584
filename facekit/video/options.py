"""What is to be made of a video."""

from dataclasses import dataclass
from pathlib import Path

from facekit.core.errors import UsageError, lookup
from facekit.core.files import is_one_of
from facekit.drawing.photographs import LANGUAGES


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """What is to be made of a video: a window by default, and files as wanted.

    Args:
        show: open a window; where there is no display, what is to be written is written nevertheless.
        output: .mp4 to write, of the source's size and times; a name that is taken gets a number.
        jsonl: file for a line of JSON a frame; "-" for stdout.
        summary: .csv for a table of the tracks; a timeline is drawn beside it, as .png.
        language: of the captions.
        mirror: flip the frames, as a mirror does.
        camera_size: width, height to ask a camera for, pixels.
        detect_every: search for new faces every so many frames; None for five times a second.
        smoothing: seconds after which what was seen of a face counts for a third in its estimates; 0 for no averaging.
        max_faces: the most that are followed at a time; None for all.
        capture_to: folder or s3://bucket/prefix for captures.
        capture_every: seconds between two captures; None for none but by the space key.
        capture_faces: whether the best picture of each face is captured.
        s3_endpoint: URL of a server that is not Amazon's.
        s3_encryption: how the server is to encrypt.

    Raises:
        UsageError: nothing is to be made of it, or one of these cannot be.
        UnknownNameError: no such language.
    """

    show: bool = True
    output: str | Path | None = None
    jsonl: str | None = None
    summary: str | Path | None = None
    language: str = "en"
    mirror: bool = False
    camera_size: tuple[int, int] | None = None
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
        if not (self.show or self.writes):
            raise UsageError("Without a window, name what to write: --output, --jsonl, --summary or --capture-to.")
        if not self.capture_to:
            if self.capture_every or self.capture_faces:
                raise UsageError("Name where captures go, with --capture-to FOLDER or s3://bucket/prefix.")
            if self.s3_endpoint or self.s3_encryption:
                raise UsageError("--s3-endpoint and --s3-encryption want --capture-to s3://bucket/prefix.")
        if self.output and Path(self.output).suffix.lower() != ".mp4":
            raise UsageError(f"A video is written as .mp4. Received: {self.output}. Choose a name that ends so.")
        if self.summary and Path(self.summary).suffix.lower() != ".csv":
            raise UsageError(f"A summary is a table, .csv. Received: {self.summary}. Choose a name that ends so.")
        if self.jsonl and is_one_of(self.jsonl, [path for path in (self.output, *self.tables) if path]):
            raise UsageError(f"--jsonl must have a name of its own. Received: {self.jsonl}. Choose another.")
        for name, least in (("detect_every", 1), ("max_faces", 1), ("smoothing", 0)):
            value = getattr(self, name)
            if value is not None and not value >= least:  # NaN is neither
                raise UsageError(f"--{name.replace('_', '-')} must be at least {least}. Received: {value}.")

    @property
    def tables(self) -> tuple[Path, ...]:
        """The summary, and its timeline."""
        return (Path(self.summary), Path(self.summary).with_suffix(".png")) if self.summary else ()

    def check_source(self, source: str | int | Path) -> None:
        """Raises UsageError where nothing is named, or a file that is replaced is the one that is read."""
        if source == "":
            raise UsageError("Name what to read with --source. Received an empty name.")
        for path in (self.jsonl, *self.tables):
            if path and is_one_of(path, [str(source)]):
                raise UsageError(f"{path} is what is read, and would be lost. Choose another name for what is written.")

    @property
    def writes(self) -> bool:
        """Whether something comes of it besides what is seen."""
        return bool(self.output or self.jsonl or self.summary or self.capture_to)

    @property
    def draws(self) -> bool:
        """Whether drawn frames are wanted by anybody."""
        return bool(self.show or self.output or self.capture_to)

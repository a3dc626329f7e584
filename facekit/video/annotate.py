"""Estimates and draws, frame after frame."""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from facekit.drawing import LANGUAGES, draw_estimates
from facekit.errors import VideoError, lookup
from facekit.files import unused_path
from facekit.video.capture import Video
from facekit.video.sinks import Show, video_file, window

if TYPE_CHECKING:
    from facekit.estimator import FaceEstimator


@dataclass(frozen=True)
class VideoReport:
    """What was done.

    Args:
        frames: how many were drawn.
        seconds: how long that took.
        output: the file written; None for a window.
        interrupted: whether Ctrl-C ended it.
    """

    frames: int
    seconds: float
    output: Path | None
    interrupted: bool

    def __str__(self) -> str:
        where = f", written to {self.output}" if self.output else ""
        plural = "" if self.frames == 1 else "s"
        return f"{self.frames} frame{plural}, {self.frames / self.seconds:.1f} frames per second{where}"


def annotate_video(
    source: int | str | Path, estimator: "FaceEstimator", output: str | Path | None = None, language: str = "en"
) -> VideoReport:
    """Draws the estimates into every frame, until the source ends, the window is closed, or Ctrl-C.

    Args:
        source: a camera's number, or a video file.
        estimator: what answers.
        output: .mp4 to write, of the source's size and frame rate; a name that is taken gets a number. None: a window.
        language: of the captions, "en" or "zh".

    Raises:
        VideoError: the source cannot be read, or ends too early; the output cannot be written; there is no display.
        UnknownNameError: no such language.
        KeyboardInterrupt: Ctrl-C before the first frame was done. Later the report tells of it.
    """
    lookup("language", language, LANGUAGES)
    path = None if output is None else unused_path(Path(output))
    frames, interrupted = 0, False
    with Video(source) as video, _sink(path, video) as show:
        name, hidden = Path(video.name).name, True if video.is_live else None  # None: shown on terminals only
        started = time.perf_counter()
        try:
            with tqdm(video, name, video.n_frames, leave=False, unit=" frames", disable=hidden) as progress:
                for picture in progress:
                    goes_on = show(draw_estimates(picture, estimator.estimate(picture), language))
                    frames += 1
                    if not goes_on:
                        break
        except KeyboardInterrupt:
            if not frames:
                raise
            interrupted = True
        except VideoError as error:
            if path and frames:
                raise VideoError(f"{error} The frames until then are in {path}.") from error
            raise
    return VideoReport(frames, time.perf_counter() - started, path, interrupted)


def _sink(path: Path | None, video: Video) -> AbstractContextManager[Show]:
    return window(video) if path is None else video_file(path, video)

"""A video -> its frames with the estimates drawn in: in a window, in files, or both."""

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from facekit.core.errors import FaceKitError, VideoError
from facekit.core.files import writable_folder
from facekit.core.opencv import import_cv2
from facekit.faces.chips import CHIP_SIZE
from facekit.faces.images import Picture
from facekit.video.captures.captures import Captures
from facekit.video.display.overlay import Overlay
from facekit.video.display.viewer import KEYS, Viewer
from facekit.video.display.window import Window
from facekit.video.frames import Frame, Scene
from facekit.video.options import VideoOptions
from facekit.video.pipeline import Pipeline
from facekit.video.sinks.jsonl import JsonLines
from facekit.video.sinks.recorder import Recorder
from facekit.video.sinks.summary import Summary
from facekit.video.sinks.timeline import draw_timeline
from facekit.video.sources import open_source
from facekit.video.sources.source import Source, print_note
from facekit.video.tracks.search import Search
from facekit.video.tracks.smoothing import SteadyEstimates
from facekit.video.tracks.tracking import Tracker

if TYPE_CHECKING:
    from facekit.estimator import FaceEstimator

Sink = Callable[[Scene, Picture], None]  # takes a scene, and its picture with the estimates drawn in

# Ctrl-C, a request to end, and a terminal that was closed, which Windows does not tell.
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

LIVE_IN_FLIGHT = 3  # frames between capture and screen: enough for both cores, and none gets old
FILE_IN_FLIGHT = 12
MOST_IN_FLIGHT = 300_000_000  # bytes of a file's pictures, if these are more than live ones: 12 of 4K, 3 of 8K


@dataclass
class VideoReport:
    """What was done.

    Args:
        frames: how many were worked on.
        seconds: how long that took.
        dropped: how many more a live source gave.
        latencies: of the last frames of a live source, from their capture until they were shown or written, seconds.
        files: that were written.
        interrupted: whether Ctrl-C, or a request to end (SIGTERM), ended it.
        tracks: the faces that were followed, as a table for the terminal.
    """

    frames: int = 0
    seconds: float = 0.0
    dropped: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=10_000))
    files: list[Path] = field(default_factory=list)
    interrupted: bool = False
    tracks: str = ""

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / max(self.seconds, 1e-6)

    def __str__(self) -> str:
        parts = [f"{self.frames} frame{'' if self.frames == 1 else 's'}"]
        parts.append(f"{self.rate:.1f} frames per second")
        if self.dropped:
            parts.append(f"{self.dropped} dropped")
        if len(self.latencies) > 1:
            cuts = quantiles(self.latencies, n=20)
            parts.append(f"latency {1000 * cuts[9]:.0f} ms (95 %: {1000 * cuts[-1]:.0f} ms)")
        if self.files:
            parts.append(f"written to {_names(self.files)}")
        return ", ".join(parts)


def annotate_video(
    source: int | str | Path | Source, estimator: "FaceEstimator", options: VideoOptions | None = None
) -> VideoReport:
    """Follows the faces of a video, estimates and draws, until it ends, the user leaves, or Ctrl-C.

    Args:
        source: a camera's number, a file, a stream's address, a folder of pictures, or a source that is open.
        estimator: what answers.
        options: what is to come of it; None for a window.

    Raises:
        VideoError: the source cannot be read, or ends too early; a video cannot be written; there is no display.
        FaceKitError: another file cannot be written.
        UsageError: an option that cannot be.
        KeyboardInterrupt: Ctrl-C before the first frame was done. Later the report tells of it.
    """
    options = options or VideoOptions()
    report, stop = VideoReport(), threading.Event()
    with _stopped_by_signals(stop, report):
        try:
            if not isinstance(source, Source):
                options.check_source(source)
                source = open_source(source, size=options.camera_size, stop=stop)
            summary = Summary(estimator.heads)
            with source, _summarized(summary, options, report):
                _run(source, estimator, options, summary, report, stop)
        except FaceKitError as error:
            if report.frames and report.files:
                raise type(error)(f"{error} What was done until then is in {_names(report.files)}.") from error
            if report.frames or not report.interrupted:  # else it may say no more than that it was interrupted
                raise
    if report.interrupted and not report.frames:
        raise KeyboardInterrupt
    return report


def _run(
    video: Source,
    estimator: "FaceEstimator",
    options: VideoOptions,
    summary: Summary,
    report: VideoReport,
    stop: threading.Event,
) -> None:
    """From the first frame to the last; all that it opens is closed when it ends, however that is."""
    overlay = Overlay(options.language, KEYS)
    window = _open_window(options)
    with ExitStack() as stack:
        captures = cache(partial(_open_captures, video, options, stack))  # where none were asked for, at the first
        recorder = stack.enter_context(Recorder(video, options.output, report.files))
        sinks: list[Sink] = [lambda scene, drawn: summary.add(scene), recorder.write]
        if options.capture_to:
            sinks.append(captures().offer)
        if options.jsonl:  # last, as it replaces what is there
            lines = stack.enter_context(JsonLines(options.jsonl))
            report.files += [Path(options.jsonl)] if options.jsonl != "-" else []
            sinks.append(lambda scene, drawn: lines.write(scene))
        stages, frames = _stages(estimator, options, overlay), _frames(video, options.mirror)
        in_flight = _in_flight(video)
        pipeline = stack.enter_context(Pipeline(frames, stages, drops=video.is_live, in_flight=in_flight, stop=stop))
        viewer = None
        if window:
            stack.enter_context(window)
            viewer = Viewer(window, overlay, recorder, captures, is_live=video.is_live, pipeline=pipeline)
        _pass_on(pipeline, sinks, viewer, video, report)


def _pass_on(pipeline: Pipeline, sinks: list[Sink], viewer: Viewer | None, video: Source, report: VideoReport) -> None:
    """Hands what comes out of the pipeline to all who want it, as long as the user wants."""
    hidden = True if viewer or video.is_live else None  # None: shown on terminals only
    started = time.perf_counter()
    with tqdm(pipeline, Path(video.name).name, _n_frames(video), leave=False, unit=" frames", disable=hidden) as bar:
        try:
            for scene, drawn in bar:
                for sink in sinks:
                    sink(scene, drawn)
                goes_on = viewer is None or viewer.show(scene, drawn)
                report.frames += 1
                if video.is_live:
                    report.latencies.append(time.monotonic() - scene.frame.captured)
                if not goes_on:
                    break
        finally:
            report.seconds, report.dropped = time.perf_counter() - started, pipeline.dropped


def _n_frames(video: Source) -> int | None:
    """About how many there will be, if that can be told."""
    return video.n_frames or (round(video.duration * video.rate) if video.duration else None)


def _stages(estimator: "FaceEstimator", options: VideoOptions, overlay: Overlay) -> dict[str, Callable[[Any], Any]]:
    """What is done with each frame, by the names of the stages."""
    # Loads the network: the first face need not wait for it.
    estimator.predict(np.zeros((1, CHIP_SIZE, CHIP_SIZE, 3), np.uint8))
    search = Search(estimator.detector, estimator.min_face, options.detect_every)
    tracker = Tracker(options.max_faces, looks=estimator.detector == "hog")
    steady = SteadyEstimates(estimator, options.smoothing)
    return {
        "detect": lambda frame: (frame, search.find(frame)),
        "track": lambda found: (found[0], tracker.track(*found)),
        "estimate": lambda tracked: Scene(tracked[0], steady.update(*tracked)),
        "draw": lambda scene: (scene, overlay.draw(scene) if options.draws else scene.frame.picture),
    }


def _in_flight(video: Source) -> int:
    if video.is_live:
        return LIVE_IN_FLIGHT
    width, height = video.size
    return max(LIVE_IN_FLIGHT, min(FILE_IN_FLIGHT, MOST_IN_FLIGHT // (3 * width * height)))


def _frames(video: Source, mirror: bool) -> Iterator[Frame]:
    if not mirror:
        return iter(video)
    cv2 = import_cv2()
    return (replace(frame, picture=cv2.flip(frame.picture, 1)) for frame in video)


def _open_window(options: VideoOptions) -> Window | None:
    if not options.show:
        return None
    try:
        return Window()
    except VideoError:  # there is no display
        if not options.writes:
            raise
        print_note("There is no display: the video is written, but not shown.")
        return None


def _open_captures(video: Source, options: VideoOptions, stack: ExitStack) -> Captures:
    captures = Captures(
        options.capture_to or "captures",
        every=options.capture_every,
        faces=options.capture_faces,
        endpoint=options.s3_endpoint,
        encryption=options.s3_encryption,
        source=video.name,
        live=video.is_live,
        note=print_note,
    )
    return stack.enter_context(captures)


@contextmanager
def _summarized(summary: Summary, options: VideoOptions, report: VideoReport) -> Iterator[None]:
    """Writes and reports who was seen, however it ends; where that fails too, what ended it is told."""
    if options.summary:
        writable_folder(Path(options.summary).parent)
    try:
        yield
    except BaseException:
        with suppress(FaceKitError):
            _summarize(summary, options, report)
        raise
    _summarize(summary, options, report)


def _summarize(summary: Summary, options: VideoOptions, report: VideoReport) -> None:
    if not report.frames:
        return
    report.tracks = str(summary)
    if options.tables:
        table, timeline = options.tables
        summary.write_csv(table)
        report.files.append(table)
        draw_timeline(summary, timeline, options.language)
        report.files.append(timeline)


@contextmanager
def _stopped_by_signals(stop: threading.Event, report: VideoReport) -> Iterator[None]:
    """SIGNALS end the video in good order; a second one ends the program at once."""
    if threading.current_thread() is not threading.main_thread():  # the only one that signals reach
        yield
        return

    def end(number: int, frame: Any) -> None:
        report.interrupted = True
        stop.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup ignores one
    before = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    finally:
        restore()


def _names(files: list[Path]) -> str:
    return " and ".join(map(str, files))

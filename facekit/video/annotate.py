"""Annotates a video: connects source, pipeline, window and files."""

import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import cv2
from tqdm import tqdm

from facekit.core.errors import FaceKitError, VideoError
from facekit.core.files import writable_folder
from facekit.core.signals import handled_signals
from facekit.drawing.blur import blur_faces
from facekit.faces.detectors import find_detector
from facekit.faces.images import Picture
from facekit.video.captures.captures import Captures
from facekit.video.display.overlay import Overlay
from facekit.video.display.viewer import KEYS, Viewer
from facekit.video.display.window import Window
from facekit.video.frames import Scene
from facekit.video.options import VideoOptions
from facekit.video.pipeline import Pipeline
from facekit.video.report import VideoReport
from facekit.video.sinks.jsonl import JsonLines
from facekit.video.sinks.recorder import Recorder
from facekit.video.sinks.summary import Summary
from facekit.video.sinks.timeline import draw_timeline
from facekit.video.sources import open_source
from facekit.video.sources.source import Source, print_note
from facekit.video.tracks.config import TrackingConfig
from facekit.video.tracks.tracker import FaceTracker, Look

if TYPE_CHECKING:
    from facekit.estimator import FaceEstimator

Sink = Callable[[Scene, Picture], None]  # takes a scene and its annotated picture

FILE_FACES_PER_SIDE = 20  # width of a file's smallest faces by default, as a fraction 1 / n of the longer side
LIVE_FRAMES_IN_FLIGHT = 3  # enough for two cores, and low in latency
FILE_FRAMES_IN_FLIGHT = 12
FILE_BYTES_IN_FLIGHT = 300_000_000  # upper bound of a file's frames, if more than the live ones: 12 of 4K, 3 of 8K


def annotate_video(
    source: int | str | Path | Source, estimator: "FaceEstimator", options: VideoOptions | None = None
) -> VideoReport:
    """Tracks, estimates and draws the faces of a video until it ends, the user leaves, or Ctrl-C.

    Args:
        source: a camera's number, path or name, a file, a stream's address, a folder of pictures, or an open source.
        estimator: estimates the faces.
        options: what to show and write; None for a window only.

    Raises:
        VideoError: if the source cannot be read or ends early, a video cannot be written, or there is no display.
        FaceKitError: if another file cannot be written.
        UsageError: if an option is not allowed.
        KeyboardInterrupt: on Ctrl-C before the first frame is done; later the report tells.
    """
    options = options or VideoOptions()
    report, stop = VideoReport(), Event()

    def interrupt(number: int) -> None:
        report.interrupted = True
        stop.set()

    with handled_signals(interrupt):
        try:
            if not isinstance(source, Source):
                options.check_source(source)
                source = open_source(source, size=options.camera_size, rtsp_transport=options.rtsp_transport, stop=stop)
            source.keep_each(options.every)
            with source, ExitStack() as stack:
                _run(source, estimator, options, stack, report, stop)
        except FaceKitError as error:
            if report.frames and report.written:
                message = f"{error} What was done until then is in {report.written}."
                raise type(error)(message, argument=error.argument) from error
            if report.frames or not report.interrupted:  # an interrupted start is reported as interrupted only
                raise
    if report.interrupted and not report.frames:
        raise KeyboardInterrupt
    return report


def _run(
    source: Source,
    estimator: "FaceEstimator",
    options: VideoOptions,
    stack: ExitStack,
    report: VideoReport,
    stop: Event,
) -> None:
    """Processes all frames. The stack closes whatever this opens."""
    if options.summary:
        writable_folder(Path(options.summary).parent)
    summary = Summary(estimator.heads, options.summary)
    stack.push(partial(_write_summary, summary, options, report))
    window, overlay = _open_window(options), Overlay(options.language, KEYS)

    @cache
    def captures() -> Captures:  # opened at the first use
        report.captures = Captures(options, source)
        return stack.enter_context(report.captures)

    recorder = stack.enter_context(Recorder(source, options.output, report.files))
    sinks: list[Sink] = [lambda scene, drawn: summary.add(scene), recorder.write]
    if options.capture_to:
        sinks.append(captures().offer)
    if options.jsonl:  # opened last, as it replaces an existing file
        lines = stack.enter_context(JsonLines(options.jsonl))
        report.files += [Path(options.jsonl)] if options.jsonl != "-" else []
        sinks.append(lambda scene, drawn: lines.write(scene))
    if estimator.min_face is None:
        report.smallest_face = smallest_face(source, estimator.detector)
    stages = _stages(estimator, estimator.min_face or report.smallest_face, options, overlay)
    frames = (frame for frame in source if frame.index % source.step == 0)
    if options.mirror:
        frames = (replace(frame, picture=cv2.flip(frame.picture, 1)) for frame in frames)
    pipeline = stack.enter_context(Pipeline(frames, stages, source.is_live, _in_flight(source), stop))
    if window:
        stack.enter_context(window)
    viewer = Viewer(window, overlay, recorder, captures, source, pipeline) if window else None
    if _consume(pipeline, sinks, viewer, source, report):
        recorder.finish()


def _consume(pipeline: Pipeline, sinks: list[Sink], viewer: Viewer | None, source: Source, report: VideoReport) -> bool:
    """Passes the pipeline's results to the sinks and the viewer until either ends. Tells whether the source ended."""
    hidden = True if viewer or source.is_live else None  # None: a progress bar on terminals only
    started = time.perf_counter()
    n_frames = source.n_frames or (round(source.duration * source.rate) if source.duration else None)
    with tqdm(pipeline, Path(source.name).name, n_frames, leave=False, unit=" frames", disable=hidden) as bar:
        try:
            for scene, drawn in bar:
                for sink in sinks:
                    sink(scene, drawn)
                is_running = viewer is None or viewer.show(scene, drawn)
                report.frames += 1
                if source.is_live:
                    report.latencies.append(time.monotonic() - scene.frame.captured)
                if not is_running:
                    return False
        finally:
            report.seconds, report.dropped = time.perf_counter() - started, pipeline.dropped
    return not pipeline.stop.is_set()


def smallest_face(source: Source, detector: str) -> int | None:
    """Returns the width of the smallest faces that are searched for by default, pixels; None if the detector chooses.

    A file can wait: it is searched for smaller faces than what a camera shows.
    """
    entry = find_detector(detector)
    if not (entry.finds_faces and entry.is_fast):
        return None
    per_side = TrackingConfig().large_faces_per_side if source.is_live else FILE_FACES_PER_SIDE
    return max(2, max(source.size) // per_side)


def make_tracker(estimator: "FaceEstimator", options: VideoOptions, min_face: int | None) -> FaceTracker:
    """Makes the tracker that a video's options ask for, and loads what its first face needs."""
    estimator.load()
    config = TrackingConfig(averaging_seconds=options.smoothing)
    every = options.detect_every or (1 if options.blur else None)  # no face may be visible until the next search
    return FaceTracker(estimator, min_face, options.max_faces, every, config)


def _stages(
    estimator: "FaceEstimator", min_face: int | None, options: VideoOptions, overlay: Overlay
) -> dict[str, Callable[[Any], Any]]:
    """Makes the pipeline's stages, from a frame to a scene and its annotated picture."""
    tracker = make_tracker(estimator, options, min_face)
    is_drawn = options.show or options.output or options.capture_to

    def track(look: Look) -> Scene:
        scene, frame = tracker.follow(look), look.frame
        if not options.blur:
            return scene
        return replace(scene, frame=replace(frame, picture=blur_faces(frame.picture, tracker.boxes)))

    return {
        "search": tracker.look,
        "track": track,
        "draw": lambda scene: (scene, overlay.draw(scene) if is_drawn else scene.frame.picture),
    }


def _in_flight(source: Source) -> int:
    if source.is_live:
        return LIVE_FRAMES_IN_FLIGHT
    width, height = source.size
    return max(LIVE_FRAMES_IN_FLIGHT, min(FILE_FRAMES_IN_FLIGHT, FILE_BYTES_IN_FLIGHT // (3 * width * height)))


def _open_window(options: VideoOptions) -> Window | None:
    if not options.show:
        return None
    try:
        return Window()
    except VideoError:  # no display
        if not options.writes:
            raise
        replace(options, show=False)  # raises UsageError if only the window's key would capture
        print_note("note: There is no display: the video is written, but not shown.")
        return None


def _write_summary(
    summary: Summary, options: VideoOptions, report: VideoReport, kind: object, error: object, trace: object
) -> None:
    """Writes the summary at the end, after an error too; the first error is the one raised."""
    with suppress(FaceKitError) if error else nullcontext():
        summary.finish()
        if not report.frames:
            return
        report.tracks = str(summary)
        if options.tables:
            table, timeline = options.tables
            report.files.append(table)
            draw_timeline(summary, timeline, options.language)
            report.files.append(timeline)

"""Measures speed, latency, flicker, tracking and memory of video on synthetic clips, against a simple script."""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from statistics import quantiles
from typing import Any

from children import ROOT, machine, verdict

sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]  # the checkout and its synthetic clips

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "measures", nargs="*", metavar="NAME", help="speed, latency, flicker, tracking, memory (default: all)"
)
parser.add_argument("--seconds", type=float, default=30.0, help="length of the clips (default: 30)")
parser.add_argument("--frames", type=int, default=20_000, help="length of the memory run (default: 20,000)")
parser.add_argument("--avx2", action="store_true", help="limit the network to AVX2 instructions")

PLAIN_FRAMES = 40  # of the simple script, which takes a quarter of a second per frame
WARM = 1000  # frames before the first measurement of memory


def main() -> None:
    args = parser.parse_args()
    if args.avx2:
        os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
    if unknown := set(args.measures) - MEASURES.keys():
        parser.error(f"no such measure: {', '.join(unknown)}. Known: {', '.join(MEASURES)}")
    if args.frames <= WARM + 1:
        parser.error(f"--frames must be more than {WARM + 1}. Received: {args.frames}.")
    print(f"{machine()}{', AVX2 only' if args.avx2 else ''}; clips of {args.seconds:.0f} s at 30 frames per second\n")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.measures or MEASURES:
            MEASURES[name](Path(folder), args)


def speed(folder: Path, args: argparse.Namespace) -> None:
    """Measures whole runs from file to file: decoding, tracking, estimating, drawing, encoding."""
    from clips import clip, write_clip

    rates = {}
    for name, size, must, aim in [
        ("still", (640, 480), 40, 90),
        ("three_walking", (640, 480), 30, 60),
        ("eight_faces", (640, 480), 20, 40),
        ("three_walking", (1280, 720), 20, 40),
    ]:
        path = folder / f"{name}-{size[0]}.mp4"
        write_clip(clip(name, seconds=args.seconds, size=size), path)
        rates[path.stem] = run(path, output=folder / "drawn.mp4").rate
        print(verdict(f"{name}, {size[0]}x{size[1]}: frames per second", rates[path.stem], must, aim))
    source = folder / "three_walking-640.mp4"
    plain = [sys.executable, ROOT / "benchmarks" / "naive_video.py", source, folder / "plain.mp4", str(PLAIN_FRAMES)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    straightforward = float(subprocess.run(plain, env=env, check=True, capture_output=True, text=True).stdout)
    ours = rates[source.stem]
    against = f"three_walking, times faster than {straightforward:.1f} a second of the plain loop"
    print(verdict(against, ours / straightforward, 5, 12))
    print(f"  and {ours / every_frame(source):.1f} times faster than our own estimator on every frame")


def latency(folder: Path, args: argparse.Namespace) -> None:
    """Measures the time from a frame's capture until it is written, for a live source of 30 frames per second."""
    for name in ("still", "three_walking", "eight_faces"):
        report = run(looped(name, round(30 * args.seconds), is_live=True), output=folder / "live.mp4")
        cut = 1000 * quantiles(report.latencies, n=20)[-1]
        print(verdict(f"{name}: latency, 95 % of {report.frames} frames, {report.dropped} dropped", cut, 80, 40, " ms"))


def flicker(folder: Path, args: argparse.Namespace) -> None:
    """Measures how much a still face's age changes per second, against separate estimates of each frame."""
    from flicker import estimates_by_frame, flicker
    from judge import scenes

    seconds = min(10.0, args.seconds)
    frames = list(looped("still", round(30 * seconds)))
    smoothed = flicker([scene.faces for scene in scenes(frames, estimator())], seconds)
    separate = flicker(estimates_by_frame(estimator(), frames), seconds)
    print(verdict(f"flicker {smoothed:.2f} years a second, share of {separate:.2f}", smoothed / separate, 0.05, 0.02))


def tracking(folder: Path, args: argparse.Namespace) -> None:
    """Measures MOTA and identity switches over all synthetic clips."""
    from clips import SCENES, clip
    from judge import scenes
    from mot import Score, boxes, score

    from facekit.video.frames import Frame

    scores = []
    for name in SCENES:
        made = clip(name, seconds=args.seconds)
        frames = (Frame(number, number / 30, picture, 0.0) for number, picture in enumerate(made.frames()))
        scores.append(score(made.truth, map(boxes, scenes(frames, estimator()))))
        print(f"  {name:<20} MOTA {scores[-1].mota:.4f}, switches {scores[-1].switches}")
    total = sum(scores, Score())
    print(verdict(f"MOTA over {len(scores)} clips", total.mota, 0.99, 0.998))
    print(verdict("switches", total.switches, 0))


def memory(folder: Path, args: argparse.Namespace) -> None:
    """Measures the growth of resident memory after the first thousand frames. Linux only."""
    held: dict[int, int] = {}

    def watch(number: int) -> None:
        if number in (WARM, args.frames - 1):
            held[number] = resident()

    run(looped("three_walking", args.frames, watch=watch), jsonl=os.devnull, summary=folder / "summary.csv")
    grown = held[args.frames - 1] - held[WARM]
    print(verdict(f"memory after {args.frames:,} frames against after {WARM:,}", grown / 1e6, 20, 5, " MB"))


def every_frame(path: Path) -> float:
    """Measures frames per second of the estimator on separate frames."""
    from facekit import draw_estimates
    from facekit.video.sources import open_source

    with open_source(path) as source:
        frames = list(itertools.islice(source, PLAIN_FRAMES + 1))
    answering = estimator()
    answering.estimate(frames[0].picture)  # loads the network
    start = time.perf_counter()
    for frame in frames[1:]:
        draw_estimates(frame.picture, answering.estimate(frame.picture))
    return PLAIN_FRAMES / (time.perf_counter() - start)


def run(source: Any, **wanted: Any) -> Any:
    from facekit.video import VideoOptions, annotate_video

    return annotate_video(source, estimator(), VideoOptions(show=False, **wanted))


@cache
def estimator() -> Any:
    from facekit import FaceEstimator

    return FaceEstimator()


def looped(name: str, n_frames: int, *, is_live: bool = False, watch: Callable[[int], None] | None = None) -> Any:
    """Makes a source that repeats five seconds of a clip: live at 30 frames per second, or as fast as possible."""
    from clips import clip

    from facekit.video.frames import Frame
    from facekit.video.sources.source import Source

    pictures = list(clip(name, seconds=5).frames())

    class Looped(Source):
        def __init__(self) -> None:
            self.name, self.is_live, self.rate, self.size = name, is_live, Fraction(30), (640, 480)

        def __iter__(self) -> Iterator[Frame]:
            start = time.monotonic()
            for number in range(n_frames):
                if is_live:
                    time.sleep(max(0.0, start + number / 30 - time.monotonic()))
                if watch:
                    watch(number)
                yield Frame(number, number / 30, pictures[number % len(pictures)], time.monotonic())

        def close(self) -> None:
            pass

    return Looped()


def resident() -> int:
    """Reads the resident memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


MEASURES: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    "speed": speed,
    "latency": latency,
    "flicker": flicker,
    "tracking": tracking,
    "memory": memory,
}


if __name__ == "__main__":
    main()

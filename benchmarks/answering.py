"""Compares the speed of OpenVINO and Keras: first answer, face_demo.py, eight faces, and each step of a photograph."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from children import ROOT, Usage, alternate, environment, machine, run_child, verdict

ROUNDS = 7
RUNTIMES = ("openvino", "keras")
FIRST_ANSWER = """
import sys, numpy
from pathlib import Path
from facekit.networks.runtimes import load_runtime
load_runtime(Path(sys.argv[2]), sys.argv[1]).predict(numpy.zeros((1, 200, 200, 3), numpy.uint8))
"""
EIGHT_FACES = """
import sys, time, numpy
from pathlib import Path
from facekit.networks.runtimes import load_runtime
runtime, taken = load_runtime(Path(sys.argv[2]), sys.argv[1]), []
side = runtime.card.network.input_size
chips = numpy.random.default_rng(0).integers(0, 256, (8, side, side, 3), numpy.uint8)
for _ in range(40):
    start = time.perf_counter()
    runtime.predict_raw(chips)
    taken.append(1000 * (time.perf_counter() - start))
print(min(taken))
"""


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from facekit.networks.cards import DEFAULT_WEIGHTS

    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        env = {**environment(f"{folder}/bytecode"), "XDG_CACHE_HOME": folder}
        whole_programs(env, DEFAULT_WEIGHTS, f"{folder}/drawn")
        print()
        further_photograph()  # before Keras is loaded, whose idle threads would slow it down
        print()
        eight_faces("mobilenet, 200 px (shipped)", DEFAULT_WEIGHTS, env)
        eight_faces("dlib_resnet, 150 px", published_dlib_resnet(Path(folder)), env)


def whole_programs(env: dict[str, str], weights: Path, drawn: str) -> None:
    """Measures processes from start to end; medians."""
    demo = [ROOT / "face_demo.py", "--quiet", "--output", drawn, ROOT / "demo_images" / "astronaut.jpg"]
    answer: dict[str, Callable[[], Usage]] = {
        name: partial(run_child, ["-c", FIRST_ANSWER, name, weights], env) for name in RUNTIMES
    }
    photograph: dict[str, Callable[[], Usage]] = {
        f"demo {name}": partial(run_child, [*demo, "--runtime", name], env) for name in RUNTIMES
    }
    taken = alternate({**answer, **photograph}, ROUNDS)
    graph, keras = (taken[name].wall for name in RUNTIMES)
    print(f"process start to the first answer: openvino {graph:.2f} s, keras {keras:.2f} s")
    print(verdict("first answer, times faster", keras / graph, 4, 8))
    graph, keras = (taken[f"demo {name}"].cpu for name in RUNTIMES)
    print(f"face_demo.py, one photograph, CPU time: openvino {graph:.2f} s, keras {keras:.2f} s")
    print(verdict("face_demo.py, share of the CPU time", graph / keras, 0.35, 0.2))


def eight_faces(title: str, weights: Path, env: dict[str, str]) -> None:
    """Reports the fastest run of each runtime, in separate processes: idle threads of one would slow down the other."""
    taken: dict[str, list[float]] = {name: [] for name in RUNTIMES}
    for name in RUNTIMES * 4:
        command = [sys.executable, "-c", EIGHT_FACES, name, weights]
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
        taken[name].append(float(done.stdout))
    graph, keras = (min(taken[name]) for name in RUNTIMES)
    print(f"eight faces, {title}: openvino {graph / 8:.2f} ms a face, keras compiled {keras / 8:.2f} ms")
    print(verdict(f"eight faces, {title}, times faster", keras / graph, 1.8, 3))


def published_dlib_resnet(folder: Path) -> Path:
    """Saves dlib's network with untrained heads, which take as long as trained ones."""
    from facekit.core.lazy_imports import import_keras

    import_keras()
    from facekit.heads import AGE, GENDER, RACE
    from facekit.networks.backbones import BACKBONES
    from facekit.networks.cards import Card
    from facekit.networks.config import NetworkConfig
    from facekit.networks.network import build_network
    from facekit.networks.weights import network_tensors, save_weights

    config = NetworkConfig(backbone="dlib_resnet", input_size=150, heads=(AGE, GENDER, RACE))
    network = build_network(config)
    BACKBONES["dlib_resnet"].load_pretrained(network)
    save_weights(network_tensors(network), Card(name="dlib_resnet", network=config), folder / "dlib_resnet.h5")
    return folder / "dlib_resnet.h5"


def further_photograph() -> None:
    """Measures a photograph of 640x480 with one face, from the array to the drawn array, and each step."""
    import numpy as np
    from PIL import Image

    from facekit import FaceEstimator, draw_estimates

    with Image.open(ROOT / "demo_images" / "astronaut.jpg") as image:
        canvas = Image.new("RGB", (640, 480))
        canvas.paste(image.convert("RGB").crop((0, 0, 480, 480)), (80, 0))
    picture = np.asarray(canvas)
    estimator = FaceEstimator()
    (face,) = estimator.estimate(picture)
    cut = estimator.cut(picture, [face.box])
    steps: dict[str, Callable[[], Any]] = {
        "detection": lambda: estimator._finder.detect(picture),
        "landmarks and chips": lambda: estimator.cut(picture, [face.box]),
        "network": lambda: estimator.predict(cut),
        "drawing": lambda: draw_estimates(picture, [face]),
        "all": lambda: draw_estimates(picture, estimator.estimate(picture)),
    }
    taken = dict(zip(steps, in_turn(list(steps.values()), 40), strict=True))
    print("photograph after the first, 640x480: " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in taken.items()))
    print(verdict("a photograph after the first, 640x480, ms", taken["all"], 22, 14))


def in_turn(calls: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Returns the fastest wall time of each call, milliseconds; they are made A B A B."""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, times in zip(calls, taken, strict=True):
            start = time.perf_counter()
            call()
            times.append(1000 * (time.perf_counter() - start))
    return [min(times) for times in taken]


if __name__ == "__main__":
    main()

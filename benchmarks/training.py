"""Measures speed and memory of training: the loop against its bare step, and against the original scripts' loop.

The original loop, called classic here: float32 pictures, each shifted, mirrored and partly erased in Python, mixed in
pairs on the host, and passed to `fit` in batches. Its network computes in float32; it is timed in the faster format,
too. Needs SciPy.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from children import ROOT, environment, machine, run_child, verdict
from training_setup import networks, random_data, random_labels

from facekit.core.lazy_imports import import_keras

UTKFACE, VALIDATION = 18_095, 2_100  # chips of an epoch, and of a tenth of UTKFace, for the validation after it

# A training of a few steps, from reading the data to the card.
SHORT_RUN = """
import sys
from dataclasses import replace
from pathlib import Path
from facekit.core.lazy_imports import import_keras
import_keras()
from facekit.datasets.source import DataSource
from facekit.recipes import RECIPES
from facekit.training import prepared
from facekit.training.files import RunFiles
from facekit.training.run import Run
from facekit.training.settings import Settings

prepared.steps_per_epoch = lambda recipe, n: 8
recipe = RECIPES["dlib_utkface"]
network, training = replace(recipe.network, input_size=200), replace(recipe.training, epochs=1)
recipe = replace(recipe, network=network, training=training, data=(DataSource("utkface", sys.argv[1]),))
run = Run(Settings(recipe), RunFiles(Path(sys.argv[2], "logs", "run"), Path(sys.argv[2])))
run.train(run.prepare())
"""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", metavar="PATH", help="UTKFace, for the memory of a training (default: not measured)")
parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of all variants in turn; the fastest counts")
parser.add_argument("--steps", type=int, default=24, metavar="N", help="in a round, of which the last half is timed")
parser.add_argument("--recipe", action="append", metavar="NAME", help="dlib_utkface or flagship (default: both)")


@dataclass(frozen=True)
class Variant:
    """A compiled model and the source of its batches."""

    model: Any
    make_batches: Callable[[], Iterator[tuple[Any, ...]]]

    def seconds(self, steps: int) -> tuple[float, float]:
        """Measures wall and CPU time of a step, once the queues before it are as full as they get."""
        import keras

        class Clock(keras.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
                float(np.asarray((logs or {})["loss"]))  # waits for the step, as a progress bar does
                ends.append((time.perf_counter(), time.process_time()))

        ends: list[tuple[float, float]] = []
        batches = self.make_batches()
        self.model.fit(batches, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0, callbacks=[Clock()])
        half = steps // 2
        wall, cpu = ((after - before) / (steps - half) for before, after in zip(ends[half - 1], ends[-1], strict=True))
        return wall, cpu


def variants(recipe: Any, chips: Any, steps: int) -> dict[str, Variant]:
    """Makes all loops over the same chips, on a network with random weights: others take as long."""
    from facekit.training.augment_host import apply
    from facekit.training.prefetch import augmented
    from facekit.training.resident import batches

    index = np.arange(len(chips))
    epochs = range(steps)  # more than are needed
    precision = faster_precision(recipe)
    model = resident_model(recipe, precision, chips, on_device=False)
    (draws,) = next(batches(recipe, index, epochs))
    repeated_batch = {
        "chips": apply(chips[draws["index"]], draws),
        **{name: draws[name] for name in ("index", "ratio", "partner")},
    }
    found = {
        "bare step": Variant(model, partial(repeated, (repeated_batch,), steps + 4)),
        "loop, chips on the host": Variant(model, lambda: augmented(batches(recipe, index, epochs), chips)),
        "loop, chips on the device": Variant(
            resident_model(recipe, precision, chips, on_device=True), lambda: batches(recipe, index, epochs)
        ),
    }
    for name, policy in (("float32", "float32"), ("faster", precision)):
        found[f"classic, {name}"] = Variant(classic_model(recipe, policy), partial(classic, recipe, chips))
    return found


def repeated(batch: tuple[Any, ...], times: int) -> Iterator[tuple[Any, ...]]:
    for _ in range(times):
        yield batch


def faster_precision(recipe: Any) -> str:
    from facekit.training.precision import POLICIES, choose_precision
    from facekit.training.throughput import measure_throughput

    chips, labels = random_data(recipe)
    return choose_precision(
        measure_throughput(recipe, networks(recipe, list(POLICIES)), chips, labels, on_device=False)
    )


def resident_model(recipe: Any, precision: str, chips: Any, on_device: bool) -> Any:
    from facekit.training.optimizer import make_optimizer
    from facekit.training.resident import ResidentModel, make_targets

    network = networks(recipe, [precision])[precision]
    targets = make_targets(recipe, random_labels(recipe, len(chips)))
    model = ResidentModel(network, recipe, targets, chips if on_device else None)
    heads = {head.name for head in recipe.network.heads}
    model.compile(optimizer=make_optimizer(recipe.training, heads, network, 10_000))
    return model


def classic_model(recipe: Any, precision: str) -> Any:
    import keras

    network = networks(recipe, [precision])[precision]
    losses = {head.name: "categorical_crossentropy" for head in recipe.network.heads}
    network.compile(keras.optimizers.Adam(1e-4), loss=losses, metrics=dict.fromkeys(losses, "accuracy"))
    return network


def classic(recipe: Any, chips: Any) -> Iterator[tuple[Any, ...]]:
    """Yields batches as the original's generators made them; its transform was Keras's, by SciPy."""
    pictures = chips[:500].astype(np.float32)  # all of them were floats; the time is the same
    labels = {name: rows[:500] for name, rows in random_labels(recipe, len(chips)).items()}
    targets = {head.name: recipe.loss(head).targets(head, labels[head.name]) for head in recipe.network.heads}
    random, n = np.random.default_rng(0), recipe.training.batch_size
    while True:
        index = random.integers(0, len(pictures), (2, n))
        first, second = (np.stack([classic_picture(pictures[k], random) for k in half]) for half in index)
        ratio = random.beta(0.2, 0.2, n).astype(np.float32)
        rows = {name: ratio[:, None] * y[index[0]] + (1 - ratio[:, None]) * y[index[1]] for name, y in targets.items()}
        ratio = ratio[:, None, None, None]
        yield ratio * first + (1 - ratio) * second, rows


def classic_picture(picture: Any, random: np.random.Generator) -> Any:
    from scipy.ndimage import affine_transform

    size = picture.shape[0]
    shift = random.uniform(-0.1, 0.1, 2) * size
    picture = np.stack(
        [affine_transform(picture[..., k], np.eye(2), shift, order=1, mode="nearest") for k in range(3)], axis=-1
    )
    if random.random() < 0.5:
        picture = picture[:, ::-1]
    if random.random() < 0.5:
        area, ratio = random.uniform(0.02, 0.4) * size**2, random.uniform(0.3, 1 / 0.3)
        height, width = (min(int(side), size - 1) for side in (np.sqrt(area * ratio), np.sqrt(area / ratio)))
        top, left = random.integers(0, size - height), random.integers(0, size - width)
        picture[top : top + height, left : left + width] = random.uniform(0, 255)
    return picture


def speed(recipe: Any, rounds: int, steps: int, aims: tuple[float, float]) -> None:
    """Times all variants in turn and prints their ratios."""
    from facekit.training.resident import predict_rows

    size, batch_size = recipe.network.input_size, recipe.training.batch_size
    chips = np.random.default_rng(0).integers(0, 256, (2000, size, size, 3), np.uint8)
    found = variants(recipe, chips, steps)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    predicted = []
    for _ in range(rounds):
        for name, variant in found.items():
            taken[name].append(variant.seconds(steps))
        predict_rows(found["bare step"].model, np.arange(64), chips)
        start = time.perf_counter()
        predict_rows(found["bare step"].model, np.arange(320), chips)
        predicted.append((time.perf_counter() - start) / 320)
    best = {name: min(wall for wall, _ in times) for name, times in taken.items()}
    print(f"\n{recipe.name}: {recipe.network.backbone}, {size} px, batches of {batch_size}")
    for name, seconds in best.items():
        cpu = min(cpu for _, cpu in taken[name])  # tells more where others work on the same machine
        images = batch_size / seconds
        print(f"  {name:<28}{1000 * seconds:9.0f} ms a step, {1000 * cpu:6.0f} of CPU, {images:6.0f} images/s")
    bare, host, device = (best[name] for name in list(best)[:3])
    loop = min(host, device)
    print(at_least("Loop against its bare step", bare / loop, 0.80, 0.95))
    print(at_least("Loop against the classic one in float32", best["classic, float32"] / loop, *aims))
    print(f"The same, both in the faster format{best['classic, faster'] / loop:30.2f}")
    fraction = VALIDATION * min(predicted) / (UTKFACE / batch_size * loop)
    print(verdict(f"Validation of {VALIDATION:,} chips, fraction of an epoch", fraction, 0.10))


def at_least(name: str, value: float, must: float, aim: float) -> str:
    met = "aim met" if value >= aim else "met" if value >= must else "MISSED"
    return f"{name:<58} {value:6.2f}    at least {must}, aim {aim}: {met}"


def memory(data: str) -> None:
    """Measures the peak memory of a short training."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        usage = run_child(["-c", SHORT_RUN, data, folder], environment(f"{folder}/bytecode"))
    print("\nUTKFace at 200 px, from reading to the card")
    print(verdict("Peak memory (aim: 4.5)", usage.peak, 6.0, unit=" GB"))


def main() -> None:
    args = parser.parse_args()
    print(f"{machine()}; the fastest of {args.rounds} rounds")
    if args.data:
        memory(args.data)  # first: a child's peak counts what its parent held when it was started
    import_keras()
    sys.path.append(str(ROOT))  # face.py belongs to no package
    from face import recipe as flagship
    from facekit.recipes import RECIPES

    recipes = {"dlib_utkface": (RECIPES["dlib_utkface"], (1.5, 3.0)), "flagship": (flagship, (1.3, 2.0))}
    for name in args.recipe or recipes:
        recipe, aims = recipes[name]
        speed(replace(recipe, training=replace(recipe.training, dropout=0.2)), args.rounds, args.steps, aims)


if __name__ == "__main__":
    main()

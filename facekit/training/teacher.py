"""A teacher for noisy labels: answers of networks that never saw a chip's own label.

Published networks, as they are, describe each chip and its mirror image. Small heads learn the labels of four fifths of
the training chips from that, and answer for the last fifth, five times over (out-of-sample answers, as in Northcutt et
al. 2021, Confident Learning, section 3; near duplicates are never in two fifths). A chip is then trained on a mixture
of its label and that answer (Hinton et al. 2015, Distilling the Knowledge in a Neural Network). A network's answers to
labels that it learned from would only repeat them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from tqdm import tqdm

from facekit.core.errors import TrainingError
from facekit.core.files import writing
from facekit.datasets.mixture import Mixture
from facekit.faces.chips import resize_chips
from facekit.networks.backbones import BACKBONES
from facekit.networks.hdf5 import read_hdf5, write_hdf5
from facekit.recipes.recipe import Recipe
from facekit.training.resident import Targets, make_targets

FOLDS = 5
EPOCHS, BATCH_SIZE, RATE, WEIGHT_DECAY = 10, 128, 1e-3, 0.05
WIDTH, DROPOUT = 384, 0.5
_BLOCK = 64  # chips that are described together

Answers = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Describer:
    """A published network that describes chips.

    Args:
        backbone: a key of `facekit.networks.backbones.BACKBONES`.
        input_size: side of the chips it is given, pixels.
        middle: layer whose mean is taken along with the last features, as it is finer than these.
    """

    backbone: str
    input_size: int
    middle: str


DESCRIBERS = (
    Describer("mobilenet", 200, "block11_pointwise_relu"),
    Describer("mobilenet_faceres", 200, "block11_pointwise_relu"),
    Describer("dlib_resnet", 150, "block9_relu"),
)


def teach(path: Path, data: Mixture, recipe: Recipe, index: NDArray[np.integer]) -> Answers:
    """Computes the teacher's answers for the training chips, or reads them if an interrupted run left them.

    Args:
        path: of the HDF5 file that keeps them.
        data: n faces.
        recipe: heads, losses and seed.
        index: (m,) of the training chips; no other label is used.

    Returns:
        Head's name -> (n, width); zeros but at `index`.

    Raises:
        TrainingError: the file cannot be written.
        WeightsError: a network's published weights are missing, or the file is damaged.
    """
    if path.exists():
        tensors, _ = read_hdf5(path)
        expected = {head.name: (len(data.chips), head.width) for head in recipe.network.heads}
        if {name: np.shape(tensor) for name, tensor in tensors.items()} != expected:
            raise TrainingError(f"{path} belongs to other data than this run's. Start a new run instead.")
        return {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()}
    answers = _out_of_sample(data, recipe, index)
    with writing(path, TrainingError):
        write_hdf5(path, answers, {})
    return answers


def load_describers() -> list[keras.Model]:
    """Loads the networks of DESCRIBERS, from chips to features (n, F). Raises WeightsError if weights are missing."""
    networks = []
    for describer in DESCRIBERS:
        network = BACKBONES[describer.backbone].build(describer.input_size)
        BACKBONES[describer.backbone].load_pretrained(network)
        middle = layers.GlobalAveragePooling2D()(network.get_layer(describer.middle).output)
        described = keras.Model(network.input, layers.Concatenate()([network.output, middle]))
        described.compile(jit_compile=False)
        networks.append(described)
    return networks


def _out_of_sample(data: Mixture, recipe: Recipe, index: NDArray[np.integer]) -> Answers:
    views = describe(data.chips, index)
    groups, seed = data.duplicate_groups(), recipe.training.seed
    folds = np.random.default_rng(seed).integers(FOLDS, size=groups.max() + 1)[groups[index]]
    heads = recipe.network.heads
    answers = {head.name: np.zeros((len(data.chips), head.width), np.float32) for head in heads}
    labels = {name: rows[index] for name, rows in data.labels(heads).items()}
    targets = make_targets(recipe, labels)
    for fold in range(FOLDS):
        seen, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(held_out):
            for name, rows in _answer(views, targets, recipe, seen, held_out, seed + fold).items():
                answers[name][index[held_out]] = rows
    return answers


def describe(chips: NDArray[np.uint8], index: NDArray[np.integer]) -> NDArray[np.float16]:
    """Computes all networks' features of m chips and their mirror images: (2, m, F), of mean 0 and deviation 1."""
    views: list[list[NDArray[np.float32]]] = [[], []]
    steps = -(-len(index) // _BLOCK)
    for describer, network in zip(DESCRIBERS, load_describers(), strict=True):
        for view, stride in zip(views, (1, -1), strict=True):
            view.append(network.predict(_pictures(chips, index, describer, stride), steps=steps, verbose=0))
    features = np.stack([np.concatenate(view, axis=1) for view in views])
    features -= features[0].mean(axis=0)
    return (features / (features[0].std(axis=0) + 1e-3)).astype(np.float16)


def _pictures(
    chips: NDArray[np.uint8], index: NDArray[np.integer], describer: Describer, stride: int
) -> Iterator[tuple[NDArray[np.float32]]]:
    starts = range(0, len(index), _BLOCK)
    for at in tqdm(starts, desc=f"Describing with {describer.backbone}", leave=False, disable=None):
        rows = chips[index[at : at + _BLOCK], :, ::stride]
        yield (resize_chips(rows, describer.input_size).astype(np.float32),)


def _answer(
    views: NDArray[np.float16],
    targets: Targets,
    recipe: Recipe,
    seen: NDArray[np.intp],
    held_out: NDArray[np.intp],
    seed: int,
) -> Answers:
    """Trains small heads on the chips `seen` and averages their answers for both views of those held out."""
    keras.utils.set_random_seed(seed)
    heads = recipe.network.heads
    inputs = keras.Input(views.shape[2:])
    x = layers.Dropout(DROPOUT)(inputs)
    x = layers.Dropout(DROPOUT)(layers.Dense(WIDTH, activation="relu")(x))
    model = keras.Model(inputs, {head.name: head.output(x) for head in heads})
    steps = max(2 * len(seen) // BATCH_SIZE, 1)
    losses: dict[str, Any] = {head.name: partial(recipe.loss(head), head) for head in heads}
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * steps), WEIGHT_DECAY),
        loss=losses,
        jit_compile=False,
    )
    model.fit(
        _lessons(views, targets, seen, steps, np.random.default_rng(seed)),
        steps_per_epoch=steps,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
    )
    answers = [model.predict(view[held_out].astype(np.float32), batch_size=512, verbose=0) for view in views]
    return {head.name: np.mean([answer[head.name] for answer in answers], axis=0) for head in heads}


def _lessons(
    views: NDArray[np.float16], targets: Targets, seen: NDArray[np.intp], steps: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], Answers, Answers]]:
    """Yields batches of features, targets and weights without end; each view of each chip once an epoch."""
    while True:
        order = rng.permutation(2 * len(seen))
        for step in range(steps):
            view, rows = np.divmod(order[step * BATCH_SIZE : (step + 1) * BATCH_SIZE], len(seen))
            rows = seen[rows]
            yield (
                views[view, rows].astype(np.float32),
                {name: target[rows] for name, target in targets.rows.items()},
                {name: known[rows].astype(np.float32) for name, known in targets.known.items()},
            )

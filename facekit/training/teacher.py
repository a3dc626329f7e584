"""A teacher for noisy labels: what networks that never saw a chip's own label answer for it.

Published networks, as they are, describe each chip and its mirror image. Small heads learn the labels of four fifths of
the training chips from that, and answer for the last fifth, five times over (out-of-sample answers, as in Northcutt et
al. 2021, Confident Learning, section 3; near duplicates are never in two fifths). A chip is then trained on a mixture
of its label and that answer (Hinton et al. 2015, Distilling the Knowledge in a Neural Network). What a network answers
to the labels that it learned from would only repeat them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from tqdm import tqdm

from facekit.core.errors import TrainingError
from facekit.datasets.records import Faces
from facekit.datasets.splits import duplicate_groups
from facekit.faces.chips import resize_chips
from facekit.heads import MISSING, Head
from facekit.heads.losses import head_loss
from facekit.networks.backbones import BACKBONES
from facekit.networks.cards import open_weights
from facekit.networks.weights import read_tensors, write_hdf5
from facekit.training.resident import Targets

FOLDS = 5
EPOCHS, BATCH_SIZE, RATE, WEIGHT_DECAY = 10, 128, 1e-3, 0.05
WIDTH, DROPOUT = 384, 0.5
_DESCRIBED_AT_ONCE = 64


@dataclass(frozen=True)
class Source:
    """A published network that describes chips.

    Args:
        backbone: name in `facekit.networks.backbones.BACKBONES`.
        input_size: side of the chips it is given, pixels.
        middle: layer whose mean is taken along with the last features: finer than these.
    """

    backbone: str
    input_size: int
    middle: str


SOURCES = (
    Source("mobilenet", 200, "block11_pointwise_relu"),
    Source("mobilenet_faceres", 200, "block11_pointwise_relu"),
    Source("dlib_resnet", 150, "block9_relu"),
)


def teach(
    path: Path, fingerprint: str, faces: Faces, heads: Sequence[Head], places: NDArray[np.integer], seed: int
) -> Targets:
    """The teacher's answers for the training chips, from `path` if a run that was interrupted left them there.

    Args:
        path: of the HDF5 file that keeps them.
        fingerprint: of the faces.
        faces: n of them.
        heads: what is answered.
        places: (m,) of the training chips; no other label is looked at.
        seed: of folds and heads.

    Returns:
        Head's name -> (n, classes); zeros but at `places`.

    Raises:
        TrainingError: the file cannot be written, or is of other faces.
        WeightsError: a source's published weights are missing, or the file is damaged.
    """
    if path.exists():
        with open_weights(path) as file:
            if file.attrs.get("fingerprint") != fingerprint:
                raise TrainingError(f"{path} is of other data than this run's. Start a new run instead.")
        return {name: np.asarray(tensor, np.float32) for name, tensor in read_tensors(path).items()}
    answers = _out_of_sample(faces, heads, places, seed)
    try:
        write_hdf5(path, answers, {"fingerprint": fingerprint})
    except OSError as error:
        raise TrainingError(f"Cannot write {path}: {error.strerror or error}. Make room and start again.") from error
    return answers


def load_sources() -> list[keras.Model]:
    """The networks of SOURCES, from a chip to its features (n, F). Raises WeightsError if one's weights are missing."""
    networks = []
    for source in SOURCES:
        network = BACKBONES[source.backbone].build(source.input_size)
        BACKBONES[source.backbone].load_pretrained(network)
        middle = layers.GlobalAveragePooling2D()(network.get_layer(source.middle).output)
        described = keras.Model(network.input, layers.Concatenate()([network.output, middle]))
        described.compile(jit_compile=False)
        networks.append(described)
    return networks


def _out_of_sample(faces: Faces, heads: Sequence[Head], places: NDArray[np.integer], seed: int) -> Targets:
    views = describe(faces.chips, places)
    groups = duplicate_groups(faces)
    folds = np.random.default_rng(seed).integers(FOLDS, size=groups.max() + 1)[groups[places]]
    answers = {head.name: np.zeros((len(faces.chips), len(head.classes)), np.float32) for head in heads}
    labels = {name: rows[places] for name, rows in faces.labels(heads).items()}
    for fold in range(FOLDS):
        seen, asked = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(asked):
            for name, rows in _answer(views, labels, heads, seen, asked, seed + fold).items():
                answers[name][places[asked]] = rows
    return answers


def describe(chips: NDArray[np.uint8], places: NDArray[np.integer]) -> NDArray[np.float16]:
    """All sources' features of some chips and of their mirror images: (2, m, F), each of mean 0 and deviation 1."""
    views: list[list[NDArray[np.float32]]] = [[], []]
    steps = -(-len(places) // _DESCRIBED_AT_ONCE)
    for source, network in zip(SOURCES, load_sources(), strict=True):
        for view, stride in zip(views, (1, -1), strict=True):
            view.append(network.predict(_pictures(chips, places, source, stride), steps=steps, verbose=0))
    features = np.stack([np.concatenate(view, axis=1) for view in views])
    features -= features[0].mean(axis=0)
    return (features / (features[0].std(axis=0) + 1e-3)).astype(np.float16)


def _pictures(
    chips: NDArray[np.uint8], places: NDArray[np.integer], source: Source, stride: int
) -> Iterator[tuple[NDArray[np.float32]]]:
    starts = range(0, len(places), _DESCRIBED_AT_ONCE)
    for at in tqdm(starts, desc=f"Describing with {source.backbone}", leave=False, disable=None):
        rows = chips[places[at : at + _DESCRIBED_AT_ONCE], :, ::stride]
        yield (resize_chips(rows, source.input_size).astype(np.float32),)


def _answer(
    views: NDArray[np.float16],
    labels: dict[str, NDArray[np.int16]],
    heads: Sequence[Head],
    seen: NDArray[np.intp],
    asked: NDArray[np.intp],
    seed: int,
) -> Targets:
    """Heads that learn from the chips `seen` answer for those `asked`, the mean over both views."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(views.shape[2:])
    x = layers.Dropout(DROPOUT)(inputs)
    x = layers.Dropout(DROPOUT)(layers.Dense(WIDTH, activation="relu")(x))
    outputs = {head.name: layers.Dense(len(head.classes), activation="softmax", name=head.name)(x) for head in heads}
    model = keras.Model(inputs, outputs)
    steps = max(2 * len(seen) // BATCH_SIZE, 1)
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * steps), WEIGHT_DECAY),
        loss={head.name: partial(head_loss, head) for head in heads},
        jit_compile=False,
    )
    model.fit(
        _lessons(views, labels, heads, seen, steps, np.random.default_rng(seed)),
        steps_per_epoch=steps,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
    )
    answers = [model.predict(view[asked].astype(np.float32), batch_size=512, verbose=0) for view in views]
    return {head.name: np.mean([answer[head.name] for answer in answers], axis=0) for head in heads}


def _lessons(
    views: NDArray[np.float16],
    labels: dict[str, NDArray[np.int16]],
    heads: Sequence[Head],
    seen: NDArray[np.intp],
    steps: int,
    rng: np.random.Generator,
) -> Iterator[tuple[NDArray[np.float32], Targets, Targets]]:
    """Batches of features, targets and weights without end; each view of each chip once an epoch."""
    targets = {head.name: head.targets(labels[head.name]) for head in heads}
    while True:
        order = rng.permutation(2 * len(seen))
        for step in range(steps):
            view, rows = np.divmod(order[step * BATCH_SIZE : (step + 1) * BATCH_SIZE], len(seen))
            rows = seen[rows]
            yield (
                views[view, rows].astype(np.float32),
                {name: target[rows] for name, target in targets.items()},
                {name: (labels[name][rows] != MISSING).astype(np.float32) for name in targets},
            )

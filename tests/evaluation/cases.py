"""Random outputs, labels and predictions of any heads."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from facekit.datasets.records import Faces, Record
from facekit.evaluation.evaluate import Predictions
from facekit.heads import AGE, GENDER, MISSING, RACE, AgeHead, ClassHead, Head, NumberHead
from facekit.networks.cards import Card
from facekit.networks.config import NetworkConfig

HEADS: tuple[Head, ...] = (AGE, GENDER, RACE)
MOOD = ClassHead("mood", ("Calm & <b>", "Happy", "Sad"))
AGE_NUMBER = NumberHead("age", 0, 100, "years")
AGE_CLASSES = ClassHead("age", ("child", "adult", "senior"))
HEIGHT = NumberHead("height", 50, 220, "cm")


def random_case(n: int, seed: int = 0, heads: tuple[Head, ...] = HEADS) -> tuple[dict[str, Any], dict[str, Any]]:
    """Makes probabilities that lean to the truth, or numbers near it, and labels of which a fifth is missing."""
    random = np.random.default_rng(seed)
    probabilities, labels = {}, {}
    for head in heads:
        if isinstance(head, NumberHead):
            number = random.uniform(head.low, head.high, n)
            probabilities[head.name] = (number + random.normal(0, 5, n))[:, None].astype(np.float32)
            labels[head.name] = np.where(random.random(n) < 0.2, MISSING, number).astype(np.float32)
            continue
        n_classes = head.width
        truth = random.integers(0, n_classes, n)
        logits = random.normal(0, 1, (n, n_classes))
        logits[np.arange(n), truth] += 2
        if isinstance(head, AgeHead):
            logits -= (np.arange(n_classes) - truth[:, None] - random.normal(0, 6, (n, 1))) ** 2 / 20
            truth += head.youngest
        weights = np.exp(logits)
        probabilities[head.name] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
        labels[head.name] = np.where(random.random(n) < 0.2, MISSING, truth).astype(np.int16)
    return probabilities, labels


def predictions(
    heads: Sequence[Head] = HEADS, n: int = 120, evaluated: Sequence[Head] | None = None, seed: int = 0
) -> Predictions:
    """Makes random outputs for random chips; a fifth of the labels is missing."""
    outputs, labels = random_case(n, seed, tuple(heads))
    names = [
        {head.name: head.label_name(labels[head.name][k]) for head in heads if labels[head.name][k] != MISSING}
        for k in range(n)
    ]
    records = [Record(f"{k}.jpg", f"{k} <script>.jpg", f"{k:04}", names[k]) for k in range(n)]
    chips = np.random.default_rng(seed).integers(0, 256, (n, 40, 40, 3), np.uint8)
    card = Card(name="a & b", network=NetworkConfig(backbone="tiny", input_size=40, heads=tuple(heads)))
    evaluated = evaluated or heads
    kept = {head.name: outputs[head.name] for head in evaluated}
    return Predictions(
        card, evaluated, "utkface", "test", Faces(records, chips, np.empty((n, 0), np.float32), {"bad": 2}), kept
    )

"""How weights are run on a data set: as their card says that it was read, cut and split."""

from typing import Any

import pytest
from cases import HEADS

from facekit.core.errors import UnknownNameError, WeightsError
from facekit.datasets.source import DataSource
from facekit.evaluation import evaluate
from facekit.faces.chips import AlignedChip
from facekit.networks.cards import Card
from facekit.networks.config import NetworkConfig

NETWORK = NetworkConfig(backbone="tiny", input_size=40, heads=HEADS)
CHIP = AlignedChip(size=100, padding=0.5)


class Stop(Exception):
    """Ends a call when the data set would be read."""


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns a function: a card's data, and arguments of `predict_dataset` -> what would be read."""

    def read(card_data: dict[str, Any], **changes: Any) -> tuple[Any, ...]:
        found: list[Any] = []

        def load_faces(*arguments: Any) -> None:
            found.extend(arguments)
            raise Stop

        card = Card(name="some", network=NETWORK, chip=CHIP, data=card_data)
        monkeypatch.setattr(evaluate, "read_card", lambda path: card)
        monkeypatch.setattr(evaluate, "load_faces", load_faces)
        arguments = {"weights": None, "dataset": "utkface", "data": "here", "split": "test", "heads": ["age"]}
        with pytest.raises(Stop):
            evaluate.predict_dataset(**{**arguments, "detector": None, **changes})
        return tuple(found)

    return read


SOURCES = {
    "detector": "whole_image",
    "sources": [
        {"dataset": "utkface", "split": "near_duplicates", "detector": "whole_image", "unknown": "drop", "weight": 2.0},
        {"dataset": "all_age_faces", "split": "official", "detector": "hog", "unknown": "missing"},
    ],
}


@pytest.mark.parametrize(
    ("data", "changes", "source"),
    [
        ({}, {}, DataSource("utkface", "here")),
        ({"dataset": "utkface", "detector": "cnn"}, {}, DataSource("utkface", "here", detector="cnn")),
        ({"dataset": "table", "detector": "cnn"}, {}, DataSource("utkface", "here", detector="cnn")),
        ({"detector": "cnn"}, {"detector": "hog"}, DataSource("utkface", "here", detector="hog")),
        (SOURCES, {"data": None}, DataSource("utkface")),
        (
            SOURCES,
            {"dataset": "all_age_faces"},
            DataSource("all_age_faces", "here", split="official", detector="hog", unknown="missing"),
        ),
    ],
)
def test_data_set_is_read_as_for_training(
    data: dict[str, Any], changes: dict[str, Any], source: DataSource, reading: Any
) -> None:
    assert reading(data, **changes) == (source, HEADS, 40, CHIP)  # all heads: they decide which records are usable


def test_unknown_side() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown split: 'tset'\. Did you mean 'test'\?"):
        evaluate.predict_dataset(None, "utkface", None, "tset", None, None)


def test_calibration_on_other_data_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(name="some", network=NETWORK, data=SOURCES)
    monkeypatch.setattr(evaluate, "read_card", lambda path: card)
    with pytest.raises(WeightsError, match=r"trained on, utkface, all_age_faces\. Received: table\.") as caught:
        evaluate.calibrate_weights(None, "table", "faces.csv", None)
    assert caught.value.argument == "dataset"

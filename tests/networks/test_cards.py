"""Cards: both formats, and all the ways in which a card can be wrong."""

import json
from dataclasses import replace
from typing import Any

import pytest

from facekit.core.errors import WeightsError
from facekit.faces.chips import CHIP_RULES, AlignedChip, BoxChip, WholeChip
from facekit.heads import AGE, GENDER, HEADS, RACE, NumberHead
from facekit.networks.calibration import Calibration
from facekit.networks.cards import DEFAULT_WEIGHTS, FORMAT, ORIGINAL_CARD, Card, read_card
from facekit.networks.config import NetworkConfig

TRAINING_SETTINGS = {"sigma", "error_weight", "loss_weight", "weight", "smoothing", "dropout"}
OLD_WEIGHTS = DEFAULT_WEIGHTS.with_name("mobilenet_utkface.h5")
CARD = Card(
    name="test",
    network=NetworkConfig(
        backbone="dlib_resnet",
        input_size=150,
        heads=(AGE, GENDER, NumberHead("height", 50, 220, "cm")),
        features="landmarks",
    ),
    chip=AlignedChip(size=150, padding=0.4, landmarks=68),
    data={"seed": 7, "sources": [{"dataset": "utkface", "train": 5}, {"dataset": "table", "detector": "hog"}]},
    training={"recipe": {"name": "test"}},
    calibration=Calibration({"age": 1.25}, 500),
    figures={"age": {"mae": 4.5}},
    licence="mine",
    tensors_sha256="abc",
)


@pytest.fixture
def shipped() -> dict[str, Any]:
    """The card of the default weights of version 0.3, which is of format 1."""
    fields: dict[str, Any] = json.loads(OLD_WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))
    assert fields["format"] == 1 and fields["network"]["heads"][0]["sigma"] == 2.0
    return fields


def fields_of(card: Card) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(card.to_json())
    return fields


def keys(value: Any) -> set[str]:
    """All keys of nested JSON."""
    if isinstance(value, dict):
        return value.keys() | {key for entry in value.values() for key in keys(entry)}
    return {key for entry in value for key in keys(entry)} if isinstance(value, list) else set()


def test_cards_of_format_1_are_read(shipped: dict[str, Any]) -> None:
    card = Card.from_json(json.dumps(shipped))
    assert card == read_card(OLD_WEIGHTS)
    assert card.network == NetworkConfig(backbone="mobilenet", input_size=200, heads=(AGE, GENDER, RACE))
    assert card.chip == AlignedChip(size=200, padding=0.2, landmarks=5)
    assert card.calibration.temperatures == shipped["calibration"]["temperatures"]
    assert (card.seed, card.detector, card.source("utkface")["train"]) == (0, "whole_image", 18095)
    for name in ("name", "data", "training", "figures", "licence", "tensors_sha256"):
        assert getattr(card, name) == shipped[name]


def test_cards_of_format_1_may_lack_what_came_later(shipped: dict[str, Any]) -> None:
    for name in ("chip", "calibration"):
        del shipped[name]
    card = Card.from_json(json.dumps(shipped))
    assert (card.chip, card.calibration) == (AlignedChip(), Calibration())


def test_a_card_of_format_1_is_written_as_format_2(shipped: dict[str, Any]) -> None:
    card = Card.from_json(json.dumps(shipped))
    fields = fields_of(card)
    assert (fields["format"], FORMAT) == (2, 2)
    assert Card.from_json(card.to_json()) == card


@pytest.mark.parametrize("chip", [*(rule(size=99) for rule in CHIP_RULES.values()), CARD.chip, BoxChip(margin=0.3)])
def test_cards_of_format_2_come_back_equal(chip: Any) -> None:
    card = replace(CARD, chip=chip)
    assert Card.from_json(card.to_json()) == card
    assert json.loads(Card.from_json(card.to_json()).to_json()) == fields_of(card)
    assert fields_of(card)["chip"]["rule"] == chip.rule


def test_settings_of_training_are_nowhere_in_a_cards_network(shipped: dict[str, Any]) -> None:
    assert TRAINING_SETTINGS & keys(shipped["network"])
    for card in (CARD, ORIGINAL_CARD, Card.from_json(json.dumps(shipped))):
        assert not TRAINING_SETTINGS & keys(fields_of(card)["network"])
        assert keys(fields_of(card)["network"]) <= {"backbone", "input_size", "heads", "features", "kind"} | {
            field
            for kind in HEADS.values()
            for field in kind.__dataclass_fields__  # type: ignore[attr-defined]
        }


def test_a_card_names_the_sources_of_its_data() -> None:
    assert CARD.source("table") == {"dataset": "table", "detector": "hog"}
    assert CARD.source("other") == {} == replace(CARD, data={}).source("utkface")
    assert replace(CARD, data={"detector": "cnn"}).detector == "cnn"
    assert (CARD.seed, replace(CARD, data={}).seed) == (7, 0)


def changed(path: str, value: Any, card: Card = CARD) -> str:
    """The card as JSON with another value at a path such as "network/heads/0/kind"; None deletes it."""
    fields = fields_of(card)
    at: Any = fields
    *folders, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    for part in folders:
        at = at[part]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return json.dumps(fields)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", r"cannot be read: .*\. Fetch the weights file again\.$"),
        ("[]", "cannot be read"),
        ("7", "cannot be read"),
        ("{}", "cannot be read: 'format'"),
        (changed("format", 3), r"^The card must have format 2 or 1\. Received: 3\. Update facekit\.$"),
        (changed("format", "2"), "must have format 2 or 1"),
        (changed("network", None), "cannot be read: 'network'"),
        (changed("network", []), "cannot be read"),
        (changed("network/backbone", None), "cannot be read: .*'backbone'"),
        (changed("network/dropout", 0.5), "cannot be read: .*'dropout'"),
        (changed("network/input_size", "big"), "cannot be read"),
        (changed("network/features", "marks"), r"Unknown features: 'marks'\. Did you mean 'landmarks'"),
        (changed("network/heads", []), r"needs heads of different names\. Received: none\."),
        (changed("network/heads/1/name", "age"), r"needs heads of different names\. Received: age, age, height\."),
        (
            changed("network/heads/0/kind", "ages"),
            r"Unknown kind of head: 'ages'\. Did you mean 'age'\? Known: age, bands",
        ),
        (changed("network/heads/0/kind", 7), "Unknown kind of head: 7"),
        (changed("network/heads/0/sigma", 2), "cannot be read: .*'sigma'"),
        (changed("network/heads/1/classes", ["Male"]), "two or more different classes"),
        (changed("network/heads/1/classes", 7), "cannot be read"),
        (changed("network/heads/2/high", -5), r"bounds must be 0 <= low < high\. Received: 50 and -5\."),
        (changed("chip", None), "cannot be read: 'chip'"),
        (changed("chip/rule", "alined"), r"Unknown chip rule: 'alined'\. Did you mean 'aligned'\? Known: aligned, box"),
        (changed("chip/rule", 7), "Unknown chip rule: 7"),
        (changed("chip/rule", "whole"), "cannot be read: .*'padding'"),
        (changed("chip/size", 0), r"size must be a whole number of 1 to 4096 pixels\. Received: 0\."),
        (changed("chip/padding", -1), r"padding must be at least 0 and less than 10\. Received: -1\."),
        (changed("chip/landmarks", 7), r"Unknown number of landmarks: '7'\. Known: 5, 68\."),
        (changed("calibration/temperatures/age", 0), "cannot be read: temperatures must be positive"),
        (changed("name", None), "cannot be read: .*'name'"),
        (changed("data", []), r"cannot be read: data must be an object\."),
        (changed("training", 7), r"cannot be read: training must be an object\."),
        (changed("data/sources", [7]), r"cannot be read: data sources must be objects\."),
        (changed("network/heads/0/name", "groups"), r"A head must not be named groups, as results have such keys\."),
        (changed("colour", "red"), "cannot be read: .*'colour'"),
    ],
)
def test_wrong_cards_are_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(WeightsError, match=words) as caught:
        Card.from_json(text)
    assert "\n" not in str(caught.value)


def test_cards_of_format_1_with_unknown_kinds_are_refused(shipped: dict[str, Any]) -> None:
    shipped["network"]["heads"][0]["kind"] = "ages"
    with pytest.raises(WeightsError, match="Unknown kind of head: 'ages'"):
        Card.from_json(json.dumps(shipped))


def test_whole_chips_have_no_padding() -> None:
    assert fields_of(replace(CARD, chip=WholeChip()))["chip"] == {"rule": "whole", "size": 200}

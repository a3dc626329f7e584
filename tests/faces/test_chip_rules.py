"""What every chip rule must do, and that a network's card decides how its faces are cut."""

import json
from typing import Any

import numpy as np
import pytest

from facekit.core.errors import UnknownNameError, UsageError
from facekit.core.files import PROJECT
from facekit.faces.chips import (
    CHIP_RULES,
    AlignedChip,
    BoxChip,
    ChipConfig,
    WholeChip,
    chip_from_dict,
    cut_chips,
    resize_chips,
)
from facekit.faces.detectors import Box, make_detector
from facekit.faces.images import Picture, read_picture
from facekit.faces.landmarks import make_landmarker

# For each rule: settings other than the default, each of which gives other pixels.
CHANGES: dict[str, list[dict[str, Any]]] = {
    "aligned": [{"padding": 0.5}, {"landmarks": 68}, {"size": 64}],
    "box": [{"margin": 0.25}, {"size": 64}],
    "whole": [{"size": 64}],
}


@pytest.fixture(params=CHIP_RULES)
def rule(request: pytest.FixtureRequest) -> type[ChipConfig]:
    return CHIP_RULES[request.param]


@pytest.fixture(scope="module")
def picture() -> Picture:
    return read_picture(PROJECT / "demo_images" / "portrait_office.jpg")


@pytest.fixture(scope="module")
def box(picture: Picture) -> Box:
    (found,) = make_detector("hog")(picture)
    return found.box


def test_every_rule_has_changes_to_test() -> None:
    assert CHANGES.keys() == CHIP_RULES.keys()
    assert all(name == rule.rule for name, rule in CHIP_RULES.items())


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("size", [64, 200])
def test_shapes(count: int, size: int, rule: type[ChipConfig], picture: Picture, box: Box) -> None:
    faces = rule(size=size).cut(picture, [box] * count)
    assert len(faces) == count and faces.chips.shape == (count, size, size, 3)
    np.testing.assert_array_equal(faces.boxes, np.tile(box, (count, 1)))
    assert faces.landmarks is None or faces.landmarks.shape == (count, 5, 2)
    for chip in faces.chips:
        np.testing.assert_array_equal(chip, faces.chips[0])
        assert chip.std() > 20  # not black


def test_the_picture_is_not_changed(rule: type[ChipConfig], picture: Picture, box: Box) -> None:
    view = picture[::2, ::2]  # not contiguous
    before = view.copy()
    rule().cut(view, [tuple(side // 2 for side in box)])
    np.testing.assert_array_equal(view, before)


def test_rules_come_back_from_json(rule: type[ChipConfig]) -> None:
    for changes in ({}, *CHANGES[rule.rule]):
        config = rule(**changes)
        fields = json.loads(json.dumps(config.to_dict()))
        assert (
            fields["rule"] == rule.rule and chip_from_dict(fields) == config and hash(config) == hash(rule(**changes))
        )


def test_settings_change_the_pixels(rule: type[ChipConfig], picture: Picture, box: Box) -> None:
    usual = rule().cut(picture, [box]).chips
    for changes in CHANGES[rule.rule]:
        chips = rule(**changes).cut(picture, [box]).chips
        assert chips.shape != usual.shape or np.abs(chips.astype(int) - usual).mean() > 2


def test_another_rule_cuts_other_pixels(picture: Picture, box: Box) -> None:
    chips = [rule().cut(picture, [box]).chips.astype(int) for rule in CHIP_RULES.values()]
    for number, cut in enumerate(chips):
        assert all(np.abs(cut - other).mean() > 5 for other in chips[:number])


def test_unknown_rules_and_fields_are_refused(rule: type[ChipConfig]) -> None:
    with pytest.raises(
        UnknownNameError, match=r"Unknown chip rule: 'alined'\. Did you mean 'aligned'\? Known: aligned"
    ):
        chip_from_dict({"rule": "alined", "size": 200})
    with pytest.raises(TypeError, match="'colour'"):
        chip_from_dict({**rule().to_dict(), "colour": "red"})
    for size in (0, -5, 64.5):
        with pytest.raises(UsageError, match=rf"size must be a whole number of 1 to 4096 pixels\. Received: {size}\."):
            chip_from_dict({**rule().to_dict(), "size": size})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"padding": -0.1}, r"padding must be at least 0 and less than 10\. Received: -0\.1\."),
        ({"padding": float("nan")}, r"padding must be at least 0 and less than 10\. Received: nan\."),
        ({"rule": "box", "margin": 10}, r"margin must be at least 0 and less than 10\. Received: 10\."),
        ({"landmarks": 7}, r"Unknown number of landmarks: '7'\. Known: 5, 68\."),
    ],
)
def test_impossible_settings_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        chip_from_dict(fields)


def test_cards_without_a_rule_mean_aligned_faces() -> None:
    assert chip_from_dict({"size": 200, "padding": 0.2}) == AlignedChip() == chip_from_dict({})


def test_aligned_chips_are_those_of_cut_chips(picture: Picture, box: Box) -> None:
    faces = AlignedChip(landmarks=68, padding=0.3, size=120).cut(picture, [box])
    landmarks = make_landmarker(68)(picture, [box])
    np.testing.assert_array_equal(faces.landmarks, landmarks)
    np.testing.assert_array_equal(faces.chips, cut_chips(picture, landmarks, 120, 0.3))


def test_a_box_chip_is_the_square_around_the_box() -> None:
    picture = np.random.default_rng(0).integers(1, 256, (100, 120, 3), np.uint8)
    (chip,) = BoxChip(size=40).cut(picture, [(30, 20, 70, 60)]).chips
    np.testing.assert_array_equal(chip, picture[20:60, 30:70])
    (chip,) = BoxChip(size=40).cut(picture, [(30, 30, 70, 50)]).chips  # the longer side counts
    np.testing.assert_array_equal(chip, picture[20:60, 30:70])
    (chip,) = BoxChip(size=60, margin=0.25).cut(picture, [(30, 20, 70, 60)]).chips
    np.testing.assert_array_equal(chip, picture[10:70, 20:80])
    (chip,) = BoxChip(size=40).cut(picture, [(-10, 80, 30, 120)]).chips  # black beyond the picture
    np.testing.assert_array_equal(chip[:20, 10:], picture[80:, :30])
    assert not chip[:, :10].any() and not chip[20:].any()
    (chip,) = BoxChip(size=20, margin=0.0).cut(picture, [(30, 20, 70, 60)]).chips
    np.testing.assert_array_equal(chip, resize_chips(picture[None, 20:60, 30:70], 20)[0])


def test_a_whole_chip_does_not_depend_on_the_box(picture: Picture, box: Box) -> None:
    one, other = WholeChip().cut(picture, [box, (0, 0, 1, 1)]).chips
    np.testing.assert_array_equal(one, other)

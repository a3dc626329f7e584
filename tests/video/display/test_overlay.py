"""Overlay: readable, covers no face, and stable from frame to frame."""

import gc
import itertools
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from scenes import KEYS, Drawn, Walk, answers, blank, colour, noise, overlap, record_labels, scene, show, texts

from facekit.drawing.languages import LANGUAGES
from facekit.drawing.photographs import FACE_COLOURS
from facekit.video.display.hud import Hud
from facekit.video.display.overlay import Overlay


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    return record_labels(monkeypatch)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count, sides", [(1, (60, 300)), (3, (60, 200)), (6, (40, 120))])
@pytest.mark.parametrize("seed", range(3))
def test_cards_lie_inside_and_hide_nobody(count: int, sides: Any, seed: int, language: str, drawn: Drawn) -> None:
    overlay, walk, picture = Overlay(language, KEYS), Walk(count, (640, 480), sides, seed), blank()
    for number in range(40):
        boxes = walk.step()
        show(overlay, scene(picture, boxes, number), Hud(30.0, 0.04) if seed else None)
        fixed, cards = drawn.take()
        assert len(fixed) == 1 + bool(seed)
        places = [label.rect for label in [*fixed, *cards.values()]]
        for left, top, right, bottom in places:
            assert 0 <= left < right <= 640 and 0 <= top < bottom <= 480
        assert not any(overlap(*pair) for pair in itertools.combinations(places, 2))
        for track, box in boxes.items():
            card = cards.get(colour(track))
            assert card or count == 6
            for other in boxes.values():
                if card and other != box:  # where the boxes meet, only the own face is hidden
                    shared = max(box[0], other[0]), max(box[1], other[1]), min(box[2], other[2]), min(box[3], other[3])
                    assert overlap(card.rect, other) <= overlap(card.rect, shared)


@pytest.mark.parametrize("count, most, seed", [(3, 12, 0), (3, 12, 1), (8, 75, 0), (8, 75, 3)])
def test_cards_seldom_jump(count: int, most: int, seed: int, drawn: Drawn) -> None:
    """Ten seconds of faces that cross each other; at most `most` of 900 and 2400 positions change."""
    overlay, walk = Overlay(), Walk(count, (640, 480), (60, 110), seed, speed=1.5)
    random, jumps = np.random.default_rng(seed), 0
    last: dict[int, np.ndarray] = {}
    for number in range(300):
        boxes = {track: tuple(np.add(box, random.integers(-1, 2, 4)).tolist()) for track, box in walk.step().items()}
        overlay.draw(scene(blank(), boxes, number))  # type: ignore[arg-type]
        placed = {track: card.placed for track, card in overlay._cards._cards.items() if card.placed}
        now = {track: np.subtract(found.rect[:2], boxes[track][:2]) for track, found in placed.items()}
        jumps += sum(abs(now[track] - last[track]).max() > 8 for track in now.keys() & last.keys())
        last = now
    assert jumps <= most


def test_the_text_keeps_its_size_while_the_box_trembles(drawn: Drawn) -> None:
    overlay, sizes = Overlay(), []
    for number in range(60):
        side = 112 + 8 * (number % 2)
        overlay.draw(scene(blank(), {1: (200, 100, 200 + side, 100 + side)}, number))
        sizes.append(drawn.take()[1][colour(1)].text_size)
    assert len(set(sizes)) == 1
    overlay.draw(scene(blank(1280, 960), {1: (200, 100, 600, 500)}, 61))
    assert drawn.take()[1][colour(1)].text_size > 1.5 * sizes[0]


def test_a_card_that_lost_its_words_gets_them_back(drawn: Drawn) -> None:
    overlay = Overlay()
    narrow = {1: (100, 20, 200, 120), 2: (0, 20, 95, 480), 3: (205, 20, 400, 480), 4: (96, 122, 204, 480)}
    overlay.draw(scene(blank(400, 480), narrow, 0))
    before = drawn.take()[1].get(colour(1))
    for number in range(1, 40):
        overlay.draw(scene(blank(400, 480), {1: narrow[1]}, number))
    assert before is None or len(texts(before)) < 3 or before.rect[1] < 120
    label, _, its_bars = drawn[-1]
    assert len(label.lines) == 3 and its_bars and not overlap(label.rect, narrow[1])


def test_colours_stay_with_the_track(drawn: Drawn) -> None:
    overlay, place = Overlay(), (300, 200, 380, 280)
    first = overlay.draw(scene(blank(), {2: (20, 200, 100, 280), 5: place}, 0))
    assert {stripe for _, stripe, _ in drawn if stripe} == {colour(2), colour(5)}
    drawn.clear()
    second = overlay.draw(scene(blank(), {5: place, 7: (500, 200, 580, 280)}, 1))
    assert {stripe for _, stripe, _ in drawn if stripe} == {colour(5), FACE_COLOURS[0]}
    edge = np.s_[200:206, 300:340]
    np.testing.assert_array_equal(first[edge], second[edge])
    assert (first[edge] == colour(5)).all(axis=-1).any()


def test_draws_on_a_copy() -> None:
    picture = noise(640, 480)
    before = picture.copy()
    picture.flags.writeable = False
    overlay = Overlay(keys=KEYS)
    for boxes in ({}, {1: (100, 100, 200, 200)}, {1: (-20, -30, 60, 70), 2: (600, 440, 700, 500)}):
        result = show(overlay, scene(picture, boxes), Hud(30.0, 0.04, help=True))  # type: ignore[arg-type]
        assert result.shape == picture.shape and result.dtype == np.uint8 and result.flags.writeable
        assert not np.shares_memory(result, picture)
    np.testing.assert_array_equal(picture, before)
    np.testing.assert_array_equal(overlay.draw(scene(picture, {})), before)  # no faces, no display: as it was


def test_the_same_scenes_give_the_same_pictures() -> None:
    def draw() -> list[np.ndarray]:
        overlay, walk = Overlay("zh"), Walk(5, (320, 240), (30, 90), 1)
        return [overlay.draw(scene(blank(320, 240), walk.step(), n, answers(30 + n / 9))) for n in range(30)]

    for one, other in zip(draw(), draw(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("size", [(1, 1), (20, 200), (64, 64), (160, 120), (7680, 4320)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_frames_of_all_sizes(size: tuple[int, int], language: str, drawn: Drawn) -> None:
    width, height = size
    box = (width // 4, height // 4, width // 4 + max(1, min(size) // 3), height // 4 + max(1, min(size) // 3))
    overlay = Overlay(language, KEYS)
    for help in (False, True):
        show(overlay, scene(blank(*size), {1: box}), Hud(30.0, 0.04, 3, recording=True, help=help))
        for label, *_ in drawn:
            left, top, right, bottom = label.rect
            assert 0 <= left < right <= width and 0 <= top < bottom <= height
        assert not any(overlap(*pair) for pair in itertools.combinations([label.rect for label, *_ in drawn], 2))
        if min(size) >= 64:
            assert len(drawn) >= 2
        if width > 5000:
            assert min(label.text_size for label, *_ in drawn) >= 40
        drawn.clear()


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_cards_can_be_read_on_any_ground(grey: int) -> None:
    boxed = Overlay().draw(scene(blank(grey=grey), {1: (200, 100, 300, 200)}))
    label = boxed[205:290, 205:300].astype(int)
    ground = np.median(label.reshape(-1, 3), axis=0)
    assert ground.max() <= 80 and label.min(axis=-1).max() >= 250  # dark ground, white letters


def test_tracks_that_are_gone_are_forgotten() -> None:
    overlay, picture = Overlay(), blank(320, 240)

    def show(numbers: range) -> None:
        for number in numbers:
            boxes = {1 + number // 5: (50 + number % 50, 60, 130, 140), 2 + number // 5: (200, 60, 260, 120)}
            overlay.draw(scene(picture, boxes, number, answers(20 + number % 40)))  # type: ignore[arg-type]

    show(range(100))
    tracemalloc.start()
    show(range(100, 150))
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    show(range(150, 250))
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(overlay._card_painters) == len(overlay._cards._cards) == 2
    assert grown < 70_000


@pytest.mark.parametrize("count, most", [(1, 0.004), (3, 0.008), (8, 0.016)])
def test_it_is_quick(count: int, most: float) -> None:
    """Median CPU time; the limit is twice the target."""
    overlay, walk, picture, times = Overlay(keys=KEYS), Walk(count, (640, 480), (60, 100), 0), noise(640, 480), []
    for number in range(60):
        now = scene(picture, walk.step(), number, answers(30 + number / 10))
        start = time.thread_time()
        show(overlay, now, Hud(30.0, 0.04))
        times.append(time.thread_time() - start)
    assert np.median(times) < most

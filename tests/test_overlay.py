"""What is drawn into a video can be read, hides nobody, and is calm."""

import itertools
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

from facekit.drawing import FACE_COLOURS, LANGUAGES, Plate
from facekit.errors import UnknownNameError
from facekit.heads import AgeAnswer, Answer, ClassAnswer
from facekit.plates import font
from facekit.video import overlay as module
from facekit.video.frames import Frame, Scene, TrackedFace
from facekit.video.hud import Hud
from facekit.video.overlay import Overlay
from facekit.video.shown import Shown, bars

Box = tuple[int, int, int, int]
KEYS = [("Q, Esc", "leave"), ("Space", "capture"), ("p", "pause"), ("r", "record"), ("l", "language"), ("h", "help")]
RACES = ("White", "Black", "Asian", "Indian", "Others")
NOTE = ["Estimated age, gender, race"]


def answers(years: float = 34.2, female: float = 0.98, asian: float = 0.84) -> dict[str, Answer]:
    race = {name: asian if name == "Asian" else (1 - asian) / 4 for name in RACES}
    gender = {"Male": 1 - female, "Female": female}
    label = "Female" if female > 0.5 else "Male"
    return {
        "age": AgeAnswer(years, years - 7, years + 8),
        "gender": ClassAnswer(label, gender[label], gender),
        "race": ClassAnswer("Asian", asian, race),
    }


def scene(picture: np.ndarray, boxes: dict[int, Box], number: int = 0, said: Any = None) -> Scene:
    """Track -> box, at 30 frames per second."""
    said = answers() if said is None else said
    faces = (TrackedFace(track, box, said, 1) for track, box in sorted(boxes.items(), key=lambda face: face[1]))
    return Scene(Frame(number, number / 30, picture, 0.0), tuple(faces))


def blank(width: int = 640, height: int = 480, grey: int = 128) -> np.ndarray:
    return np.full((height, width, 3), grey, np.uint8)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def overlap(one: Box, other: Box) -> int:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)


class Drawn(list[tuple[Plate, Any, Any]]):
    """What was drawn since the last look: plate, colour of its stripe, bars."""

    def look(self) -> tuple[list[Plate], dict[Any, Plate]]:
        """The plates without a stripe, and the cards by their colour."""
        fixed = [plate for plate, stripe, _ in self if stripe is None]
        cards = {stripe: plate for plate, stripe, _ in self if stripe is not None}
        self.clear()
        return fixed, cards


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    plates = Drawn()
    draw = module._Plates.draw

    def record(self: Any, picture: np.ndarray, plate: Plate, stripe: Any = None, bars: Any = ()) -> None:
        plates.append((plate, stripe, bars))
        draw(self, picture, plate, stripe, bars)

    monkeypatch.setattr(module._Plates, "draw", record)
    return plates


def texts(plate: Plate) -> list[str]:
    return [f"{text} {detail}".strip() for text, detail in plate.lines]


def colour(track: int) -> tuple[int, int, int]:
    return FACE_COLOURS[track - 1]


class Walk:
    """Faces that wander about in a frame and bounce off its edges, and each other's ways cross."""

    def __init__(
        self, count: int, size: tuple[int, int], sides: tuple[int, int], seed: int, speed: float = 3.0
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._side = self._random.integers(*sides, count)
        self._limits = np.array(size) - self._side[:, None]
        self._at = self._random.uniform(0, 1, (count, 2)) * self._limits
        self._speed = self._random.uniform(-speed, speed, (count, 2))

    def step(self) -> dict[int, Box]:
        self._at += self._speed
        self._speed[(self._at < 0) | (self._at > self._limits)] *= -1
        self._at = np.clip(self._at, 0, self._limits)
        starts = self._at.astype(int).tolist()
        return {
            track: (x, y, x + side, y + side)
            for track, ((x, y), side) in enumerate(zip(starts, self._side.tolist(), strict=True), start=1)
        }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count, sides", [(1, (60, 300)), (3, (60, 200)), (6, (40, 120))])
@pytest.mark.parametrize("seed", range(3))
def test_cards_lie_inside_and_hide_nobody(count: int, sides: Any, seed: int, language: str, drawn: Drawn) -> None:
    overlay, walk, picture = Overlay(language, KEYS), Walk(count, (640, 480), sides, seed), blank()
    for number in range(40):
        boxes = walk.step()
        overlay.draw(scene(picture, boxes, number), Hud(30.0, 0.04) if seed else None)
        fixed, cards = drawn.look()
        assert len(fixed) == 1 + bool(seed)
        places = [plate.place for plate in [*fixed, *cards.values()]]
        for left, top, right, bottom in places:
            assert 0 <= left < right <= 640 and 0 <= top < bottom <= 480
        assert not any(overlap(*pair) for pair in itertools.combinations(places, 2))
        for track, box in boxes.items():
            card = cards.get(colour(track))
            assert card or count == 6
            for other in boxes.values():
                if card and other != box:  # where the boxes meet, only the own face is hidden
                    shared = max(box[0], other[0]), max(box[1], other[1]), min(box[2], other[2]), min(box[3], other[3])
                    assert overlap(card.place, other) <= overlap(card.place, shared)


def test_cards_of_faces_apart_say_everything(drawn: Drawn) -> None:
    boxes = {
        n + 1: (30 + 155 * (n % 4), 60 + 210 * (n // 4), 90 + 155 * (n % 4), 120 + 210 * (n // 4)) for n in range(6)
    }
    Overlay().draw(scene(blank(), boxes))
    assert texts(drawn[0][0]) == NOTE
    for plate, _, its_bars in drawn[1:]:
        assert texts(plate) == ["Age ~34 27\N{EN DASH}42", "Female 98%", "Asian 84%"]
        assert len(its_bars) == 3 and plate.text_size >= 12


def offsets(cards: dict[Any, Plate], boxes: dict[int, Box]) -> dict[int, tuple[int, int]]:
    return {
        track: (cards[colour(track)].place[0] - box[0], cards[colour(track)].place[1] - box[1])
        for track, box in boxes.items()
    }


@pytest.mark.parametrize("seed", range(4))
def test_cards_seldom_jump(seed: int, drawn: Drawn) -> None:
    """Three faces for ten seconds; a card's place beside its face changes by little, or seldom."""
    overlay, walk = Overlay(), Walk(3, (640, 480), (60, 110), seed, speed=1.5)
    jumps, last = 0, {}
    random = np.random.default_rng(seed)
    for number in range(300):
        boxes = {track: tuple(np.add(box, random.integers(-1, 2, 4)).tolist()) for track, box in walk.step().items()}
        overlay.draw(scene(blank(), boxes, number))  # type: ignore[arg-type]
        now = offsets(drawn.look()[1], boxes)  # type: ignore[arg-type]
        jumps += sum(abs(np.subtract(now[track], place)).max() > 8 for track, place in last.items())
        last = now
    assert jumps <= 12  # 900 places


def test_a_card_that_lost_its_words_gets_them_back(drawn: Drawn) -> None:
    overlay = Overlay()
    narrow = {1: (100, 20, 200, 120), 2: (0, 20, 95, 480), 3: (205, 20, 400, 480), 4: (96, 122, 204, 480)}
    overlay.draw(scene(blank(400, 480), narrow, 0))
    before = drawn.look()[1].get(colour(1))
    for number in range(1, 40):
        overlay.draw(scene(blank(400, 480), {1: narrow[1]}, number))
    assert before is None or len(texts(before)) < 3 or before.place[1] < 120
    plate, _, its_bars = drawn[-1]
    assert len(plate.lines) == 3 and its_bars and not overlap(plate.place, narrow[1])


def test_the_age_does_not_flip(drawn: Drawn) -> None:
    overlay, seen = Overlay(), []
    for number in range(200):
        years = 34.5 + 0.25 * (-1) ** (number // 15)
        overlay.draw(
            scene(blank(), {1: (200, 100, 300, 200)}, number, answers(years, female=0.5 + 0.01 * (-1) ** number))
        )
        seen.append(tuple(texts(drawn.look()[1][colour(1)])))
    assert len(set(seen)) == 1


def test_a_text_stays_for_a_while_and_follows(drawn: Drawn) -> None:
    overlay, seen = Overlay(), []
    for number in range(91):
        said = answers(20 + number / 3, female=0.02 if number > 45 else 0.98)
        overlay.draw(scene(blank(), {1: (200, 100, 300, 200)}, number, said))
        seen.append(texts(drawn.look()[1][colour(1)]))
    changes = sum(before != after for before, after in itertools.pairwise(seen))
    assert 3 <= changes <= 10  # in three seconds
    assert seen[0][0].startswith("Age ~20") and abs(int(seen[-1][0].split()[1][1:]) - 50) <= 3
    assert seen[-1][1] == "Male 98%"


def test_a_card_keeps_its_size_whatever_it_says(drawn: Drawn) -> None:
    for said in (answers(5), answers(88.0, 0.51, 0.3), answers(40, 0.01, 1.0)):
        Overlay().draw(scene(blank(), {1: (200, 100, 300, 200)}, 0, said))
    places = [drawn[index][0].place for index in (1, 3, 5)]
    assert len(set(places)) == 1


def test_shown_answers_follow_each_head() -> None:
    shown = Shown()
    shown.follow({}, 0.0)
    shown.follow(answers(), 0.01)  # the first are shown at once
    assert shown.answers.keys() == {"age", "gender", "race"}
    shown.follow(answers(60), 0.2)
    assert shown.answers["age"].years == 34  # type: ignore[union-attr]
    shown.follow(answers(60), 0.32)
    assert shown.answers["age"].years == 60  # type: ignore[union-attr]
    shown.follow(answers(20), 0.0)  # a source that begins anew
    assert shown.answers["age"].years == 20  # type: ignore[union-attr]


def test_bars_show_the_estimates() -> None:
    age, gender, race = bars(answers(34, 0.9, 0.6))
    assert age[0][:2] == (0.27, 0.42) and age[1][0] < 0.34 < age[1][1]
    assert [round(end - start, 3) for start, end, _ in gender] == [0.1, 0.9]
    assert [tone for *_, tone in race].index(0) == 2 and race[-1][1] == pytest.approx(1)
    for bar in bars({"age": AgeAnswer(1, 1, 200), "hat": ClassAnswer("cap", 0.7, {})}):
        assert all(0 <= start < end <= 1 for start, end, _ in bar)


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


def test_a_face_without_answers_yet(drawn: Drawn) -> None:
    overlay = Overlay()
    overlay.draw(scene(blank(), {1: (200, 100, 300, 200)}, 0, {}))
    ((waiting, stripe, its_bars),) = drawn
    assert texts(waiting) == ["…"] and stripe == colour(1) and its_bars == ()
    drawn.clear()
    overlay.draw(scene(blank(), {1: (200, 100, 300, 200)}, 1))
    assert len(drawn.look()[1][colour(1)].lines) == 3


def test_heads_left_out_are_not_spoken_of(drawn: Drawn) -> None:
    Overlay().draw(scene(blank(), {1: (200, 100, 300, 200)}, 0, {"gender": answers()["gender"]}))
    assert [texts(plate) for plate, *_ in drawn] == [["Estimated gender"], ["Female 98%"]]


def test_draws_on_a_copy() -> None:
    picture = noise(640, 480)
    before = picture.copy()
    picture.flags.writeable = False
    overlay = Overlay(keys=KEYS)
    for boxes in ({}, {1: (100, 100, 200, 200)}, {1: (-20, -30, 60, 70), 2: (600, 440, 700, 500)}):
        result = overlay.draw(scene(picture, boxes), Hud(30.0, 0.04, help=True))  # type: ignore[arg-type]
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
        overlay.draw(scene(blank(*size), {1: box}), Hud(30.0, 0.04, 3, recording=True, help=help))
        for plate, *_ in drawn:
            left, top, right, bottom = plate.place
            assert 0 <= left < right <= width and 0 <= top < bottom <= height
        if min(size) >= 64:
            assert len(drawn) >= 2
        if width > 5000:
            assert min(plate.text_size for plate, *_ in drawn) >= 40
        drawn.clear()


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_cards_can_be_read_on_any_ground(grey: int) -> None:
    boxed = Overlay().draw(scene(blank(grey=grey), {1: (200, 100, 300, 200)}))
    plate = boxed[205:290, 205:300].astype(int)
    ground = np.median(plate.reshape(-1, 3), axis=0)
    assert ground.max() <= 80 and plate.min(axis=-1).max() >= 250  # dark ground, white letters


def test_the_display(drawn: Drawn) -> None:
    overlay = Overlay(keys=KEYS)

    def said(number: int, hud: Hud) -> list[str]:
        drawn.clear()
        overlay.draw(scene(blank(), {}, number), hud)
        return texts(drawn[0][0])

    assert said(0, Hud(29.7, 0.0414)) == ["30 FPS   41 ms h: help"]
    assert said(10, Hud(31.0, 0.05)) == ["30 FPS   41 ms h: help"]  # figures change twice a second
    assert said(16, Hud(8.13, 0.05, 12)) == ["8.1 FPS   50 ms   12 dropped h: help"]
    assert said(17, Hud(8.13, 0.05, 12, recording=True, paused=True))[0].startswith("REC   paused   8.1 FPS")
    assert said(200, Hud(30.0, 0.04)) == ["30 FPS   40 ms"]
    assert said(201, Hud(help=True)) == ["30 FPS   40 ms", *(f"{key} {meaning}" for key, meaning in KEYS)]
    overlay.language = "zh"
    assert said(300, Hud(30.0, 0.04, 2, recording=True, help=True))[:2] == [
        "录制中   30 帧/秒   40 毫秒   2 帧丢弃",
        "Q, Esc 退出",
    ]
    with pytest.raises(UnknownNameError, match="Unknown language: 'fr'"):
        overlay.language = "fr"


def test_the_display_makes_way_for_a_face_and_stays(drawn: Drawn) -> None:
    overlay, places = Overlay(keys=KEYS), []
    for number, box in enumerate([(300, 200, 400, 300), (5, 5, 105, 105), (300, 200, 400, 300)]):
        overlay.draw(scene(blank(), {1: box}, 200 + number), Hud(30.0, 0.04))
        places.append(drawn[0][0].place)
        assert not overlap(places[-1], box)
        drawn.clear()
    assert places[0][:2] == (0, 0) and places[1][:2] != (0, 0) and places[1] == places[2]


def test_the_font_has_every_character() -> None:
    letters = font(40)
    missing = bytes(letters.getmask("\U0010fffd"))
    for character in set(
        "…0123456789./:,~%QEschprl RECFPSmdo" + "".join(w for words in LANGUAGES.values() for w in words.values())
    ):
        assert character == " " or bytes(letters.getmask(character)) != missing, character
    translated = {word for pair in KEYS for word in pair if len(word) > 1 and "," not in word} | {
        "REC",
        "paused",
        " FPS",
    }
    assert translated <= LANGUAGES["zh"].keys()


def test_tracks_that_are_gone_are_forgotten() -> None:
    overlay, picture = Overlay(), blank(320, 240)

    def show(numbers: range) -> None:
        for number in numbers:
            boxes = {1 + number // 5: (50 + number % 50, 60, 130, 140), 2 + number // 5: (200, 60, 260, 120)}
            overlay.draw(scene(picture, boxes, number, answers(20 + number % 40)))  # type: ignore[arg-type]

    show(range(200))
    tracemalloc.start()
    show(range(200, 300))
    before = tracemalloc.get_traced_memory()[0]
    show(range(300, 900))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(overlay._cards) == len(overlay._layout._seats) == 2
    assert grown < 200_000


@pytest.mark.parametrize("count, most", [(1, 0.004), (3, 0.008), (8, 0.016)])
def test_it_is_quick(count: int, most: float) -> None:
    """Twice what is aimed for; the processor's time, the median."""
    overlay, walk, picture, times = Overlay(keys=KEYS), Walk(count, (640, 480), (60, 100), 0), noise(640, 480), []
    for number in range(60):
        now = scene(picture, walk.step(), number, answers(30 + number / 10))
        start = time.thread_time()
        overlay.draw(now, Hud(30.0, 0.04))
        times.append(time.thread_time() - start)
    assert np.median(times) < most

"""Texts and bars of the cards, and their hysteresis."""

import itertools

import pytest
from scenes import Drawn, answers, blank, colour, record_labels, scene, texts

from facekit.drawing.labels import GREY
from facekit.heads import AgeAnswer, ClassAnswer
from facekit.video.display.cards import StableAnswers
from facekit.video.display.overlay import Overlay


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    return record_labels(monkeypatch)


def test_the_age_does_not_flip(drawn: Drawn) -> None:
    overlay, seen = Overlay(), []
    for number in range(200):
        years = 34.5 + 0.25 * (-1) ** (number // 15)
        overlay.draw(
            scene(blank(), {1: (200, 100, 300, 200)}, number, answers(years, female=0.5 + 0.01 * (-1) ** number))
        )
        seen.append(tuple(texts(drawn.take()[1][colour(1)])))
    assert len(set(seen)) == 1


def test_a_text_stays_for_a_while_and_follows(drawn: Drawn) -> None:
    overlay, seen = Overlay(), []
    for number in range(91):
        said = answers(20 + number / 3, female=0.02 if number > 45 else 0.98)
        overlay.draw(scene(blank(), {1: (200, 100, 300, 200)}, number, said))
        seen.append(texts(drawn.take()[1][colour(1)]))
    changes = sum(before != after for before, after in itertools.pairwise(seen))
    assert 3 <= changes <= 10  # in three seconds
    assert seen[0][0].startswith("Age ~20") and abs(int(seen[-1][0].split()[1][1:]) - 50) <= 3
    assert seen[-1][1] == "Male 98%"


def test_a_card_keeps_its_size_whatever_it_says(drawn: Drawn) -> None:
    for said in (answers(5), answers(88.0, 0.51, 0.3), answers(40, 0.01, 1.0)):
        Overlay().draw(scene(blank(), {1: (200, 100, 300, 200)}, 0, said))
        for head in ("gender", "race"):
            Overlay().draw(scene(blank(), {1: (200, 100, 300, 200)}, 0, {head: said[head]}))
    assert len({label.rect for label, *_ in drawn if len(label.lines) == 3}) == 1
    for name in ("Female", "Asian"):  # one line, and the note
        assert len({label.rect for label, *_ in drawn if label.lines[0][0] == name}) == 1
    women = {label.rect for label, *_ in drawn if label.lines[0][0] == "Female"}
    assert women == {label.rect for label, *_ in drawn if label.lines[0][0] == "Male"}


def test_shown_answers_follow_each_head() -> None:
    stable = StableAnswers()
    stable.update({}, 0.0)
    stable.update(answers(), 0.01)  # the first are shown at once
    assert stable.answers.keys() == {"age", "gender", "race"}
    stable.update(answers(60), 0.2)
    assert stable.answers["age"].years == 34  # type: ignore[union-attr]
    stable.update(answers(60), 0.32)
    assert stable.answers["age"].years == 60  # type: ignore[union-attr]
    stable.update(answers(60, female=0.48), 0.7)  # too near to call
    assert stable.answers["gender"].label == "Female"  # type: ignore[union-attr]
    stable.update(answers(60, female=0.46), 1.1)
    assert stable.answers["gender"].label == "Male"  # type: ignore[union-attr]
    stable.update(answers(20), 0.0)  # a source that begins anew
    assert stable.answers["age"].years == 20  # type: ignore[union-attr]


def test_bars_show_the_estimates() -> None:
    age, gender, race = (list(answer.bar()) for answer in answers(34, 0.9, 0.6).values())
    assert age[0][:2] == (0.27, 0.42) and age[1][0] < 0.34 < age[1][1]
    assert [round(end - start, 3) for start, end, _ in gender] == [0.1, 0.9]
    assert [tone for *_, tone in race].index(0) == 2 and race[-1][1] == pytest.approx(1)
    for answer in (AgeAnswer(1, 1, 200), ClassAnswer("cap", 0.7, {})):
        assert all(0 <= start < end <= 1 for start, end, _ in answer.bar())


def test_bars_are_drawn_to_scale(drawn: Drawn) -> None:
    picture = Overlay().draw(scene(blank(), {1: (200, 100, 300, 200)}, 0, {"gender": answers(female=0.75)["gender"]}))
    left, top, right, bottom = drawn[-1][0].rect
    row = (picture[top:bottom, left + 6 : right] == colour(1)).all(axis=-1).sum(axis=1).max()
    grey = (picture[top:bottom, left + 6 : right] == GREY).all(axis=-1).sum(axis=1).max()
    assert row / (row + grey) == pytest.approx(0.75, abs=0.03)


def test_a_face_without_answers_yet(drawn: Drawn) -> None:
    overlay = Overlay()
    overlay.draw(scene(blank(), {1: (200, 100, 300, 200)}, 0, {}))
    ((waiting, stripe, its_bars),) = drawn
    assert texts(waiting) == ["…"] and stripe == colour(1) and its_bars == ()
    drawn.clear()
    overlay.draw(scene(blank(), {1: (200, 100, 300, 200)}, 1))
    assert len(drawn.take()[1][colour(1)].lines) == 3


def test_heads_left_out_are_not_spoken_of(drawn: Drawn) -> None:
    Overlay().draw(scene(blank(), {1: (200, 100, 300, 200)}, 0, {"gender": answers()["gender"]}))
    assert [texts(label) for label, *_ in drawn] == [["Estimated gender"], ["Female 98%"]]


def test_cards_of_faces_apart_say_everything(drawn: Drawn) -> None:
    boxes = {
        n + 1: (30 + 155 * (n % 4), 60 + 210 * (n // 4), 90 + 155 * (n % 4), 120 + 210 * (n // 4)) for n in range(6)
    }
    Overlay().draw(scene(blank(), boxes))
    assert texts(drawn[0][0]) == ["Estimated age, gender, race"]
    for label, _, its_bars in drawn[1:]:
        assert texts(label) == ["Age ~34 27\N{EN DASH}42", "Female 98%", "Asian 84%"]
        assert len(its_bars) == 3 and label.text_size >= 12

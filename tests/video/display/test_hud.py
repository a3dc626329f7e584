"""Head-up display and note."""

import pytest
from scenes import KEYS, Drawn, blank, overlap, record_labels, scene, show, texts

from facekit.core.errors import UnknownNameError
from facekit.drawing.labels import font
from facekit.drawing.languages import LANGUAGES
from facekit.video.display.hud import Hud
from facekit.video.display.overlay import Overlay


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    return record_labels(monkeypatch)


def test_the_display(drawn: Drawn) -> None:
    overlay = Overlay(keys=KEYS)

    def said(number: int, hud: Hud) -> list[str]:
        drawn.clear()
        overlay.draw_hud(blank(), scene(blank(), {}, number), hud)
        return texts(drawn[0][0])

    assert said(0, Hud(29.7, 0.0414)) == ["30 FPS   41 ms h: help"]
    assert said(10, Hud(31.0, 0.05)) == ["30 FPS   41 ms h: help"]  # figures change twice a second
    assert said(16, Hud(8.13, 0.05, 12)) == ["8.1 FPS   50 ms   12 dropped h: help"]
    assert said(16, Hud(8.13, 0.05, 12, captured=2)) == ["2 captured   8.1 FPS   50 ms   12 dropped h: help"]
    assert said(17, Hud(8.13, 0.05, 12, recording=True, paused=True))[0].startswith("REC   paused   8.1 FPS")
    assert said(200, Hud(30.0, 0.04)) == ["30 FPS   40 ms"]
    assert said(201, Hud(30.0, 0.04, seconds_lost=0.9)) == ["30 FPS   40 ms"]  # too short to be mentioned
    assert said(201, Hud(30.0, 0.04, 2, seconds_lost=12.9)) == ["no signal for 12 s, trying again"]
    assert said(201, Hud(help=True)) == ["30 FPS   40 ms", *(f"{key} {meaning}" for key, meaning in KEYS)]
    overlay.language = "zh"
    assert said(300, Hud(30.0, seconds_lost=12.9, paused=True)) == ["已 12 秒无信号，正在重试   已暂停"]  # noqa: RUF001
    assert said(300, Hud(30.0, 0.04, 2, recording=True, help=True))[:2] == [
        "录制中   30 帧/秒   40 毫秒   2 帧丢弃",
        "Q, Esc 退出",
    ]


def test_cards_and_note_make_way_for_the_display_and_the_picture_below_it_is_kept(drawn: Drawn) -> None:
    overlay, before = Overlay(keys=KEYS), scene(blank(), {1: (10, 10, 110, 110)}, 0)
    clean = overlay.draw(before)
    with_display = overlay.draw_hud(clean, before, Hud(30.0, 0.04, help=True))
    display = drawn[-1][0].rect
    assert (with_display != clean).any()
    drawn.clear()
    overlay.draw(before)
    assert drawn and not any(overlap(display, label.rect) for label, *_ in drawn)


def test_the_display_makes_way_for_a_face_and_stays(drawn: Drawn) -> None:
    overlay, places = Overlay(keys=KEYS), []
    for number, box in enumerate([(300, 200, 400, 300), (5, 5, 105, 105), (300, 200, 400, 300)]):
        overlay.draw_hud(blank(), scene(blank(), {1: box}, 200 + number), Hud(30.0, 0.04))
        places.append(drawn[0][0].rect)
        assert not overlap(places[-1], box)
        drawn.clear()
    assert places[0][:2] == (0, 0) and places[1][:2] != (0, 0) and places[1] == places[2]


def test_the_note_makes_way_and_stays(drawn: Drawn) -> None:
    overlay, places = Overlay(), []
    for number, box in enumerate([(300, 200, 400, 300), (5, 370, 105, 470), (300, 200, 400, 300)]):
        overlay.draw(scene(blank(), {1: box}, number))
        places.append(drawn.take()[0][0].rect)
        assert not overlap(places[-1], box)
    assert places[0][0] == 0 and places[0][3] == 480 and places[1] == places[2] != places[0]


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


def test_display_and_note_lie_apart(drawn: Drawn) -> None:
    for box in [(0, 0, 640, 100), (0, 380, 640, 480), (0, 0, 640, 480), (0, 0, 300, 480)]:
        show(Overlay(keys=KEYS), scene(blank(), {1: box}), Hud(30.0, 0.04, help=True))
        display, note = drawn.take()[0]
        assert not overlap(display.rect, note.rect)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Unknown language: 'fr'"):
        Overlay("fr")

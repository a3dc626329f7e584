"""Words for people, and names of files."""

from urllib.parse import unquote

from facekit.core.text import file_stem, reasons_text


def test_names_that_differ_are_different_files() -> None:
    names = ["skin tone", "skin_tone", "skin/tone", "skin%2Ftone", ".", "..", "größe"]
    stems = [file_stem(name) for name in names]
    assert len({*stems}) == len(names) and [unquote(stem) for stem in stems] == names
    assert not any(sign in stem for stem in stems for sign in "./")


def test_reasons_that_were_not_met_are_not_told() -> None:
    assert reasons_text({"no label": 1200, "no face found": 0, "name twice": 1}) == "1,200 no label, 1 name twice"
    assert reasons_text({"no label": 0}) == "none"

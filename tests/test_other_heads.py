"""Heads of other kinds, or under other names, go through estimates, captions, tables, CSV and JSON like the usual."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from checkout import ROOT, Script
from untrained import save_mobilenet

from facekit import ClassAnswer, FaceEstimate, draw_estimates
from facekit.annotation import Annotated, Table, to_csv, to_json
from facekit.drawing.languages import LANGUAGES
from facekit.drawing.photographs import caption_lines
from facekit.heads import YEARS, Answer, ClassHead, Head, NumberAnswer, NumberHead

BANDS = ClassHead("age", ("1-15", "16-25", "26-35", "36-45", "over 46"))
YEARS_HEAD = NumberHead("age", 1, 93, YEARS)
HEIGHT = NumberHead("height", 100, 220, "cm")
SMILE = NumberHead("smile", 0, 1)
BAND_ROW, AGE_ROW, HEIGHT_ROW = [[0.1, 0.1, 0.7, 0.05, 0.05]], [[31.26]], [[230.0]]
CASES: list[tuple[Head, list[list[float]], type[Answer], str, str, dict[str, str]]] = [
    (BANDS, BAND_ROW, ClassAnswer, "26-35 70%", "age: 26-35", {"age": "26-35", "age_probability": "0.7"}),
    (YEARS_HEAD, AGE_ROW, NumberAnswer, "31 years", "age ~31", {"age": "31.3"}),
    (HEIGHT, HEIGHT_ROW, NumberAnswer, "220 cm", "height ~220", {"height": "220.0"}),
    (SMILE, [[0.4321]], NumberAnswer, "0.43", "smile ~0.43", {"smile": "0.432"}),
]
every = pytest.mark.parametrize(
    ("head", "rows", "kind", "cell", "caption", "columns"), CASES, ids=["bands", "years", "height", "smile"]
)


@every
def test_tables_and_captions(
    head: Head, rows: list[list[float]], kind: type[Answer], cell: str, caption: str, columns: dict[str, str]
) -> None:
    (answer,) = head.decode(np.array(rows, np.float32))
    face = FaceEstimate((40, 40, 140, 140), 1.25, {head.name: answer}, 0.87654)
    assert isinstance(face.answers[head.name], kind)
    assert face.age is (answer if head.name == "age" else None)
    result = Annotated(Path("me.jpg"), 200, 200, [face])
    table = Table([result.path], [head])
    assert table.header.split() == ["photograph", "face", "at", "estimated", head.name]
    assert table.rows(result) == f"me.jpg      {'40,40 to 140,140':<22}  {cell}"
    (row,) = csv.DictReader(io.StringIO(to_csv([result], [head])))
    box = {"left": "40", "top": "40", "right": "140", "bottom": "140", "score": "1.25", "quality": "0.877"}
    assert row == {"path": "me.jpg", **box, **columns, "error": ""}
    (entry,) = json.loads(to_json([result]))
    assert entry["faces"] == [{"box": [40, 40, 140, 140], "score": 1.25, "quality": 0.877, head.name: answer.to_dict()}]
    ((text, _),) = caption_lines(face.answers, LANGUAGES["en"])
    assert text == caption[0].upper() + caption[1:]


@every
def test_they_are_drawn(
    head: Head, rows: list[list[float]], kind: type[Answer], cell: str, caption: str, columns: dict[str, str]
) -> None:
    (answer,) = head.decode(np.array(rows, np.float32))
    picture = np.full((300, 400, 3), 120, np.uint8)
    box = (150, 60, 250, 160)
    plain = draw_estimates(picture, [FaceEstimate(box, None, {})])
    for language in LANGUAGES:
        drawn = draw_estimates(picture, [FaceEstimate(box, None, {head.name: answer})], language)
        assert (drawn != plain).any(axis=2).sum() > 1000


def test_from_the_weights_to_the_csv(script: Script, working_folder: Path) -> None:
    weights = save_mobilenet(working_folder / "w.h5", (BANDS, HEIGHT))
    photograph = ROOT / "demo_images" / "astronaut.jpg"
    options = ("--runtime", "keras", "--json", "f.json", "--csv", "f.csv")
    status, out, err = script("face_demo.py", photograph, "--weights", weights, *options)
    assert (status, err) == (0, "")
    (face,) = json.loads(Path("f.json").read_text(encoding="utf-8"))[0]["faces"]
    assert list(face) == ["box", "score", "quality", "age", "height"]
    assert face["age"]["label"] in BANDS.classes and face["height"]["unit"] == "cm"
    assert 100 <= face["height"]["value"] <= 220
    (row,) = csv.DictReader(io.StringIO(Path("f.csv").read_text(encoding="utf-8")))
    assert (
        row["age"] == ("unsure" if face["age"]["unsure"] else face["age"]["label"])
        and float(row["height"]) == face["height"]["value"]
    )
    assert ("unsure" if face["age"]["unsure"] else f"{face['age']['label']} ") in out and " cm" in out

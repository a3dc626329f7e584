"""face_demo.py: the JSON and CSV that other programs rely on, and the drawn pictures."""

import csv
import io
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import ROOT, Script
from numpy.typing import NDArray
from PIL import Image, ImageShow

DEMO = ROOT / "demo_images"
GENDERS = ["Male", "Female"]
RACES = ["White", "Black", "Asian", "Indian", "Others"]


pytestmark = pytest.mark.usefixtures("working_folder")


def check_age(age: dict[str, float]) -> None:
    assert list(age) == ["years", "low", "high", "minor_probability", "unsure"] and type(age["unsure"]) is bool
    assert all(round(age[key], 1) == age[key] for key in ("years", "low", "high"))
    assert 0 <= age["minor_probability"] <= 1 and round(age["minor_probability"], 3) == age["minor_probability"]
    assert 1 <= age["low"] <= age["high"] <= 93 and 1 <= age["years"] <= 93


def check_classes(answer: dict[str, Any], classes: list[str]) -> None:
    assert list(answer) == ["label", "probability", "probabilities", "unsure"]
    assert list(answer["probabilities"]) == classes
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert answer["probability"] == max(answer["probabilities"].values())
    assert answer["probabilities"][answer["label"]] == answer["probability"]


def check_face(face: dict[str, Any], width: int, height: int) -> None:
    assert list(face) == ["box", "score", "quality", "age", "gender", "race"]
    left, top, right, bottom = face["box"]
    assert all(type(edge) is int for edge in face["box"])
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert type(face["score"]) is float and 0 < face["quality"] <= 1
    check_age(face["age"])
    check_classes(face["gender"], GENDERS)
    check_classes(face["race"], RACES)


def test_json_of_face_demo(demo: Script, nobody: Path) -> None:
    given = [DEMO / "group.jpg", Path("none.jpg"), nobody, DEMO / "astronaut.jpg"]
    status, out, err = demo(*given, "--json", "-", "--language", "zh")
    group, missing, empty, astronaut = json.loads(out)  # nothing else is on stdout
    assert status == 0
    assert [entry["path"] for entry in (group, missing, empty, astronaut)] == [str(path) for path in given]
    for entry, size, n in ((group, (1212, 400), 4), (empty, (64, 48), 0), (astronaut, (512, 512), 1)):
        assert list(entry) == ["path", "width", "height", "faces"]
        assert (entry["width"], entry["height"], len(entry["faces"])) == (*size, n)
        for face in entry["faces"]:
            check_face(face, *size)
    assert list(missing) == ["path", "error"]
    assert missing["error"] == "A picture must exist. Received: none.jpg. Check the name, and the folder you are in."
    assert err.startswith("photograph")
    assert "no face found" in err
    assert "4 photographs, 5 faces, 1 without a face, 1 could not be read; drawn in demo_output. All" in err


def test_json_to_a_file_and_table_to_stdout(demo: Script) -> None:
    status, out, err = demo(DEMO / "astronaut.jpg", "--json", "out/faces.json", "--output", "drawn")
    (entry,) = json.loads(Path("out/faces.json").read_text(encoding="utf-8"))
    assert status == 0 and err == ""
    header, row, end = out.splitlines()
    assert header.split() == "photograph face at estimated age gender race".split()
    left, top, right, bottom = entry["faces"][0]["box"]
    assert row.startswith(f"astronaut.jpg  {left},{top} to {right},{bottom} ")
    assert all(answer["label"] in row or answer["unsure"] for answer in map(entry["faces"][0].get, ("gender", "race")))
    assert end.startswith("1 photograph, 1 face; drawn in drawn. All figures are estimates of appearance")


def test_drawn_pictures(demo: Script) -> None:
    before = (DEMO / "astronaut.jpg").read_bytes()
    demo(DEMO / "astronaut.jpg", "--output", "drawn")
    with Image.open(DEMO / "astronaut.jpg") as original, Image.open("drawn/astronaut.jpg") as drawn:
        assert drawn.size == original.size
        difference = np.asarray(original).astype(int) - np.asarray(drawn)
    assert np.abs(difference[:60]).mean() < 4 and np.abs(difference).max() > 100  # boxes, and nothing far from them
    assert (DEMO / "astronaut.jpg").read_bytes() == before


def test_blurred_faces_are_not_in_the_drawn_picture(demo: Script) -> None:
    demo(DEMO / "astronaut.jpg", "--output", "drawn", "--blur", "--json", "estimates.json")
    (face,) = json.loads(Path("estimates.json").read_text())[0]["faces"]
    left, top, right, bottom = face["box"]
    with Image.open(DEMO / "astronaut.jpg") as original, Image.open("drawn/astronaut.jpg") as drawn:
        difference = np.asarray(original).astype(int) - np.asarray(drawn)
    assert np.abs(difference[:60, :60]).mean() < 4  # far from it
    assert np.abs(difference[top + 9 : bottom - 9, left + 9 : right - 9]).mean() > 15


def test_photographs_lying_on_their_side_are_turned(demo: Script) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    with Image.open(DEMO / "group.jpg") as image:
        image.crop((0, 0, 600, 400)).transpose(Image.Transpose.ROTATE_90).save("side.jpg", exif=exif, quality=95)
    _, out, _ = demo("side.jpg", "--json", "-")
    (entry,) = json.loads(out)
    assert (entry["width"], entry["height"], len(entry["faces"])) == (600, 400, 2)
    with Image.open("demo_output/side.jpg") as drawn:
        assert drawn.size == (600, 400) and 0x0112 not in drawn.getexif()


def test_csv(demo: Script, nobody: Path) -> None:
    status, out, err = demo(DEMO / "astronaut.jpg", nobody, "none.jpg", "--csv", "-", "--json", "faces.json")
    face, empty, missing = csv.DictReader(io.StringIO(out))
    answer = json.loads(Path("faces.json").read_text(encoding="utf-8"))[0]["faces"][0]
    assert status == 0 and "astronaut.jpg" in err
    assert [int(face[edge]) for edge in ("left", "top", "right", "bottom")] == answer["box"]
    assert float(face["score"]) == answer["score"] and float(face["quality"]) == answer["quality"]
    assert face["age"] == ("unsure" if answer["age"]["unsure"] else str(answer["age"]["years"]))
    assert [float(face["age_low"]), float(face["age_high"])] == [answer["age"]["low"], answer["age"]["high"]]
    for head in ("gender", "race"):
        assert face[head] == ("unsure" if answer[head]["unsure"] else answer[head]["label"])
        assert float(face[f"{head}_probability"]) == answer[head]["probability"]
    assert {value for key, value in empty.items() if key != "path"} == {""}
    assert missing["error"].startswith("A picture must exist.") and missing["left"] == ""
    assert demo("x.jpg", "--csv", "-", "--json", "-")[0] == 2


def test_heads_left_out_are_nowhere(demo: Script, tmp_path: Path) -> None:
    photograph = shutil.copy(DEMO / "astronaut.jpg", tmp_path / "a.jpg")
    status, out, err = demo(photograph, "--heads", "age, gender", "--json", "f.json", "--csv", "f.csv", "--output", "d")
    written = Path("f.json").read_text(encoding="utf-8") + Path("f.csv").read_text(encoding="utf-8")
    assert status == 0
    for word in ("race", *RACES):
        assert word not in out + err + written
    assert list(json.loads(Path("f.json").read_text(encoding="utf-8"))[0]["faces"][0]) == [
        "box",
        "score",
        "quality",
        "age",
        "gender",
    ]


def test_whole_image(demo: Script, chips: NDArray[np.uint8]) -> None:
    Image.fromarray(chips[0]).save("face.png")
    _, out, _ = demo("face.png", "--detector", "whole_image", "--json", "-")
    (entry,) = json.loads(out)
    (face,) = entry["faces"]
    assert face["box"] == [0, 0, 200, 200] and face["score"] is None


def test_equal_names_get_numbers_and_nothing_is_overwritten(demo: Script, nobody: Path) -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        shutil.copy(nobody, f"{folder}/me.png")
    before = Path("a/me.png").read_bytes()
    demo("a", "b", "--output", "a")
    demo("a/me.png", "--output", "a")
    assert sorted(os.listdir("a")) == ["me-2.png", "me-3.png", "me-4.png", "me.png"]
    assert Path("a/me.png").read_bytes() == before


def test_formats_that_are_not_written_become_png(demo: Script, nobody: Path) -> None:
    with Image.open(nobody) as image:
        for name in ("a.webp", "a.bmp", "a.JPG"):
            image.save(name)
    demo("*.webp", "a.bmp", "a.JPG", "--quiet")
    assert sorted(os.listdir("demo_output")) == ["a-2.png", "a.JPG", "a.png"]


def test_no_face_is_a_result(demo: Script, nobody: Path) -> None:
    status, out, err = demo(nobody)
    assert (status, err) == (0, "")
    assert "nobody.png  no face found" in out
    assert os.listdir("demo_output") == ["nobody.png"]


def test_columns_are_in_line_with_short_names(demo: Script) -> None:
    shutil.copy(DEMO / "astronaut.jpg", "1.jpg")
    _, out, _ = demo("1.jpg", "--detector", "whole_image")
    header, row, _ = out.splitlines()
    starts = [header.index(title) for title in ("face at", "estimated age", "gender", "race")]
    assert row.startswith("1.jpg ") and row[starts[0] :].startswith("0,0 to 512,512 ")
    assert [row[start - 2 : start] for start in starts] == ["  "] * 4 and " " not in [row[start] for start in starts]


def test_a_folder_with_only_subfolders_is_no_photograph(demo: Script, nobody: Path) -> None:
    Path("below").mkdir()
    status, out, _ = demo(".", nobody)
    _, folder, _, end = out.splitlines()
    assert folder.startswith(".           error: A folder must hold pictures")
    assert folder.endswith(" Received: ., which has none. Its subfolders are searched only if recursive is set.")
    rest = "1 without a face, 1 folder without readable photographs; drawn in demo_output."
    assert (status, end) == (0, f"1 photograph, 0 faces, {rest}")


def test_subfolders_are_searched_where_asked(demo: Script, nobody: Path) -> None:
    demo(nobody, "--quiet")
    for folder in ("in", "in/a", "in/b ü", "in/drawn"):
        Path(folder).mkdir()
        shutil.copy(nobody, f"{folder}/{'me' if folder == 'in' else 'x'}.png")
    status, out, err = demo("in", "--recursive", "--output", "in/drawn")
    assert (status, err) == (0, "")
    rows = [line.split("  ")[0] for line in out.splitlines()[1:-1]]
    assert rows == ["me.png", os.path.join("in", "a", "x.png"), os.path.join("in", "b ü", "x.png")]
    assert sorted(os.listdir("in/drawn")) == ["me.png", "x-2.png", "x-3.png", "x.png"]
    _, out, _ = demo("in", "--json", "-")
    assert [entry["path"] for entry in json.loads(out)] == [os.path.join("in", "me.png")]
    _, out, _ = demo(".", "--recursive", "--output", "in/drawn", "--json", "-")
    assert [Path(entry["path"]).parent.name for entry in json.loads(out)] == ["in", "a", "b ü"]  # not in demo_output


def test_min_score(demo: Script) -> None:
    _, out, _ = demo(DEMO / "astronaut.jpg", "--json", "-")
    score = json.loads(out)[0]["faces"][0]["score"]
    _, out, _ = demo(DEMO / "astronaut.jpg", "--min-score", score + 0.01)
    assert "no face found" in out
    assert out.splitlines()[-1] == "1 photograph, 0 faces, 1 without a face; drawn in demo_output."


class RecordingViewer(ImageShow.Viewer):
    def __init__(self) -> None:
        self.shown: list[tuple[str, tuple[int, int]]] = []

    def show(self, image: Image.Image, **options: Any) -> bool:
        self.shown.append((options["title"], image.size))
        return True


def test_show_opens_each_drawn_picture(demo: Script, nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = RecordingViewer()
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(ImageShow, "_viewers", [viewer])
    demo(nobody, "none.jpg", "--show", "--quiet")
    assert viewer.shown == [("nobody.png", (64, 48))]


@pytest.mark.parametrize(
    ("display", "missing"), [("", "note: There is no display"), (":0", "note: There is no program that opens pictures")]
)
def test_show_without_a_display_or_a_viewer(
    display: str, missing: str, demo: Script, nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(ImageShow, "_viewers", [])
    status, out, err = demo(nobody, "--show", "--quiet")
    assert (status, out) == (0, "") and os.listdir("demo_output") == ["nobody.png"]
    assert err.startswith(missing) and err.endswith(": the pictures are drawn, but not shown.\n")
    assert err.count("\n") == 1
    assert demo("none.jpg", "--show", "--quiet")[0] == 1


def test_demo_pictures_are_the_default(demo: Script) -> None:
    status, out, _ = demo("--json", "-")
    faces = {Path(entry["path"]).name: len(entry["faces"]) for entry in json.loads(out)}
    assert status == 0
    assert faces == {
        "astronaut.jpg": 1,
        "group.jpg": 4,
        "portrait_office.jpg": 1,
        "portrait_standing.jpg": 1,
        "speech.jpg": 1,
    }

"""Several networks in one estimator: who answers which head, from which chips, and what is never loaded."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import ROOT, Script
from PIL import Image
from untrained import save_mobilenet

from facekit import ClassAnswer, FaceEstimate, FaceEstimator
from facekit.core.errors import UnknownNameError
from facekit.faces.chips import AlignedChip, BoxChip
from facekit.faces.images import read_picture
from facekit.heads import AGE, GENDER, ClassHead
from facekit.networks import predictor

EXPRESSION = ClassHead("expression", ("Calm", "Happy", "Sad"))
REVERSED_GENDER = ClassHead("gender", ("Female", "Male"))
BOX = BoxChip(size=64, margin=0.1)
GROUP = ROOT / "demo_images" / "group.jpg"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two networks: age and gender of aligned faces; expression, and gender too, of boxes."""
    folder = tmp_path_factory.mktemp("several")
    first = save_mobilenet(folder / "people.h5", (AGE, GENDER))
    return first, save_mobilenet(folder / "mood.h5", (EXPRESSION, REVERSED_GENDER), BOX, seed=1)


def make(*weights: Path, **options: Any) -> FaceEstimator:
    return FaceEstimator(weights, runtime="keras", **options)


def check_same(faces: list[FaceEstimate], alone: list[FaceEstimate], *heads: str) -> None:
    assert [face.box for face in faces] == [face.box for face in alone] and len(faces) == 4
    for face, other in zip(faces, alone, strict=True):
        for head in heads:
            assert flat(face.answers[head].to_dict()) == pytest.approx(flat(other.answers[head].to_dict()), abs=2e-4)


def flat(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, **answer.get("probabilities", {}), "probabilities": None}


@pytest.fixture(scope="module")
def alone(weights: tuple[Path, Path]) -> tuple[list[FaceEstimate], list[FaceEstimate]]:
    people, mood = (make(path).estimate(GROUP) for path in weights)
    return people, mood


def test_each_network_answers_from_its_own_chips(weights: tuple[Path, Path], alone: Any) -> None:
    both = make(*weights)
    faces = both.estimate(GROUP)
    assert [head.name for head in both.heads] == list(faces[0].answers) == ["age", "gender", "expression"]
    check_same(faces, alone[0], "age", "gender")
    check_same(faces, alone[1], "expression")
    cut = both.cut(read_picture(GROUP), [face.box for face in faces])
    assert list(cut.batches) == [AlignedChip(), BOX]
    assert [batch.chips.shape for batch in cut.batches.values()] == [(4, 200, 200, 3), (4, 64, 64, 3)]


def test_other_chips_would_give_other_answers(weights: tuple[Path, Path], alone: Any, tmp_path: Path) -> None:
    """Else the test above could not tell."""
    same = save_mobilenet(tmp_path / "mood.h5", (EXPRESSION, REVERSED_GENDER), AlignedChip(), seed=1)
    for face, other in zip(make(same).estimate(GROUP), alone[1], strict=True):
        assert abs(face.answers["expression"].probability - other.answers["expression"].probability) > 0.005


def test_the_first_network_that_has_a_head_answers_it(weights: tuple[Path, Path], alone: Any) -> None:
    people, mood = alone
    assert [list(face.answers["gender"].probabilities) for face in (people[0], mood[0])] == [
        ["Male", "Female"],
        ["Female", "Male"],
    ]
    faces = make(*reversed(weights)).estimate(GROUP)
    assert list(faces[0].answers) == ["expression", "gender", "age"]
    check_same(faces, mood, "gender", "expression")
    check_same(faces, people, "age")


def test_a_network_without_an_asked_head_is_never_loaded(
    weights: tuple[Path, Path], alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = predictor.load_runtime
    monkeypatch.setattr(predictor, "load_runtime", lambda path, name: loaded.append(path) or load(path, name))
    mood = make(*weights, heads=["expression"])
    assert loaded == []
    faces = mood.estimate(GROUP)
    check_same(faces, alone[1], "expression")
    assert list(faces[0].answers) == ["expression"] and loaded == [weights[1]]
    assert list(mood.cut(read_picture(GROUP), [faces[0].box]).batches) == [BOX]
    loaded.clear()
    check_same(make(*weights, heads=["gender", "age"]).estimate(GROUP), alone[0], "age", "gender")
    assert loaded == [weights[0]]
    with pytest.raises(UnknownNameError, match=r"Unknown head: 'mood'\. Known: age, expression, gender\."):
        make(*weights, heads=["mood"])


def test_one_more_rule_costs_no_second_search(weights: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    both = make(*weights)
    searches = []
    detect = both._finder.detect
    monkeypatch.setattr(both._finder, "detect", lambda picture: searches.append(1) or detect(picture))
    both.estimate(GROUP)
    assert len(searches) == 1


@pytest.mark.parametrize("runtime", ["openvino", "keras"])
def test_face_demo_with_both(
    runtime: str, weights: tuple[Path, Path], script: Script, working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions = []
    caption = ClassAnswer.caption
    monkeypatch.setattr(ClassAnswer, "caption", lambda *given: captions.append(given[1]) or caption(*given))
    photograph = ROOT / "demo_images" / "astronaut.jpg"
    options = ("--runtime", runtime, "--json", "faces.json", "--csv", "faces.csv")
    status, out, err = script("face_demo.py", "--weights", *weights, photograph, *options)
    assert status == 0 and (runtime == "openvino" or err == "")
    assert out.splitlines()[0].split() == "photograph face at estimated age gender expression".split()
    (entry,) = json.loads(Path("faces.json").read_text(encoding="utf-8"))
    (face,) = entry["faces"]
    assert entry["path"] == str(photograph) and list(face) == ["box", "score", "quality", "age", "gender", "expression"]
    (row,) = csv.DictReader(io.StringIO(Path("faces.csv").read_text(encoding="utf-8")))
    assert row["expression"] == ("unsure" if face["expression"]["unsure"] else face["expression"]["label"])
    assert row["age"] == ("unsure" if face["age"]["unsure"] else str(face["age"]["years"]))
    assert float(row["expression_probability"]) == face["expression"]["probability"]
    assert set(captions) == {"gender", "expression"}
    with Image.open(photograph) as before, Image.open("demo_output/astronaut.jpg") as drawn:
        assert np.abs(np.asarray(before).astype(int) - np.asarray(drawn)).max() > 100


def test_where_the_weights_end_and_the_photographs_begin(
    weights: tuple[Path, Path], script: Script, working_folder: Path, nobody: Path
) -> None:
    for arguments in (
        ["--weights", *weights, nobody, "--json", "-"],
        [nobody, "--weights", *weights, "--json", "-"],
        ["--weights", *weights, "--json", "-", nobody],
        ["--weights", weights[0], nobody, "--json", "-"],
        [f"--weights={weights[0]}", nobody, "--json", "-"],
    ):
        status, out, _ = script("face_demo.py", *arguments)
        assert status == 0 and [entry["path"] for entry in json.loads(out)] == [str(nobody)]
    first, second, third = (str(nobody.parent / f"{name}.png") for name in "abc")
    _, out, _ = script("face_demo.py", first, "--json", "-", "--weights", weights[0], second, third)
    assert [entry["path"] for entry in json.loads(out)] == [first, second, third]


def test_no_file_given_as_weights_is_lost(script: Script, working_folder: Path, nobody: Path) -> None:
    """The first is always of weights, whatever its name; scripts without photographs take no others."""
    status, _, err = script("face_demo.py", "--weights", nobody, nobody)
    assert status == 1 and err == f"error: {nobody} is damaged or not a weights file. Fetch or train it again.\n"
    status, _, err = script("face_video_demo.py", "--weights", "a.h5", "b.h5", "clip.mp4")
    assert (status, err) == (2, "error: unrecognized arguments: clip.mp4\n")

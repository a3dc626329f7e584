"""face_data.py: each command's output, and one line for what goes wrong."""

import shutil
from pathlib import Path

import pytest
from checkout import ROOT, Script
from made import make_utkface

from facekit.datasets import DATASETS

pytestmark = pytest.mark.usefixtures("working_folder")
ASTRONAUT = ROOT / "demo_images" / "astronaut.jpg"


@pytest.fixture
def data() -> Path:
    return make_utkface(Path())


def test_list_tells_each_data_set(script: Script) -> None:
    status, out, err = script("face_data.py", "list")
    assert (status, err) == (0, "") and out.count("licence") == len(DATASETS)
    for name, dataset in DATASETS.items():
        assert f"{name}: {dataset.title}\n" in out
        assert dataset.home and dataset.home in out


def test_check_with_a_sheet_and_of_a_prepared_file(script: Script, data: Path) -> None:
    status, out, err = script("face_data.py", "check", "utkface", data, "--contact-sheet", "new/sheet.png")
    assert (status, err) == (0, f"{Path('new/sheet.png')}: 12 pictures\n")
    assert "12 of 12 can be read" in out and Path("new/sheet.png").stat().st_size > 1000
    status, out, err = script("face_data.py", "prepare", "utkface", data, "--output", "faces.h5", "--size", "24")
    assert (status, err) == (0, "") and out.startswith("faces.h5: 12 chips of 24 pixels, ")
    assert out.endswith("\nleft out   none\n")
    status, out, err = script("face_data.py", "check", "utkface", "faces.h5")
    assert (status, err) == (0, "") and "sizes             24x24 pixels\n" in out


def test_inspect(script: Script, data: Path) -> None:
    status, out, err = script("face_data.py", "inspect", "utkface", data, "--output", "plots", "--by", "gender")
    files = [Path("plots") / name for name in ("distributions.csv", "age.png", "gender.png", "race.png")]
    assert (status, err) == (0, f"written: {', '.join(map(str, files))}\n") and all(path.is_file() for path in files)
    assert out.startswith("UTKFace, 12 records; balanced by gender, 0.5\n")


def test_crop(script: Script) -> None:
    Path("broken.jpg").write_bytes(b"no picture")
    status, out, err = script("face_data.py", "crop", "broken.jpg", ASTRONAUT, "--output", "faces", "--margin", "0.4")
    assert (status, out) == (0, "1 photograph, 1 face, 1 could not be read\n")
    assert err.startswith("A picture must be a JPEG") and err.count("\n") == 1
    assert sorted(path.name for path in Path("faces").iterdir()) == ["astronaut-1.jpg", "faces.csv"]
    status, out, _ = script("face_data.py", "crop", "broken.jpg", "--output", "none")
    assert (status, out) == (1, "0 photographs, 0 faces, 1 could not be read\n")


@pytest.mark.parametrize("command", ["list", "check", "inspect", "prepare", "crop"])
def test_each_command_has_help(command: str, script: Script) -> None:
    status, out, _ = script("face_data.py", command, "--help")
    assert status == 0 and out.startswith(f"usage: face_data.py {command} [-h]")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "the following arguments are required: COMMAND"),
        (
            ["chekc"],
            2,
            "argument COMMAND: invalid choice: 'chekc' (choose from 'list', 'check', 'inspect', 'prepare', "
            "'crop'). Did you mean check?\n",
        ),
        (
            ["inspect", "utkface", "UTKFace", "--output", ""],
            2,
            "argument --output: must name a file or folder. Received",
        ),
        (
            ["check", "utkface", "UTKFace", "--contact-sheet", "a.jpg"],
            2,
            "The contact sheet must end in .png. Received",
        ),
        (
            ["check", "utkface", "data", "--contct-sheet", "a.png"],
            2,
            "unrecognized arguments: --contct-sheet a.png. Did",
        ),
        (["check", "utkfaces", "data"], 2, "Unknown dataset: 'utkfaces'. Did you mean 'utkface'?"),
        (["check", "utkface", "nothing"], 1, "No data at nothing."),
        (["check", "utkface", "empty"], 1, "empty has no usable file named like "),
        (["check", "utkface", "broken.h5"], 1, "broken.h5 is damaged or no HDF5 file: "),
        (["check", "utkface", "broken.mat"], 1, "broken.mat is damaged or no MATLAB file: "),
        (["inspect", "utkface", "data"], 2, "the following arguments are required: --output"),
        (["inspect", "utkface", "UTKFace", "--output", "a", "--balance", "2"], 2, "balance must lie between 0 and 1. "),
        (["inspect", "utkface", "UTKFace", "--output", "broken.h5"], 1, "Cannot make the folder broken.h5: "),
        (["prepare", "utkface", "UTKFace", "--output", "broken.h5"], 1, "broken.h5 exists. Delete it, or choose anoth"),
        (
            ["prepare", "utkface", "UTKFace", "--output", "a.npz"],
            2,
            "The output must end in .h5. Received: a.npz (--out",
        ),
        (
            ["prepare", "utkface", "UTKFace", "--output", "a.h5", "--min-score", "1"],
            2,
            "UTKFace states no scores of fa",
        ),
        (["prepare", "utkface", "UTKFace", "--output", "a.h5", "--detector", "hug"], 2, "Unknown detector: 'hug'. Did"),
        (["prepare", "utkface", "UTKFace", "--output", "a.h5", "--margin", "1"], 2, "A margin needs a detector that f"),
        (["crop", "a.jpg", "--output", "UTKFace"], 2, "The output must be a new or an empty folder. Received: UTKFace"),
        (["crop", "a.jpg", "--output", "a", "--format", "gif"], 2, "Faces are written as .jpg or .png. Received: .gif"),
        (
            ["crop", "a.jpg", "--output", "a", "--size", "0"],
            2,
            "A chip's size must be a whole number of 1 to 4096 pixels",
        ),
    ],
)
def test_face_data_refuses(arguments: list[str], status: int, message: str, script: Script, data: Path) -> None:
    Path("empty").mkdir()
    for name in ("broken.h5", "broken.mat"):
        Path(name).write_bytes(b"nothing of the kind")
    before = sorted(map(str, Path().rglob("*")))
    got, out, err = script("face_data.py", *arguments)
    assert (got, out) == (status, "")
    assert err.startswith(f"error: {message}") and err.count("\n") == 1
    assert sorted(map(str, Path().rglob("*"))) == before


def test_training_and_evaluation_take_prepared_files(script: Script, data: Path, tiny_weights: Path) -> None:
    script("face_data.py", "prepare", "utkface", data, "--output", "faces.h5", "--size", "103")
    options = ["--weights", tiny_weights, "--split", "all", "--json", "-"]
    expected = script("face_evaluate.py", *options, "--data", data)
    assert script("face_evaluate.py", *options, "--data", "faces.h5") == expected and expected[0] == 0
    shutil.rmtree(data)
    status, _, err = script("face_evaluate.py", *options, "--dataset", "all_age_faces", "--data", "faces.h5")
    assert (status, err) == (1, "error: faces.h5 is of the data set utkface. Received: all_age_faces (--dataset).\n")

"""What the scripts share: quick starts, options, and exit statuses."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT, Script

from facekit import cli
from facekit.core.errors import FaceKitError, UnknownNameError
from facekit.core.signals import Interrupted

SCRIPTS = (
    *("face.py", "face_data.py", "face_demo.py", "face_evaluate.py", "face_export.py", "face_train.py"),
    "face_video_demo.py",
)


@pytest.mark.parametrize("name", ["import facekit", *SCRIPTS])
def test_import_and_help_are_quick_and_light(name: str) -> None:
    """In CPU time, with the start of Python; the best of three, as other work disturbs."""
    what = "runpy.run_path(sys.argv[0], run_name='__main__')" if name in SCRIPTS else name
    code = f"""if True:
        import runpy, sys, time
        sys.argv = ["{name}", "--help"]
        sys.path.insert(0, "")
        try:
            {what}
        except SystemExit as error:
            assert not error.code
        heavy = {{"keras", "tensorflow", "dlib", "cv2", "openvino", "onnx", "PIL", "h5py", "scipy"}}
        heavy &= sys.modules.keys()
        print(time.process_time(), sorted(heavy), file=sys.stderr)
    """
    # face.py is a page of the library, not a command with options: what it defines needs NumPy.
    limit = 1.0 if name == "face.py" else 0.3
    best = 10.0
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        seconds, heavy = done.stderr.strip().split(" ", 1)
        assert heavy == "[]"
        assert name not in SCRIPTS or done.stdout.startswith("usage:")
        best = min(best, float(seconds))
        if best < limit:
            break
    assert best < limit


@pytest.mark.parametrize("name", SCRIPTS)
def test_wrong_option_is_one_line(name: str, script: Script) -> None:
    status, out, err = script(name, "--hepl")
    assert (status, out) == (2, "")
    assert err == "error: unrecognized arguments: --hepl. Did you mean --help?\n"


def test_help_tells_the_smallest_faces_that_are_found(script: Script) -> None:
    for name, default in (("face_demo.py", "60, or a fortieth"), ("face_video_demo.py", "live 1/10")):
        assert f"smallest faces to find (default: {default}" in " ".join(script(name, "--help")[1].split())


def test_nearest_option_is_suggested(script: Script) -> None:
    for typed, meant in (("--detctor=cnn", "--detector"), ("--langauge", "--language"), ("--min_face", "--min-face")):
        assert script("face_demo.py", typed)[2].endswith(f"Did you mean {meant}?\n")
    assert script("face_demo.py", "--zzzzz")[2].endswith("face_demo.py --help lists the options.\n")


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        (None, 0, ""),
        (1, 1, ""),
        (FaceKitError("No such thing."), 1, "error: No such thing.\n"),
        (UnknownNameError("dog", "hund", ["hound"]), 2, "error: Unknown dog: 'hund'. Did you mean 'hound'? Known:"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (Interrupted(signal.SIGINT), 130, "error: interrupted\n"),
        (Interrupted(signal.SIGTERM, "tiny 1"), 143, "error: interrupted. Continue with: "),
    ],
)
def test_exit_statuses(outcome: Any, status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def run() -> int | None:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    with pytest.raises(SystemExit) as exit:
        cli.main(run)
    assert exit.value.code == status
    assert capsys.readouterr().err.startswith(said)


def test_mistakes_of_ours_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        cli.main(lambda: 1 // 0)


def test_face_prints_the_network_and_what_is_trained(script: Script) -> None:
    status, out, err = script("face.py")
    assert status == 0 and err == ""
    assert "conv4_5_3x3_bn" in out and "Trainable params" in out and "Non-trainable params" in out


def test_face_with_another_backbone_shows_its_layers(script: Script, tmp_path: Path) -> None:
    page = (ROOT / "face.py").read_text(encoding="utf-8").replace('"vggface_resnet50"', '"mobilenet"')
    (tmp_path / "face.py").write_text(page, encoding="utf-8")
    status, out, err = script(str(tmp_path / "face.py"))
    assert status == 1 and "block13_pointwise" in out and "Trainable params" in out
    rule = "error: trainable_from must name one of the 61 layers of mobilenet. Received: 'conv4_5_3x3_bn'. Nearest: "
    assert err.startswith(rule) and err.endswith(" Set one of them, or None to train all.\n")
    named = err.removeprefix(rule).split(". ")[0].split(", ")
    assert len(named) == 5 and all(name[:12] in out for name in named)  # long names are cut

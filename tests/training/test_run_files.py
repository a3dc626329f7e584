"""The files of a run: nobody shares them, and what killed or finished runs leave is removed."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from facekit import training
from facekit.core.errors import FaceKitError, FinishedError, TrainingError
from facekit.core.files import PROJECT
from facekit.recipes import RECIPES
from facekit.training.files import RunFiles
from facekit.training.settings import Settings

HOLD = """
import sys, time
from pathlib import Path
from facekit.training.files import RunFiles
files = RunFiles(Path(sys.argv[1]), Path(sys.argv[1]))
files.open()
print("open", flush=True)
time.sleep(100)
"""


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path: Path) -> None:
    runs = [RunFiles(tmp_path / "logs" / "run", tmp_path, is_new=True) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(RunFiles.open, runs))
    names = {run.path.name for run in runs}
    assert names == {"run", *(f"run-{number}" for number in range(2, 9))}
    assert len({run.best for run in runs}) == 8
    for run in runs:
        run.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signal")
def test_lock_vanishes_with_a_killed_process(tmp_path: Path) -> None:
    run = RunFiles(tmp_path / "run", tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLD, run.path], cwd=PROJECT, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline() == b"open\n"
        with pytest.raises(TrainingError, match=r"^Run run is going in another process\. Wait for its end, or stop it"):
            run.open()
        other.kill()
    run.open()
    run.close()


def test_what_killed_writes_left_is_removed(tmp_path: Path) -> None:
    run = RunFiles(tmp_path / "logs" / "a", tmp_path / "weights")
    own = [run.path / ".checkpoint-abc_1234.h5", run.path / ".records.csv-abc_1234.gz"]
    own += [run.weights_folder / f".a-{which}-abc_1234.{kind}" for which in ("best", "last") for kind in ("h5", "json")]
    others = [run.weights_folder / ".a-2-best-abc_1234.h5", run.weights_folder / ".b-best-abc_1234.h5", run.checkpoint]
    for path in own + others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    run.open()
    run.close()
    assert [path.exists() for path in own] == [False] * 6
    assert all(path.exists() for path in others)


def test_finished_run_keeps_nothing_to_resume_from(tmp_path: Path) -> None:
    run = RunFiles(tmp_path / "run", tmp_path)
    run.open()
    for path in (run.settings, run.checkpoint, run.teacher):
        path.touch()
    assert run.can_be_resumed
    run.finish()
    run.close()
    assert not (run.can_be_resumed or run.checkpoint.exists() or run.teacher.exists())
    run.checkpoint.touch()  # as if it was killed before that was removed
    for _ in range(2):
        with pytest.raises(FinishedError, match=r"^Run run is finished\. Its weights are .*run-best\.h5\.$"):
            run.open()
    assert not run.checkpoint.exists()


@pytest.mark.parametrize("output", [None, "out", "out/deeper"])
def test_runs_are_resumed_wherever_they_are(
    output: str | None, working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_run", lambda settings, files: files)
    settings = Settings(RECIPES["wide_resnet_utkface"])
    files = training.new_run(settings, output)
    files.open()  # type: ignore[attr-defined]
    assert isinstance(files, RunFiles) and files.path.name.startswith("wide_resnet_utkface-")
    assert (files.path.parent, files.weights_folder) == (
        (Path("logs"), Path("face_weights")) if output is None else (Path(output), Path(output))
    )
    settings.save(files.settings)
    files.close()
    assert files.resumed_by == (files.path.name if output is None else str(files.path))
    again = training.resumed_run(files.resumed_by)
    assert isinstance(again, RunFiles) and (again.path, again.best) == (files.path, files.best)
    again.close()
    with pytest.raises(TrainingError, match=r"^No run gone in .*logs to resume\. Start a new one, or name the path of"):
        training.resumed_run("gone")


def test_an_output_that_is_a_file_is_refused_at_once(working_folder: Path) -> None:
    Path("out").touch()
    with pytest.raises(FaceKitError) as refused:
        training.new_run(Settings(RECIPES["wide_resnet_utkface"]), "out/runs")
    assert refused.value.argument == "output" and "\n" not in str(refused.value)


@pytest.mark.parametrize("output", ["logs", "./logs/"])
def test_the_folder_of_runs_is_no_output(output: str, working_folder: Path) -> None:
    """Its runs are resumed as those whose weights lie in face_weights/."""
    with pytest.raises(FaceKitError, match=r"another one than logs, .* in face_weights\. Received: ") as refused:
        training.new_run(Settings(RECIPES["wide_resnet_utkface"]), output)
    assert refused.value.argument == "output" and not list(working_folder.iterdir())

"""What is installed: the wheel's files, versions that agree, and the one line where an extra is missing."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from checkout import ROOT

from facekit.core.lazy_imports import missing_extra

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
OPTIONAL = "av boto3 cv2 face_recognition_models keras matplotlib onnx scipy tensorflow tf2onnx".split()


def python(code: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV")} | variables
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a wheel installs that was built from the source distribution."""
    source, built, site = (tmp_path_factory.mktemp(name) for name in ("source", "built", "site"))
    files = ("LICENSE", "README.md", "pyproject.toml", *(path.name for path in ROOT.glob("face*.py")))
    for name in (*files, "demo_images", "face_weights", "facekit", "fonts", "tests"):
        (source / name).symlink_to(ROOT / name)
    build = "import sys; from setuptools import build_meta; sys.argv = ['']; build_meta.build_{}(r'{}')"
    assert python(build.format("sdist", built), source).returncode == 0
    (archive,) = built.iterdir()
    with tarfile.open(archive) as sources:
        sources.extractall(built, filter="data")
    assert python(build.format("wheel", site), built / archive.name.removesuffix(".tar.gz")).returncode == 0
    (wheel,) = site.iterdir()
    with zipfile.ZipFile(wheel) as files_of_wheel:
        files_of_wheel.extractall(site)
    wheel.unlink()
    return site


def test_wheel_holds_the_package_alone_and_all_of_it(site: Path) -> None:
    assert [path.name.partition("-")[0] for path in sorted(site.iterdir())] == ["facekit", "facekit"]  # and dist-info
    installed = {str(path.relative_to(site)) for path in site.rglob("*.py")}
    package = {str(path.relative_to(ROOT)) for path in (ROOT / "facekit").rglob("*.py")}
    assert installed == package | {f"facekit/scripts/{path.name}" for path in ROOT.glob("face*.py")}
    for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        folder = site / package.replace(".", "/")
        missing = [pattern for pattern in patterns if not list(folder.glob(pattern))]
        assert not missing, package
    assert len(list((site / "facekit" / "faces").glob("*.dat"))) == 2


def test_installed_command_answers_as_the_script_does(site: Path, tmp_path: Path) -> None:
    run = "import sys; sys.argv = ['face-demo', '--quiet', '--json', '-']; from facekit.cli import command; command()"
    installed, here = (python(run, tmp_path, PYTHONPATH=str(folder)) for folder in (site, ROOT))
    assert installed.stderr == here.stderr == ""
    answers, expected = (json.loads(done.stdout) for done in (installed, here))
    assert [photograph.pop("path") for photograph in answers] != [photograph.pop("path") for photograph in expected]
    usage = python(run.replace("'--quiet', '--json', '-'", "'--help'"), tmp_path, PYTHONPATH=str(site)).stdout
    assert usage.startswith("usage: face-demo [-h]")
    assert answers == expected and sum(len(photograph["faces"]) for photograph in answers) == 8


@pytest.mark.parametrize("name", PROJECT["project"]["scripts"])
def test_each_command_has_its_script(name: str) -> None:
    assert (ROOT / f"{name.replace('-', '_')}.py").is_file()
    assert len(PROJECT["project"]["scripts"]) == len(list(ROOT.glob("face_*.py")))


@pytest.mark.parametrize("extra", ["", "features", "landmarks68", "train", "video"])
def test_requirements_hold_the_versions_of_the_project(extra: str) -> None:
    lines = {line.replace(" ", "") for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()}
    locked = {line.replace("python_full_version", "python_version").replace("_", "-") for line in lines}
    wanted = EXTRAS[extra] if extra else PROJECT["project"]["dependencies"]
    pinned = [line.replace(" ", "").replace("_", "-") for line in wanted if not line.startswith("facekit[")]
    assert len(pinned) >= 1 and set(pinned) <= locked


@pytest.mark.parametrize(("name", "package"), [("face_demo.py", "facekit"), ("face_video_demo.py", "facekit[video]")])
def test_metadata_of_scripts_agree_with_the_project(name: str, package: str) -> None:
    block = re.search(r"^# /// script\n(.*?)^# ///$", (ROOT / name).read_text(encoding="utf-8"), re.M | re.S)
    assert block
    metadata = tomllib.loads(re.sub(r"^# ", "", block[1], flags=re.M))
    assert metadata["requires-python"] == PROJECT["project"]["requires-python"]
    assert metadata["dependencies"] == [package]


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        ("face_train.py --dry-run", "keras", "train"),
        ("face_demo.py --runtime keras", "keras", "train"),
        ("face_demo.py --landmarks 68", "face_recognition_models", "landmarks68"),
        ("face_video_demo.py --source film.mp4 --no-show", "cv2", "video"),
        ("face_export.py", "onnx", "train"),
        ("face_evaluate.py --report report", "matplotlib", "train"),
        ("face_evaluate.py --calibrate", "scipy", "train"),
    ],
)
def test_a_missing_extra_is_one_line(command: str, package: str, extra: str, tmp_path: Path) -> None:
    name, *options = command.split()
    code = f"import runpy, sys; sys.modules.update(dict.fromkeys({OPTIONAL})); sys.argv = {[name, *options]}\n"
    done = python(
        f"{code}sys.path.insert(0, '{ROOT}'); runpy.run_path(r'{ROOT / name}', run_name='__main__')", tmp_path
    )
    said = (
        f'error: {package} is not installed. It comes with the extra {extra}. Run: pip install -e "{ROOT}[{extra}]"\n'
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
    assert not list(tmp_path.iterdir())


def test_public_names_say_what_they_lack(tmp_path: Path) -> None:
    code = "import sys; sys.modules['keras'] = None\nimport facekit\ntry: facekit.VGGFace\nexcept facekit.FaceKitError"
    done = python(f"{code} as error: print(error)", tmp_path, PYTHONPATH=str(ROOT))
    assert done.stdout.startswith("keras is not installed. It comes with the extra train. Run: pip install")


def test_an_install_from_a_repository_names_its_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    origin = {"url": "https://example.org/facekit", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    made = SimpleNamespace(read_text={"direct_url.json": json.dumps(origin)}.get)
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: made)
    monkeypatch.setattr("facekit.core.lazy_imports.PROJECT", tmp_path)
    command = 'pip install "facekit[video] @ git+https://example.org/facekit@abc"'
    assert str(missing_extra("cv2", "video")).endswith(f"Run: {command}")


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for uv is a shell script")
@pytest.mark.parametrize("depth", ["1", "2"])
def test_uv_adds_a_missing_extra_once(depth: str, tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\necho "$@" ${VIRTUAL_ENV-none}\nexit 7\n')
    uv.chmod(0o755)
    code = """if True:
        import sys
        from facekit import cli
        from facekit.core.lazy_imports import missing_extra

        def run():
            raise missing_extra("keras", "train")

        sys.argv = ["face_demo.py", "--weights", "some.h5"]
        cli.main(run)
    """
    variables = {"UV": str(uv), "UV_RUN_RECURSION_DEPTH": depth, "VIRTUAL_ENV": "x", "PYTHONPATH": str(ROOT)}
    done = python(code, tmp_path, **variables)
    if depth == "1":
        assert (
            done.stdout == f"run --project {ROOT} --no-dev --extra train python face_demo.py --weights some.h5 none\n"
        )
        assert done.returncode == 7 and done.stderr.startswith("note: keras is not installed.")
    else:
        assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("error: keras is not installed.")

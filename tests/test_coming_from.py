"""docs/COMING_FROM.md: every command in its tables is understood, and what it names is there."""

import importlib
import re
import shlex
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from checkout import ROOT, Script
from made import make_utkface
from tiny import TINY_BACKBONE

import facekit
from facekit.core.errors import lookup
from facekit.datasets import DATASETS
from facekit.datasets.splits import SIDES
from facekit.evaluation.evaluate import name_collections
from facekit.networks.backbones import BACKBONES

PAGE = (ROOT / "docs" / "COMING_FROM.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| old ")
]
COMMANDS = [command for _, here, _ in ROWS for command in re.findall(r"`(face_\w+\.py[^`]*)`", here)]


def check_training(args: Namespace) -> None:
    if not getattr(args, "curves", None):
        importlib.import_module("face_train").settings(args)  # which looks all names up, and checks all values


def check_evaluation(args: Namespace) -> None:
    for name in name_collections(args.dataset, args.data or []):
        lookup("dataset", name, DATASETS)
    lookup("split", args.split, dict.fromkeys(SIDES))


def check_data(args: Namespace) -> None:
    if getattr(args, "dataset", None):
        lookup("dataset", args.dataset, DATASETS)


CHECKS: dict[str, Callable[[Namespace], None]] = {
    "face_train": check_training,
    "face_evaluate": check_evaluation,
    "face_data": check_data,
}


def parsed(command: str) -> tuple[str, Namespace]:
    """Returns the name of the script and its options; the run's name stands for itself."""
    script, *arguments = shlex.split(command.replace("<run>", "run"))
    name = script.removesuffix(".py")
    return name, importlib.import_module(name).parser.parse_args(arguments)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_understood(command: str) -> None:
    name, args = parsed(command)
    CHECKS.get(name, lambda args: None)(args)
    weights = getattr(args, "weights", None) or []
    shipped = [path for path in ([weights] if isinstance(weights, str) else weights) if "/run-" not in path]
    missing = [path for path in shipped if path.startswith("face_weights/") and not (ROOT / path).is_file()]
    assert not missing


def test_every_row_has_a_command_or_a_name_to_import() -> None:
    assert len(ROWS) > 25 and PAGE.count("\n## ") == 5
    for _, here, _ in ROWS:
        imported = re.findall(r"`from facekit import (.*?)`", here)
        assert imported or re.search(r"`face_\w+\.py", here), here
        for name in ", ".join(imported).split(", ") if imported else ():
            assert name in facekit.__all__


def test_what_is_missing_is_said_and_still_has_a_command() -> None:
    missing = [here for _, here, _ in ROWS if here.startswith("not yet")]
    assert len(missing) == 3 and all("`face_" in here for here in missing)


def test_first_command_runs(script: Script, working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On made data, as a dry run of a tiny network."""
    monkeypatch.setitem(BACKBONES, "vggface_resnet50", TINY_BACKBONE)
    monkeypatch.setattr("facekit.training.throughput.LONGEST", 0)
    make_utkface(Path("train_data"), n=60)
    name, *options = shlex.split(COMMANDS[0])
    status, out, _ = script(name, *options, "--pretrained", "none", "--precision", "float32", "--dry-run")
    assert status == 0 and "classic" in out and "30 epochs" in out
    assert [path.name for path in Path().iterdir()] == ["train_data"]

"""The README's commands, links and names are true. Its Python example runs as a doctest of its own."""

import doctest
import importlib
import re
import shlex

import pytest
from conftest import ROOT

import facekit
import facekit.estimator
from facekit.networks.backbones import BACKBONES

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4}(?:.*&& )?uv run (face\w*\.py.*?)(?: +#.*)?$", README, re.MULTILINE)


def test_readme_names_commands_of_every_script() -> None:
    assert {command.split()[0] for command in COMMANDS} >= {"face_demo.py", "face_train.py", "face_evaluate.py"}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    script, *arguments = shlex.split(command, comments=True)
    importlib.import_module(script.removesuffix(".py")).parser.parse_args(arguments)


@pytest.mark.parametrize("document", ["README.md", *(str(p.relative_to(ROOT)) for p in ROOT.glob("*/README.md"))])
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if not target.startswith("http")]
    missing = [target for target in targets if not ((ROOT / document).parent / target).exists()]
    assert not missing


def test_backbones_table_is_complete() -> None:
    assert all(f"`{name}`" in README for name in BACKBONES if not name.endswith("_wrapped"))


def test_estimator_example_runs() -> None:
    assert doctest.testmod(facekit.estimator).attempted > 0
    assert doctest.testmod(facekit.estimator).failed == 0


def test_public_names_are_sorted_and_there() -> None:
    assert facekit.__all__ == sorted(facekit.__all__)
    for name in facekit.__all__:
        assert getattr(facekit, name).__name__ == name

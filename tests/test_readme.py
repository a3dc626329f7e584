"""Checks commands, links and names in the documentation. The README's Python example runs as a doctest of its own."""

import doctest
import importlib
import re
import shlex

import pytest
from checkout import ROOT

import facekit
import facekit.estimator
from facekit.datasets import DATASETS
from facekit.networks.backbones import BACKBONES
from facekit.recipes import RECIPES

PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted(ROOT.glob("*/README.md")), *PAGES)
}
README = DOCUMENTS["README.md"]
COMMAND = re.compile(r"^ {4}(?:.*&& )?(?:uv run|\S*python) (face\w*\.py.*?)(?: +#.*)?$", re.MULTILINE)
COMMANDS = list(dict.fromkeys(command for text in DOCUMENTS.values() for command in COMMAND.findall(text)))
PYTHON = [block for text in DOCUMENTS.values() for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]


def test_readme_names_commands_of_every_script() -> None:
    scripts = {path.name for path in ROOT.glob("face_*.py")}
    assert {command.split()[0] for command in COMMAND.findall(README)} == scripts


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    script, *arguments = shlex.split(command, comments=True)
    importlib.import_module(script.removesuffix(".py")).parser.parse_args(arguments)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)", DOCUMENTS[document]) if not target.startswith("http")]
    missing = [target for target in targets if not ((ROOT / document).parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_readme_links_each_page_once(page: str) -> None:
    assert README.count(f"](docs/{page})") == 1


def test_readme_is_short() -> None:
    assert len(README.split()) <= 1300


@pytest.mark.parametrize("block", [block for block in PYTHON if ">>>" not in block])
def test_python_examples_compile(block: str) -> None:
    compile(block, "example", "exec")


def test_backbones_table_is_complete() -> None:
    assert all(f"`{name}`" in DOCUMENTS["docs/WEIGHTS.md"] for name in BACKBONES if not name.endswith("_wrapped"))


@pytest.mark.parametrize("name", [*DATASETS, *RECIPES])
def test_training_page_names_data_sets_and_recipes(name: str) -> None:
    assert f"`{name}`" in DOCUMENTS["docs/TRAINING.md"]


def test_estimator_example_runs() -> None:
    assert doctest.testmod(facekit.estimator).attempted > 0
    assert doctest.testmod(facekit.estimator).failed == 0


def test_public_names_are_sorted_and_there() -> None:
    assert facekit.__all__ == sorted(facekit.__all__)
    for name in facekit.__all__:
        assert getattr(facekit, name).__name__ == name

"""The library does not know the scripts: its messages name arguments and values, no options and no script."""

import ast
import re
from pathlib import Path

import pytest
from checkout import ROOT

OPTION = re.compile(r'(?<![\w"-])--[a-z]')  # behind a quote, a property of CSS
INSTALLING = re.compile(r"Run: (pip|uv) .*|(pip|uv) (install|sync) .*")  # other programs' options
SCRIPT = re.compile(r"\bface(_[a-z_]+)?\.py\b")
FILES = sorted(path for path in (ROOT / "facekit").rglob("*.py") if path != ROOT / "facekit" / "cli.py")


def literals(path: Path) -> list[tuple[int, str]]:
    """Line and text of the strings in a file, those within f-strings included and docstrings excluded."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


@pytest.mark.parametrize("pattern", [OPTION, SCRIPT], ids=["option", "script"])
def test_no_option_and_no_script_in_messages(pattern: re.Pattern[str]) -> None:
    assert len(FILES) > 100
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in FILES
        for line, text in literals(path)
        if pattern.search(INSTALLING.sub("", text))
    ]
    assert found == []


def test_the_search_finds_them(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text(
        '"""face_demo.py --json"""\n\ndef f():\n    """--x of face.py"""\n'
        '    raise ValueError(f"Name {f} with --weights, which " "face_train.py wrote.")\n'
    )
    texts = [text for _, text in literals(path)]
    assert any(OPTION.search(text) for text in texts) and any(SCRIPT.search(text) for text in texts)
    assert not any(text.startswith("face_demo") for text in texts)

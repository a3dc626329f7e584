"""The queries of docs/SCALE.md answer what they say."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from checkout import ROOT

from facekit import FaceEstimator
from facekit.batch.plan import Output, make_plan
from facekit.batch.rows import BatchConfig
from facekit.batch.run import _settings
from facekit.batch.schema import encode_part, result_schema

PAGE = (ROOT / "docs" / "SCALE.md").read_text(encoding="utf-8")


def code(language: str) -> str:
    """The only block of a language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(block)


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result in the folder `faces` of the working folder."""
    monkeypatch.chdir(tmp_path)
    estimator = FaceEstimator()
    settings = _settings(estimator, BatchConfig())
    schema = result_schema(estimator.heads, estimator.card, settings)
    make_plan(Output("faces"), ["a", "b"], settings, 1)
    ages = [("2024-05/a.jpg", 30.0, 0.0), ("2024-05/b.jpg", 41.0, 0.0), ("2024-06/c.jpg", 12.0, 0.97)]
    known = [
        {"picture": f"/photographs/{name}", "face": 0, "age": age, "age_minor_probability": share, "age_unsure": False}
        for name, age, share in ages
    ]
    doubtful = {**known[0], "face": 1, "age": 19.0, "age_minor_probability": 0.4, "age_unsure": True}
    Output("faces").write_part(0, encode_part([*known[:2], doubtful], schema))
    Output("faces").write_part(1, encode_part([known[2], {"picture": "/photographs/2024-06/d.jpg"}], schema))


@pytest.mark.usefixtures("result")
def test_ages_by_month() -> None:
    assert duckdb.sql(code("sql")).fetchall() == [("2024-05", 2, 35.5), ("2024-06", 1, 12.0)]


@pytest.mark.usefixtures("result")
def test_faces_that_may_be_minors() -> None:
    names: dict[str, Any] = {}
    exec(code("python"), names)
    assert [round(share, 2) for share in names["minors"].age_minor_probability] == [0.97, 0.4]

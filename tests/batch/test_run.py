"""facekit.batch.run: rows of pictures, and parts, without Ray."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from checkout import ROOT
from PIL import Image

from facekit import FaceEstimator
from facekit.batch.plan import Output, make_plan
from facekit.batch.rows import BatchConfig, face_row
from facekit.batch.run import PartWorker, _settings
from facekit.batch.schema import CARD, result_schema
from facekit.batch.sources import list_entries
from facekit.networks.cards import Card

GROUP = ROOT / "demo_images" / "group.jpg"


def test_schema_is_stable() -> None:
    estimator = FaceEstimator()
    schema = result_schema(estimator.heads, estimator.card, _settings(estimator, BatchConfig()))
    assert [f"{field.name} {field.type}" for field in schema] == [
        "picture string",
        "error string",
        *(f"{name} int32" for name in ("width", "height", "face", "left", "top", "right", "bottom")),
        *(f"{name} float" for name in ("score", "quality", "age", "age_low", "age_high", "age_minor_probability")),
        "age_unsure bool",
        *("gender string", "gender_probability float", "gender_unsure bool"),
        *("race string", "race_probability float", "race_unsure bool"),
        *("expression string", "expression_probability float", "expression_unsure bool"),
    ]
    assert Card.from_json(schema.metadata[CARD.encode()].decode()).name == estimator.card.name


def test_a_part_has_a_row_for_each_face_and_each_other_picture(tmp_path: Path) -> None:
    """Whatever an entry is that fails; chips and features belong to their faces."""
    Image.new("RGB", (90, 80)).save(tmp_path / "empty.png")
    (tmp_path / "half.jpg").write_bytes(GROUP.read_bytes()[:4000])
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'missing.tar'}\n", encoding="utf-8")
    sources = [str(GROUP), str(tmp_path), str(tmp_path / "list.txt")]
    config = BatchConfig({"heads": ["age", "gender"]}, chips=True, features=True)
    estimator = FaceEstimator(**config.estimator)
    output, settings = Output(str(tmp_path / "faces")), _settings(estimator, config)
    assert make_plan(output, list_entries(sources), settings, 10) == [0, 1]
    worker = PartWorker(output, config, settings)
    assert worker({"part": 0}) == {"part": 0, "pictures": 3, "faces": 4, "failed": 1}
    assert worker({"part": 0}) == {"part": 0, "pictures": 0, "faces": 0, "failed": 0}  # it is done
    assert worker({"part": 1}) == {"part": 1, "pictures": 1, "faces": 0, "failed": 1}

    rows = pq.read_table(tmp_path / "faces" / "part-0000000.parquet").to_pylist()
    names = [str(GROUP)] * 4 + [str(tmp_path / name) for name in ("empty.png", "half.jpg")]
    assert [row["picture"] for row in rows] == names
    faces = estimator.estimate(GROUP)
    chips = estimator.cut(np.asarray(Image.open(GROUP)), [face.box for face in faces]).chips
    for number, (row, face, chip) in enumerate(zip(rows[:4], faces, chips, strict=True)):
        expected = face_row(number, face)
        assert row["age"] == pytest.approx(expected["age"]) and (row["width"], row["height"]) == (1212, 400)
        assert {name: row[name] for name in ("face", "left", "gender")} == {
            name: expected[name] for name in ("face", "left", "gender")
        }
        decoded = np.asarray(Image.open(io.BytesIO(row["chip"])), np.float32)
        assert abs(decoded - chip).mean() < 5 and np.linalg.norm(row["features"]) > 0.5
    assert (rows[4]["width"], rows[4]["face"], rows[4]["error"]) == (90, None, None)
    assert rows[5]["width"] is None and rows[5]["error"].startswith("A picture must be whole and readable.")
    (row,) = pq.read_table(tmp_path / "faces" / "part-0000001.parquet").to_pylist()
    assert row["error"].startswith("A source must exist.")

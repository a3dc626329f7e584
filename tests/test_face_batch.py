"""face_batch.py: bad input is one line, before Ray is started."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from checkout import ROOT, Script

from facekit.batch.plan import Output, make_plan

PHOTOGRAPH = ROOT / "demo_images" / "astronaut.jpg"


def test_bad_sources(script: Script, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1]}), tmp_path / "table.parquet")
    for given, rule in {
        (tmp_path / "missing",): "A source must have pictures. Received: ",
        (tmp_path / "table.parquet", "--column", "image"): "A table needs the name of its column of pictures or paths",
        ("s4://bucket/x",): "An address must be such as s3://bucket/folder. Received: s4://bucket/x",
    }.items():
        status, out, err = script("face_batch.py", *given, "--output", tmp_path / "faces")
        assert (status, out) == (1, "") and err.startswith(f"error: {rule}") and err.count("\n") == 1
    assert not (tmp_path / "faces").exists()


def test_results_of_other_settings_are_refused(script: Script, tmp_path: Path) -> None:
    make_plan(Output(str(tmp_path / "faces")), ["a.jpg"], {"weights": ["abc"]}, 1)
    status, out, err = script("face_batch.py", PHOTOGRAPH, "--output", tmp_path / "faces", "--heads", "age")
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {tmp_path / 'faces'} holds results of other settings: weights, heads, detector, ")
    assert err.endswith("Name another folder, or overwrite them (--overwrite).\n")


@pytest.mark.parametrize("given", [(), ("photographs/",)])
def test_what_is_needed(script: Script, given: tuple[str, ...]) -> None:
    status, _, err = script("face_batch.py", *given)
    assert status == 2 and "required" in err

"""Pictures and results in a bucket, whose server fails now and then."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from checkout import ROOT
from faulty_link import HOST, FaultyLink
from moto.server import ThreadedMotoServer

from facekit import FaceEstimator
from facekit.batch.plan import Output, make_plan
from facekit.batch.rows import BatchConfig
from facekit.batch.run import PartWorker, _settings
from facekit.batch.sources import list_entries, read_entry
from facekit.core.errors import DataError, PictureError

PHOTOGRAPH = ROOT / "demo_images" / "astronaut.jpg"


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FaultyLink]:
    """A server with three pictures in a bucket, behind a proxy that can fail."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    from boto3.session import Session

    server = ThreadedMotoServer(HOST, 0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    client: Any = Session().client("s3", endpoint_url=f"http://{HOST}:{port}")
    client.create_bucket(Bucket="photographs")
    for name in ("2024/a.jpg", "2024/b/c.jpg", "2024/notes.txt", "2025/d.jpg"):
        client.put_object(Bucket="photographs", Key=name, Body=PHOTOGRAPH.read_bytes())
    client.close()
    link = FaultyLink(port)
    link.start()
    yield link
    link.stop()
    server.stop()


def address(port: int, path: str) -> str:
    return f"s3://{path}?scheme=http&endpoint_override={HOST}:{port}"


def test_pictures_and_results_in_a_bucket(link: FaultyLink, tmp_path: Path) -> None:
    """Each third request is answered by 503."""
    link.fault = lambda number, method: "503" if number % 3 == 2 else ""
    entries = list(list_entries([address(link.port, "photographs/2024")]))
    assert entries == [address(link.port, f"photographs/2024/{name}") for name in ("a.jpg", "b/c.jpg")]
    assert list(read_entry(entries[0])) == [(entries[0], PHOTOGRAPH.read_bytes())]
    ((_, error),) = read_entry(address(link.port, "photographs/missing.jpg"))
    assert isinstance(error, PictureError)

    config = BatchConfig({"heads": ["age"]})
    estimator = FaceEstimator(**config.estimator)
    settings = _settings(estimator, config)
    output = Output(address(link.server_port, "photographs/faces"))  # the proxy knows no chunked uploads
    assert make_plan(output, entries, settings, 1) == [0, 1]
    worker = PartWorker(output, config, settings)
    assert worker({"part": 1}) == {"part": 1, "pictures": 1, "faces": 1, "failed": 0}
    assert make_plan(output, entries, settings, 1) == [0]
    assert worker({"part": 0})["faces"] == 1
    assert output.parts() == {0, 1} and "503" in link.faults
    ((_, content),) = read_entry(address(link.server_port, "photographs/faces/part-0000001.parquet"))
    assert pq.read_table(io.BytesIO(content)).num_rows == 1  # type: ignore[arg-type]


def test_a_bucket_that_refuses(link: FaultyLink) -> None:
    with pytest.raises(DataError) as error:
        list(list_entries([address(link.port, "missing/2024")]))
    assert "cannot be listed" in str(error.value) and "\n" not in str(error.value)

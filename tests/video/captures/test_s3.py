"""Captures in a bucket, over a connection that fails: nothing is lost, nothing duplicated."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from faulty_link import HOST, FaultyLink
from moto.server import ThreadedMotoServer
from waiting import wait_for

from facekit.core.errors import VideoError
from facekit.video import VideoOptions
from facekit.video.captures import spool as spool_module
from facekit.video.captures import uploads
from facekit.video.captures.captures import Captures
from facekit.video.captures.spool import RefusedError, Spool
from facekit.video.captures.uploads import Bucket
from facekit.video.frames import Frame, Scene

PICTURE = np.zeros((48, 64, 3), np.uint8)
CAMERA: Any = SimpleNamespace(name="Camera 0", is_live=True)


@pytest.fixture(scope="module")
def moto_port() -> Iterator[int]:
    server = ThreadedMotoServer(HOST, 0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LOCALAPPDATA": str(tmp_path / "state"),
        "HOME": str(tmp_path / "state"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def link(moto_port: int, s3: Any) -> Iterator[FaultyLink]:
    link = FaultyLink(moto_port)
    link.start()
    yield link
    link.stop()


@pytest.fixture(scope="module")
def client(moto_port: int) -> Iterator[Any]:
    """Client without the proxy."""
    from boto3.session import Session

    session = Session(aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1")
    client = session.client("s3", endpoint_url=f"http://{HOST}:{moto_port}")
    yield client
    client.close()


@pytest.fixture
def s3(client: Any, credentials: None) -> Iterator[Any]:
    """Client, with an empty bucket on the server."""
    client.create_bucket(Bucket="bucket")
    yield client
    for name in stored(client):
        client.delete_object(Bucket="bucket", Key=name)
    client.delete_bucket(Bucket="bucket")


def stored(client: Any) -> dict[str, bytes]:
    """Reads all objects of the bucket."""
    keys = [entry["Key"] for entry in client.list_objects_v2(Bucket="bucket").get("Contents", [])]
    return {key: client.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys}


Opened = Callable[..., Spool]


@pytest.fixture
def opened(
    link: FaultyLink, s3: Any, tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Opened]:
    monkeypatch.setattr(spool_module, "RETRY_SECONDS", (0.01, 0.1))
    made: list[Spool] = []

    def make(url: str = "s3://bucket/some/where/", **options: Any) -> Spool:
        bucket = Bucket(url, link.url, **options)
        made.append(Spool(tmp_path / "spool", bucket.put))
        return made[-1]

    yield make
    for spool in made:
        spool.close()


def fill(spool: Spool, numbers: range, size: int = 20_000) -> dict[str, bytes]:
    """Adds captures, and returns the expected objects of the bucket."""
    expected = {}
    for number in numbers:
        picture, facts = bytes([number]) * size, b'{"number": %d}' % number
        spool.add(f"{number:03d}.5Z", picture, facts)
        expected |= {f"some/where/{number:03d}.5Z.jpg": picture, f"some/where/{number:03d}.5Z.json": facts}
    return expected


def is_empty(spool: Spool) -> bool:
    return not spool._names()


def test_a_capture_arrives_with_its_type(
    link: FaultyLink, s3: Any, notes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = VideoOptions(capture_to="s3://bucket/door", s3_endpoint=link.url, s3_encryption="AES256")
    with Captures(options, CAMERA) as captures:
        captures.take(Scene(Frame(5, 0.2, PICTURE, time.monotonic()), ()), PICTURE)
    (picture, content), (facts, text) = stored(s3).items()
    assert notes == [] and content.startswith(b"\xff\xd8\xff")
    assert f"door/{json.loads(text)['picture']}" == picture == facts.replace(".json", ".jpg")
    heads = [s3.head_object(Bucket="bucket", Key=key) for key in (picture, facts)]
    assert [head["ContentType"] for head in heads] == ["image/jpeg", "application/json"]
    assert [head["ServerSideEncryption"] for head in heads] == ["AES256"] * 2
    (spool,) = tmp_path.glob("state/**/captures/*")
    assert spool.name.startswith("bucket-") and [path.name for path in spool.iterdir()] == [".lock"]


def test_keys_of_encryption_arrive(opened: Opened, s3: Any) -> None:
    expected = fill(opened(encryption="aws:kms:alias/a:b"), range(1))
    wait_for(lambda: stored(s3) == expected)
    for key in expected:
        head = s3.head_object(Bucket="bucket", Key=key)
        assert head["ServerSideEncryption"] == "aws:kms" and head["SSEKMSKeyId"].endswith("alias/a:b")


@pytest.mark.parametrize("fault", ["503", "429", "lost", "cut"])
def test_what_a_fault_meets_is_sent_again(fault: str, opened: Opened, link: FaultyLink, s3: Any) -> None:
    spool = opened()
    link.fault = lambda request, method: fault if request % 3 else ""
    expected = fill(spool, range(3))
    wait_for(lambda: is_empty(spool))
    assert stored(s3) == expected
    assert link.faults.count(fault) >= 5 and link.faults.count("") >= 6


def test_a_server_that_answers_503_for_a_while(opened: Opened, link: FaultyLink, s3: Any, notes: list[str]) -> None:
    spool = opened()
    link.fault = lambda request, method: "503"
    expected = fill(spool, range(4))
    wait_for(lambda: link.faults.count("503") >= 4)
    assert stored(s3) == {}
    link.fault = lambda request, method: ""
    wait_for(lambda: is_empty(spool))
    assert stored(s3) == expected
    assert "s3://bucket/some/where takes no captures now: 503 Service Unavailable. Captures" in notes[0]
    assert f"Captures are kept in {spool.folder} and uploaded later." in notes[0]
    assert notes[1:] == ["Captures are uploaded again."]


def test_a_server_that_is_stopped_and_started(opened: Opened, link: FaultyLink, s3: Any, notes: list[str]) -> None:
    spool = opened()
    expected = fill(spool, range(3))
    wait_for(lambda: is_empty(spool))
    link.stop()
    expected |= fill(spool, range(3, 6))
    wait_for(lambda: notes)
    assert re.search("takes no captures now: (Could not connect|Connection was closed)", notes[0])
    spool.close()
    assert notes[-1].startswith("3 captures wait in ")

    spool = opened()  # while it is away: no error
    expected |= fill(spool, range(6, 8))
    link.start()
    wait_for(lambda: is_empty(spool))
    assert stored(s3) == expected


def test_a_server_that_comes_and_goes(opened: Opened, link: FaultyLink, s3: Any) -> None:
    spool, is_over = opened(), threading.Event()
    random = np.random.default_rng(0)
    link.fault = lambda request, method: str(random.choice(["", "", "503", "lost", "cut"]))

    def come_and_go() -> None:
        while not is_over.wait(0.1):
            link.stop()
            time.sleep(0.05)
            link.start()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    expected = {}
    try:
        for number in range(8):
            expected |= fill(spool, range(number, number + 1))
            time.sleep(0.02)
    finally:
        is_over.set()
        thread.join()
    wait_for(lambda: is_empty(spool))
    assert stored(s3) == expected


def test_a_slow_server_is_given_up_and_asked_again(
    opened: Opened, link: FaultyLink, s3: Any, monkeypatch: pytest.MonkeyPatch, notes: list[str]
) -> None:
    monkeypatch.setattr(uploads, "TIMEOUTS", (1, 0.2))
    spool = opened()
    link.fault = lambda request, method: "slow" if len(link.faults) < 3 else ""
    expected = fill(spool, range(1))
    wait_for(lambda: is_empty(spool))
    assert stored(s3) == expected and "Read timeout on endpoint URL" in notes[0]


def test_a_missing_bucket_is_told_at_the_start(opened: Opened) -> None:
    with pytest.raises(VideoError, match=r"There is no bucket nowhere\. Create it, or choose another one\."):
        opened("s3://nowhere/x")


def test_missing_credentials_are_told_at_the_start(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(VideoError, match=r"S3 cannot be used: Unable to locate credentials\. Set AWS_ACCESS_KEY_ID"):
        opened()
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(VideoError, match=r"S3 cannot be used: The config profile \(nobody\) could not be found\. Set"):
        opened()


def test_a_bucket_that_is_removed_keeps_captures_in_the_spool(opened: Opened, s3: Any, notes: list[str]) -> None:
    spool = opened()
    s3.delete_bucket(Bucket="bucket")
    expected = fill(spool, range(2))
    wait_for(lambda: notes)
    time.sleep(0.3)  # more attempts, of which nothing is said
    (note,) = notes
    assert (
        "s3://bucket/some/where refuses captures: 404 NoSuchBucket The specified bucket does not exist. Allow" in note
        and "\n" not in note
    )
    s3.create_bucket(Bucket="bucket")
    wait_for(lambda: is_empty(spool))
    assert stored(s3) == expected


def test_who_may_only_write_can_start(opened: Opened, link: FaultyLink, s3: Any, notes: list[str]) -> None:
    """HeadBucket is forbidden with write permission only."""
    link.fault = lambda request, method: "403" if method == "HEAD" else ""
    expected = fill(opened(), range(1))
    wait_for(lambda: stored(s3) == expected)
    assert notes == []


def test_a_put_that_is_forbidden_will_be_so_for_long(link: FaultyLink, s3: Any) -> None:
    bucket = Bucket("s3://bucket", link.url)
    link.fault = lambda request, method: "403"
    with pytest.raises(RefusedError, match=r"s3://bucket refuses captures: 403\. Allow s3:PutObject"):
        bucket.put("a.jpg", b"a")


CHILD = """
import sys, time
from types import SimpleNamespace
import numpy as np
from facekit.video import VideoOptions
from facekit.video.captures.captures import Captures
from facekit.video.frames import Frame, Scene
options = VideoOptions(capture_to="s3://bucket/door", s3_endpoint=sys.argv[1])
captures = Captures(options, SimpleNamespace(name="Camera 0", is_live=True))
picture = np.zeros((48, 64, 3), np.uint8)
for number in range(8):
    captures.take(Scene(Frame(number, number / 30, picture, time.monotonic()), ()), picture)
while len(list(captures._store.folder.glob("[!.]*.json"))) < 8:
    time.sleep(0.01)
print("full", flush=True)
time.sleep(60)
"""


def test_what_a_killed_process_captured_is_sent_at_the_next_start(
    link: FaultyLink, s3: Any, notes: list[str], child: Callable[..., Any]
) -> None:
    link.stop()
    process = child(CHILD, link.url)
    process.kill()
    process.wait()
    link.start()
    with Captures(VideoOptions(capture_to="s3://bucket/door", s3_endpoint=link.url), CAMERA):
        wait_for(lambda: len(stored(s3)) == 16)
    captures = [json.loads(content) for name, content in stored(s3).items() if name.endswith(".json")]
    assert [about["frame"] for about in captures] == list(range(8)) and notes == []
    assert {f"door/{about['picture']}" for about in captures} < stored(s3).keys()

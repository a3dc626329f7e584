"""face_demo.py when something is wrong: bad inputs, wrong options, full disks, interrupts."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from checkout import ROOT, Script
from PIL import Image

DEMO = ROOT / "demo_images"

pytestmark = pytest.mark.usefixtures("working_folder")


def bomb(path: Path, side: int = 20_000) -> None:
    """A PNG that says it has 400 million pixels."""
    Image.new("1", (1, 1)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)


def bad_inputs() -> list[tuple[str, str]]:
    """Photographs that cannot be used, and what is said of them."""
    Path("folder").mkdir()
    Path("text.jpg").write_text("no picture", encoding="utf-8")
    Path("empty.jpg").touch()
    content = (DEMO / "astronaut.jpg").read_bytes()
    Path("cut.jpg").write_bytes(content[: len(content) // 2])
    bomb(Path("bomb.png"))
    return [
        ("folder", "A folder must hold pictures"),
        ("missing.jpg", "A picture must exist"),
        ("*.tif", "A picture must exist"),
        ("text.jpg", "A picture must be a JPEG, PNG, WebP"),
        ("empty.jpg", "A picture must not be empty"),
        ("cut.jpg", "A picture must be whole and readable"),
        ("bomb.png", "A picture may have at most 120 million pixels"),
    ]


def odd_but_good(nobody: Path) -> list[str]:
    """Photographs of every kind that Pillow reads."""
    with Image.open(nobody) as image:
        for mode in ("L", "RGBA", "P", "1", "LA"):
            image.convert(mode).save(f"{mode}.png")
        image.convert("CMYK").save("CMYK.jpg")
        image.save("animated.gif", save_all=True, append_images=[image.rotate(90)])
        image.resize((1, 1)).save("one.png")
    Image.fromarray(np.arange(3000, dtype=np.uint16).reshape(50, 60) * 20).save("16.png")
    return ["L.png", "RGBA.png", "P.png", "1.png", "LA.png", "CMYK.jpg", "animated.gif", "one.png", "16.png"]


def test_bad_inputs_are_one_line_each_and_the_rest_is_done(demo: Script, nobody: Path) -> None:
    bad = bad_inputs()
    good = odd_but_good(nobody)
    status, out, err = demo(*(name for name, _ in bad), *good, "--json", "faces.json")
    entries = json.loads(Path("faces.json").read_text(encoding="utf-8"))
    lines = out.splitlines()[1:-1]
    assert status == 0 and err == ""
    assert len(lines) == len(entries) == len(bad) + len(good)
    for line, entry, (name, message) in zip(lines, entries, bad, strict=False):
        assert entry["path"] == name and entry["error"].startswith(message) and "\n" not in entry["error"]
        assert line.startswith(name) and f"  error: {message}" in line
    for line, entry, name in zip(lines[len(bad) :], entries[len(bad) :], good, strict=True):
        assert entry["path"] == name and entry["faces"] == []
        assert line == f"{name:{lines[0].index('  error')}}  no face found"
    assert len(os.listdir("demo_output")) == len(good)


def test_nothing_readable_fails(demo: Script) -> None:
    bad = bad_inputs()
    status, out, err = demo(*(name for name, _ in bad), "--quiet", "--json", "faces.json")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == len(bad)
    for line, (_, message) in zip(err.splitlines(), bad, strict=True):
        assert line.startswith(f"error: {message}")
    assert len(json.loads(Path("faces.json").read_text(encoding="utf-8"))) == len(bad)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_names_that_are_no_utf8(demo: Script, nobody: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xe4\xb8\xad.png")
    shutil.copy(nobody, name)
    status, out, _ = demo(name, "--json", "faces.json", "--csv", "faces.csv")
    assert status == 0 and "caf\\udce9" in out
    assert json.loads(Path("faces.json").read_text(encoding="ascii"))[0]["path"] == name
    assert os.fsencode(name) in Path("faces.csv").read_bytes()
    assert os.listdir("demo_output") == [name]


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (
            ["--detector", "hug"],
            2,
            "Unknown detector: 'hug'. Did you mean 'hog'? Known: blazeface, cnn, hog, whole_image.",
        ),
        (["--landmarks", "7"], 2, "Unknown number of landmarks: '7'. Known: 5, 68."),
        (["--heads", "age,gendre"], 2, "Unknown head: 'gendre'. Did you mean 'gender'? Known: age, gender, race."),
        (["--heads", ","], 2, "Name at least one head. Received none. Choose from age, gender, race."),
        (["--language", "cn"], 2, "Unknown language: 'cn'. Known: en, zh."),
        (["--min-face", "0"], 2, "min_face must be at least 1 pixel. Received: 0. Leave it out for the default (--min"),
        (["--min-score", "-2"], 2, "min_score must be at least -1. Received: -2. Leave it out for the default (--min"),
        (["--min-face", "big"], 2, "argument --min-face: invalid int value: 'big'"),
        (["--weights", "none.h5"], 1, "No weights file none.h5. Train one, or name another (--weights)."),
        (["--weights", "text.jpg"], 1, "text.jpg is damaged or not a weights file. Fetch or train it again."),
        (["--output", "text.jpg/drawn"], 1, "Cannot make the folder text.jpg/drawn: "),
        (["--csv", "text.jpg/faces.csv"], 1, "Cannot write text.jpg/faces.csv: "),
    ],
)
def test_face_demo_refuses(options: list[str], status: int, message: str, demo: Script, nobody: Path) -> None:
    Path("text.jpg").write_text("no picture", encoding="utf-8")
    Path("faces.json").write_text("earlier", encoding="utf-8")
    got, _, err = demo(nobody, "--quiet", "--json", "faces.json", *options)
    assert got == status
    assert err.startswith(f"error: {message}") and err.count("\n") == 1
    if options[0] != "--csv":  # what stops everything leaves earlier results as they are
        assert Path("faces.json").read_text(encoding="utf-8") == "earlier"


@pytest.mark.parametrize("option", ["--json", "--csv"])
def test_a_photograph_is_not_replaced_by_a_table(option: str, demo: Script, nobody: Path) -> None:
    content = nobody.read_bytes()
    Path("photo.png").write_bytes(content)
    status, _, err = demo(".", option, "./photo.png")
    assert status == 2
    assert err == "error: ./photo.png is a photograph that is read, and would be lost. Choose another name.\n"
    assert Path("photo.png").read_bytes() == content


@pytest.mark.skipif(os.name != "posix", reason="Windows limits no file sizes")
def test_full_disk(demo: Script) -> None:
    """A limit of the size of files stands for the disk."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        status, out, _ = demo(DEMO / "astronaut.jpg", "--json", "faces.json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "error: Cannot write demo_output/astronaut.jpg: File too large. Free some space or choose another" in out
    assert len(json.loads(Path("faces.json").read_text(encoding="utf-8"))[0]["faces"]) == 1  # small enough
    assert os.listdir("demo_output") == [] and status == 0  # the estimates are written down


@pytest.mark.skipif(os.name != "posix", reason="Windows sends no such signal")
def test_interrupted_demo_keeps_what_is_done(tiny_weights: Path, nobody: Path, working_folder: Path) -> None:
    command = [sys.executable, str(ROOT / "face_demo.py"), *[str(nobody)] * 3000]
    command += ["--weights", str(tiny_weights), "--json", "faces.json"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    for _ in range(5):
        running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (130, "error: interrupted\n")
    entries = json.loads((working_folder / "faces.json").read_text(encoding="utf-8"))
    assert 3 <= len(entries) < 3000  # all but the one that was just told
    assert not [name for name in os.listdir("demo_output") if name.startswith(".")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_full_disk_behind_stdout(tiny_weights: Path, nobody: Path) -> None:
    command = [sys.executable, str(ROOT / "face_demo.py"), str(nobody), "--weights", str(tiny_weights), "--json", "-"]
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: Cannot write to stdout: its disk is full."


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such pipes")
def test_reader_that_goes_away(tiny_weights: Path, nobody: Path) -> None:
    command = [sys.executable, str(ROOT / "face_demo.py"), *[str(nobody)] * 50, "--weights", str(tiny_weights)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None and running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.stderr.read() == ""
    running.stderr.close()
    assert running.wait(timeout=60) == 0

"""facekit.faces.images: what is read, what is refused and with which words, what is found and written."""

import contextlib
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from checkout import ROOT
from PIL import Image

from facekit.core.errors import PictureError
from facekit.faces.images import MAX_PIXELS, find_pictures, read_picture, save_picture

RAMP = np.linspace(0, 255, 20 * 30).reshape(20, 30).astype(np.uint8)  # (20, 30)
COLOURS = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=-1)


def png_of_size(path: Path, width: int, height: int) -> Path:
    """A PNG that says it has this size, and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def test_rgb_is_read_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), content, Image.fromarray(COLOURS), COLOURS):
        picture = read_picture(source)
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, COLOURS)


FORMATS = {
    "png": ["L", "1", "P", "LA", "RGBA"],
    "jpg": ["L", "CMYK"],
    "tif": ["L", "1", "P", "LA", "RGBA", "PA", "CMYK", "YCbCr"],
    "gif": ["L", "1", "P", "LA", "RGBA"],
    "webp": ["L", "RGBA"],
}


@pytest.mark.parametrize(("suffix", "mode"), [(suffix, mode) for suffix, modes in FORMATS.items() for mode in modes])
def test_every_mode_becomes_rgb(suffix: str, mode: str, tmp_path: Path) -> None:
    Image.fromarray(COLOURS).convert(mode).save(tmp_path / f"a.{suffix}")
    picture = read_picture(tmp_path / f"a.{suffix}")
    assert picture.shape == (20, 30, 3)
    assert picture.dtype == np.uint8
    # GIF dithers: compare what is left of the colours after averaging.
    expected = COLOURS if mode in ("CMYK", "YCbCr", "RGBA", "P") else np.asarray(Image.fromarray(COLOURS).convert("L"))
    assert abs(float(picture.mean()) - float(expected.mean())) < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation: int, tmp_path: Path) -> None:
    upright = np.repeat(np.repeat(np.array([[10, 90, 170], [50, 130, 210]], np.uint8), 16, 0), 16, 1)
    # How the camera stored what `orientation` turns upright again.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: np.rot90(upright.T, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.jpg", exif=exif, quality=95)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.shape == (32, 48, 3)
    assert np.abs(picture[..., 0].astype(int) - upright).max() < 8


BROKEN_EXIF = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x12\x01"


@pytest.mark.filterwarnings(r"ignore:::PIL\.")  # pytest hides the module's own filter
def test_broken_exif_does_not_matter(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.jpg", exif=BROKEN_EXIF)
    assert read_picture(tmp_path / "a.jpg").shape == (20, 30, 3)


def test_warnings_of_pillow_are_not_printed_in_any_thread(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.jpg", exif=BROKEN_EXIF)
    code = """if True:
        import sys, warnings
        from concurrent.futures import ThreadPoolExecutor
        from facekit.faces.images import read_picture
        before = list(warnings.filters)
        with ThreadPoolExecutor(4) as pool:
            shapes = set(pool.map(lambda _: read_picture(sys.argv[1]).shape, range(50)))
        print(shapes, warnings.filters == before)
    """
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "a.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("{(20, 30, 3)} True\n", "")


@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_sixteen_bit_grey_is_scaled(mode: str, tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16 if mode == "I;16" else np.int32)
    for suffix in (".png", ".tif") if mode == "I;16" else (".tif",):
        Image.fromarray(deep).save(tmp_path / f"a{suffix}")
        picture = read_picture(tmp_path / f"a{suffix}")
        np.testing.assert_allclose(picture[..., 1], deep / 257, atol=1)


def test_transparency_lies_over_white(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = (200, 0, 0, 255)
    pixels[1, 1] = (0, 0, 0, 128)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").tolist() == [[[200, 0, 0], [255] * 3], [[255] * 3, [127] * 3]]
    palette = Image.new("P", (1, 1), 0)
    palette.putpalette([9, 9, 9])
    palette.save(tmp_path / "b.png", transparency=0)
    assert read_picture(tmp_path / "b.png").tolist() == [[[255, 255, 255]]]


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_picture(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


def test_one_pixel_is_a_picture(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").tolist() == [[[1, 2, 3]]]


@pytest.mark.filterwarnings(r"ignore:::PIL\.")  # pytest hides the module's own filter
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.jpg", r"must exist\. Received: .*missing\.jpg\. Check the name"),
        ("empty.jpg", r"must not be empty\. Received: .*empty\.jpg of 0 bytes\."),
        ("text.jpg", r"JPEG, PNG, WebP .* Received: .*text\.jpg, which is none of these\. Save it as"),
        ("cut.jpg", r"whole and readable\. Received: .*cut\.jpg: .*truncated.*\. Copy or download"),
        ("cut.png", r"whole and readable\. Received: .*cut\.png: .*\. Copy or download"),
        ("none", r"folder must hold pictures .*\.jpg.* Received: .*none, which has none\."),
        ("some", r"must be a file\. Received: the folder .*some\. Name a picture"),
        ("float.tif", r"8 or 16 bits a channel\. Received: .*float\.tif of mode F .*Save it as"),
        ("bomb.png", r"at most 120 million pixels\. Received: .*bomb\.png with 400000000 pixels\. Make it smaller"),
        ("large.png", r"at most 120 million pixels\. Received: .*large\.png with 12001x10000 pixels\. Make it smaller"),
        ("nul\0.jpg", r"must exist"),
        ("x" * 300, r"must exist"),
    ],
)
def test_bad_files_are_refused_in_one_line(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("a letter")
    (tmp_path / "none").mkdir()
    (tmp_path / "some").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    for suffix in (".jpg", ".png"):
        Image.fromarray(noise).save(tmp_path / "some" / f"whole{suffix}")
        whole = (tmp_path / "some" / f"whole{suffix}").read_bytes()
        (tmp_path / f"cut{suffix}").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.full((2, 2), 0.5, np.float32)).save(tmp_path / "float.tif")
    png_of_size(tmp_path / "bomb.png", 20_000, 20_000)
    png_of_size(tmp_path / "large.png", 12_001, 10_000)
    with pytest.raises(PictureError, match=words) as caught:
        read_picture(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_the_limit_itself_is_not_refused_for_its_size(tmp_path: Path) -> None:
    assert MAX_PIXELS == 12_000 * 10_000
    with pytest.raises(PictureError, match="whole and readable"):
        read_picture(png_of_size(tmp_path / "a.png", 12_000, 10_000))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (COLOURS / 255, r"RGB uint8\. Received: dtype=float64\. Convert it: \(255"),
        (COLOURS.astype(np.int64), r"RGB uint8\. Received: dtype=int64"),
        (RAMP, r"\(height, width, 3\)\. Received: shape=\(20, 30\)"),
        (np.zeros((5, 5, 4), np.uint8), r"Received: shape=\(5, 5, 4\)"),
        (np.zeros((0, 5, 3), np.uint8), r"Received: shape=\(0, 5, 3\)"),
        ([1, 2], "Received: list"),
        (b"a letter", r"JPEG, PNG, WebP .* Received: the bytes given, which is none of these"),
    ],
)
def test_bad_arrays_are_refused(array: np.ndarray, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        read_picture(array)


def test_find_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.JPG", "a.png", "notes.txt", "._a.png", "in/deep/c.jpeg", "in/[d].webp", "empty/x.csv"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()

    def found(*names: str) -> list[str]:
        return [path.as_posix() for path in find_pictures(names)]

    assert found(".") == ["a.png", "b.JPG"]
    assert found("in") == ["in/[d].webp"]
    assert found("b.JPG", "notes.txt", "a.png") == ["b.JPG", "notes.txt", "a.png"]
    assert found("*") == ["a.png", "b.JPG"]
    assert found("**/*.jp*g", "a.png") == ["in/deep/c.jpeg", "a.png"]
    assert found("**") == ["a.png", "b.JPG", "in/[d].webp", "in/deep/c.jpeg"]
    assert found("in/[d].webp") == ["in/[d].webp"]
    # What cannot be taken stays in its place; reading it tells why, and the others are done.
    assert found("gone.jpg", "empty", "*.bmp", "a.png") == ["gone.jpg", "empty", "*.bmp", "a.png"]
    for name in ("gone.jpg", "empty", "*.bmp"):
        with pytest.raises(PictureError, match=r"must exist|which has none"):
            read_picture(name)


def test_find_pictures_in_subfolders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "z.png",
        "b/a.png",
        "b/c/d.jpg",
        "a b/é.png",
        ".hidden/h.png",
        "out/o.png",
        "b/out/o.png",
        "b/x/x.png",
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("empty/below").mkdir(parents=True)
    with contextlib.suppress(OSError):  # Windows may not allow links
        Path("b/loop").symlink_to("..", target_is_directory=True)

    def found(*names: str) -> list[str]:
        return [path.as_posix() for path in find_pictures(names, recursive=True, skipped=["./out", "b/x"])]

    assert found(".") == ["z.png", "a b/é.png", "b/a.png", "b/c/d.jpg", "b/out/o.png"]
    assert found("b", "z.png") == ["b/a.png", "b/c/d.jpg", "b/out/o.png", "z.png"]
    assert found("out", ".hidden") == ["out/o.png", ".hidden/h.png"]  # what is named itself is searched
    assert found("empty") == ["empty"]
    for name, hint in (("empty", r" Its subfolders are searched only if recursive is set\."), ("empty/below", "")):
        with pytest.raises(PictureError, match=rf"Received: {name}, which has none\.{hint}$"):
            read_picture(name)


@pytest.mark.skipif(sys.platform == "win32", reason="Pillow's wheels for Windows keep the library's messages")
def test_damaged_files_print_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    for name, mode, options in (
        ("fax.tif", "1", {"compression": "group4"}),
        ("jpeg.tif", "RGB", {"compression": "jpeg"}),
        ("zip.tif", "RGB", {"compression": "tiff_adobe_deflate"}),
        ("plain.jpg", "RGB", {}),
    ):
        noise.convert(mode).save(tmp_path / name, **options)
        content = bytearray((tmp_path / name).read_bytes())
        for place in range(len(content) // 3, 2 * len(content) // 3, 7):
            content[place] = 0xFF
        with contextlib.suppress(PictureError):
            read_picture(bytes(content))
    assert capfd.readouterr() == ("", "")


def test_a_closed_folder_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    for recursive in (False, True):
        assert find_pictures([str(tmp_path), "a.png"], recursive=recursive) == [tmp_path, Path("a.png")]
    with pytest.raises(PictureError, match=r"Cannot list the folder .*: Permission denied\."):
        read_picture(tmp_path)


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png"])
def test_save_picture(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"a{suffix}"
    save_picture(COLOURS, path)
    assert np.abs(read_picture(path).astype(int) - COLOURS).mean() < (0.01 if suffix == ".png" else 4)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_save_picture_refuses_other_suffixes(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"written as \.jpg, \.jpeg, \.png\. Received: .*a\.gif\."):
        save_picture(COLOURS, tmp_path / "a.gif")


def test_save_picture_tells_why_it_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PictureError, match=r"Cannot write .*a\.png: (File exists|Not a directory)"):
        save_picture(COLOURS, tmp_path / "file" / "a.png")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(PictureError, match=r"Cannot write .*a\.png: No space left on device\. Free some space"):
        save_picture(COLOURS, tmp_path / "a.png")
    assert not list(tmp_path.glob("*a*"))

"""Files and folders: every frame upright, with exact times and colours; errors of one line."""

import contextlib
import io
import os
import threading
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from films import NTSC, difference, film, pictures
from PIL import Image

from facekit.core.errors import VideoError
from facekit.faces.images import Picture, save_picture
from facekit.video.frames import Frame
from facekit.video.sources import open_source
from facekit.video.sources.source import Source, plausible_rate


def read(path: Path) -> tuple[list[Frame], Source, list[str]]:
    """Reads a source: its frames, the closed source, and its notes."""
    with contextlib.redirect_stderr(io.StringIO()) as notes, open_source(path) as source:
        frames = list(source)
    return frames, source, notes.getvalue().splitlines()


# Files


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "most"),  # most: by how much colours may differ, of 255
    [
        ("film.mp4", "libx264", "yuv420p", 5),
        ("film.mp4", "libx264", "yuv420p10le", 5),
        ("film.mkv", "mpeg4", "yuv420p", 6),
        ("film.avi", "mjpeg", "yuvj420p", 7),
        ("film.avi", "libx264", "yuv420p", 5),  # whose frames come in another order
        ("film.mov", "png", "rgb24", 0),
        ("film.mov", "png", "rgba", 0),
        ("film.ts", "mpeg2video", "yuv422p", 6),
        ("film.webm", "libvpx-vp9", "yuva420p", 6),
    ],
)
def test_every_frame_of_a_file_is_read(name: str, codec: str, pixels: str, most: float, tmp_path: Path) -> None:
    path = film(tmp_path / name, pictures(), codec=codec, pixels=pixels)
    frames, source, notes = read(path)
    assert (source.name, source.is_live, source.rate, source.size, notes) == (str(path), False, NTSC, (320, 240), [])
    assert source.n_frames in (12, None)
    assert source.duration == pytest.approx(float(12 / NTSC), abs=0.04)
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == pytest.approx([float(n / NTSC) for n in range(12)], abs=1.1e-3)
    for frame, picture in zip(frames, pictures(), strict=True):
        assert frame.picture.dtype == np.uint8 and frame.picture.flags.c_contiguous
        assert difference(frame.picture, picture) <= most


@pytest.mark.parametrize("turned", [90, 180, -90])
def test_a_film_is_turned_upright(turned: int, tmp_path: Path) -> None:
    frames, source, _ = read(film(tmp_path / "film.mp4", pictures(), turned=turned))
    upright = np.rot90(pictures()[3], turned // 90)
    assert source.size == (upright.shape[1], upright.shape[0])
    assert difference(frames[3].picture, upright) < 5


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_uneven_times_are_kept(name: str, tmp_path: Path) -> None:
    times = [0.5, 0.54, 0.55, 0.7, 2.2, 2.21]  # seconds; the first one is where the source begins
    frames, _, _ = read(film(tmp_path / name, pictures(6), times=times))
    assert [frame.time for frame in frames] == pytest.approx([time - 0.5 for time in times], abs=1.1e-3)


def test_frames_without_times_follow_the_rate(tmp_path: Path) -> None:
    frames, source, _ = read(film(tmp_path / "film.h264", pictures()))
    assert [frame.time for frame in frames] == pytest.approx([float(n / source.rate) for n in range(12)])


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    frames, source, _ = read(film(tmp_path / "film.mp4", pictures(), shape=Fraction(16, 15)))
    assert source.size == (341, 240)
    wide = np.asarray(Image.fromarray(pictures()[0]).resize((341, 240)))
    assert difference(frames[0].picture, wide) < 6


def test_a_film_whose_size_changes_keeps_the_first(tmp_path: Path) -> None:
    large = pictures(45)
    small = [np.ascontiguousarray(picture[::2, ::2]) for picture in large]
    first, second = film(tmp_path / "1.ts", large), film(tmp_path / "2.ts", small)
    (tmp_path / "film.ts").write_bytes(first.read_bytes() + second.read_bytes())
    frames, source, _ = read(tmp_path / "film.ts")
    assert (len(frames), source.size) == (90, (320, 240))
    assert {frame.picture.shape for frame in frames} == {(240, 320, 3)}
    assert difference(frames[-1].picture, large[-1]) < 20
    # The second one's clock begins anew.
    assert [frame.time for frame in frames] == pytest.approx([float(n / NTSC) for n in range(90)])


def test_a_later_part_of_another_shape_gets_borders(tmp_path: Path) -> None:
    first, second = film(tmp_path / "1.ts", pictures(9)), film(tmp_path / "2.ts", pictures(9, (240, 320)))
    (tmp_path / "film.ts").write_bytes(first.read_bytes() + second.read_bytes())
    frames, _, _ = read(tmp_path / "film.ts")
    assert (len(frames), frames[-1].picture.shape) == (18, (240, 320, 3))
    assert not frames[-1].picture[:, :70].any()
    assert (
        difference(
            frames[-1].picture[:, 70:250], np.asarray(Image.fromarray(pictures(9, (240, 320))[-1]).resize((180, 240)))
        )
        < 8
    )


@pytest.mark.parametrize("kind", ["film", "folder"])
def test_each_nth_frame_keeps_its_time(kind: str, tmp_path: Path) -> None:
    if kind == "film":
        path, rate = film(tmp_path / "film.mp4", pictures()), NTSC
    else:
        path, rate = tmp_path, Fraction(25)
        for number, picture in enumerate(pictures()):
            save_picture(picture, tmp_path / f"{number}.png")
    with open_source(path) as source:
        source.keep_each(5)
        frames = list(source)
    assert (source.rate, source.n_frames) == (rate / 5, 3)
    assert [frame.index for frame in frames] == [0, 5, 10]
    assert [frame.time for frame in frames] == pytest.approx([float(n / rate) for n in (0, 5, 10)])
    assert difference(frames[2].picture, pictures()[10]) < 5


def test_colours_are_right_with_and_without_marks(tmp_path: Path) -> None:
    steps = np.array([0, 128, 255], np.uint8)
    chart = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(1, 27, 3)
    chart = np.broadcast_to(chart.repeat(48, axis=1), (720, 1296, 3))
    for marked in (True, False):  # without a mark, films of high definition are BT.709
        path = tmp_path / f"{marked}.mp4"
        with av.open(str(path), "w") as file:
            stream = file.add_stream("libx264", rate=25, options={"preset": "ultrafast", "qp": "4"})
            stream.width, stream.height, stream.pix_fmt = 1296, 720, "yuv420p"
            if marked:
                stream.codec_context.colorspace = 1
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(chart), "rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.colorspace = 1 if marked else 2
            file.mux(stream.encode(frame))
            file.mux(stream.encode())
        (got,), _, _ = read(path)
        assert np.abs(got.picture[300, 24::48].astype(int) - chart[300, 24::48]).max() <= 5


def test_8k_is_read(tmp_path: Path) -> None:
    plain = np.full((4320, 7680, 3), 90, np.uint8)
    path = film(tmp_path / "film.mp4", [plain], codec="mjpeg", pixels="yuvj420p")
    with open_source(path) as source:
        assert source.size == (7680, 4320)
        assert next(iter(source)).picture.shape == (4320, 7680, 3)


def test_it_stops(tmp_path: Path) -> None:
    stop = threading.Event()
    with open_source(film(tmp_path / "film.mp4", pictures()), stop=stop) as source:
        for frame in source:
            if frame.index == 4:
                stop.set()
    assert frame.index == 4


# Damaged files


def spoil(path: Path, *places: float) -> Path:
    """Writes noise over 3000 bytes at these shares of the file."""
    content = bytearray(path.read_bytes())
    for place in places:
        start = int(place * len(content))
        content[start : start + 3000] = np.random.default_rng(0).integers(0, 256, 3000, np.uint8).tobytes()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("name", "codec"), [("film.mp4", "libx264"), ("film.mkv", "mpeg4"), ("film.ts", "libx264")])
def test_damage_in_the_middle_is_skipped_and_told(name: str, codec: str, tmp_path: Path) -> None:
    path = spoil(film(tmp_path / name, pictures(90), codec=codec, options={"g": "10"}), 0.3, 0.6)
    frames, _, notes = read(path)
    assert 45 < len(frames) <= 90  # Matroska looks for the next second or so
    assert frames[-1].time == pytest.approx(float(89 / NTSC), abs=0.04)  # what remains keeps its time
    assert difference(frames[-1].picture, pictures(90)[-1]) < 12
    assert len(notes) == 1
    assert notes[0].startswith(f"{path} is damaged in ") and notes[0].endswith("; the rest was read.")


def n_frames_of_half(path: Path, match: str) -> int:
    """Cuts a file in half, and returns how many frames it gives before the error."""
    os.truncate(path, path.stat().st_size // 2)
    frames = []
    with open_source(path) as source, pytest.raises(VideoError, match=match):
        for frame in source:
            frames.append(frame)
    return len(frames)


@pytest.mark.parametrize("name", ["film.avi", "film.mp4"])
def test_a_file_that_ends_too_early_gives_what_it_has_and_then_tells(name: str, tmp_path: Path) -> None:
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    path = film(tmp_path / name, pictures(40), codec="mjpeg", pixels="yuvj420p", container=options)
    assert 15 <= n_frames_of_half(path, r"cut off: it ends after \d+ of 40 frames") <= 21


def test_a_film_that_was_shortened_afterwards_is_whole(tmp_path: Path) -> None:
    with (
        av.open(str(film(tmp_path / "film.mp4", pictures(60)))) as whole,
        av.open(str(tmp_path / "short.mp4"), "w", options={"avoid_negative_ts": "disabled"}) as file,
    ):
        copy = file.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None:  # an edit list hides what comes before 0
                packet.pts, packet.dts = packet.pts - 30030, packet.dts - 30030
                packet.stream = copy
                file.mux(packet)
    frames, source, notes = read(tmp_path / "short.mp4")
    assert (len(frames), source.n_frames, notes) == (30, 30, [])
    assert difference(frames[0].picture, pictures(60)[30]) < 5


def test_a_file_that_announces_seconds_only_is_told_in_a_note(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", pictures(60), codec="mjpeg", pixels="yuvj420p")
    os.truncate(path, path.stat().st_size // 2)
    frames, _, notes = read(path)
    assert 25 <= len(frames) <= 31
    assert notes[-1] == f"{path} ends after {len(frames) / float(NTSC):.1f} of 2.0 s: it may be cut off."


def unreadable(kind: str, folder: Path) -> Path:
    path = folder / "bad.mp4"
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("no video\n" * 50)
    elif kind == "no picture":
        path = folder / "bad.gif"
        path.write_text("no picture")
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(100_000))
    elif kind == "cut":
        os.truncate(film(path, pictures()), 2000)
    elif kind == "spoilt":
        path = spoil(film(folder / "bad.mkv", pictures(3, (64, 48)), codec="mjpeg", pixels="yuvj420p"), 0.15)
    elif kind == "sound":
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(8000))
    elif kind == "broken pictures":
        path.mkdir()
        (path / "1.jpg").write_bytes(b"none")
    elif kind == "stream":
        return Path("ftp://user:secret@host/film.mp4")
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "A video must exist, as a file or a camera. Received: {}. Check"),
        ("folder", "A folder must hold pictures (.jpg, .png, .webp ...). Received: {}, which has none."),
        ("broken pictures", "None of the 1 pictures in {} can be read."),
        ("empty", "{} is empty. Copy it again."),
        ("no picture", "A picture must be a JPEG, PNG, WebP or of another format that Pillow reads. Received: {},"),
        ("text", "{} has no pictures that can be read"),
        ("noise", "{} has no pictures that can be read"),
        ("cut", "{} has no pictures that can be read"),
        ("spoilt", "{} has no pictures that can be read"),
        ("sound", "{} has no pictures that can be read: it is no video, cut off, or sound only."),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(
    kind: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = unreadable(kind, tmp_path)
    with pytest.raises(VideoError) as caught:
        open_source(str(path))
    assert str(caught.value).startswith(message.format(path)) and "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


# Animated and still pictures


def animation(path: Path, milliseconds: list[int]) -> Path:
    first, *rest = (Image.fromarray(picture) for picture in pictures(len(milliseconds)))
    first.save(path, save_all=True, append_images=rest, duration=milliseconds, lossless=True)
    return path


@pytest.mark.parametrize(("suffix", "most"), [("gif", 3), ("webp", 0), ("png", 0)])
def test_an_animation_is_played_once_at_its_own_times(suffix: str, most: float, tmp_path: Path) -> None:
    path = animation(tmp_path / f"film.{suffix}", [200, 50, 0, 40])
    frames, source, notes = read(path)
    assert (source.name, source.is_live, source.rate, source.size, notes) == (str(path), False, 5, (320, 240), [])
    assert source.n_frames == 4
    assert [(frame.index, frame.time) for frame in frames] == [(0, 0), (1, 0.2), (2, 0.25), (3, 0.35)]  # 0 is 100 ms
    assert max(difference(frame.picture, picture) for frame, picture in zip(frames, pictures(), strict=False)) <= most


def test_a_still_picture_is_one_frame(tmp_path: Path) -> None:
    save_picture(pictures()[0], tmp_path / "still.png")
    frames, _, notes = read(tmp_path / "still.png")
    assert len(frames) == 1 and np.array_equal(frames[0].picture, pictures()[0])
    assert notes == [f"{tmp_path / 'still.png'} is a still picture: a video of one frame."]


def test_an_animation_that_is_cut_off_gives_what_it_has_and_then_tells(tmp_path: Path) -> None:
    path = animation(tmp_path / "film.gif", [50] * 6)
    assert 1 <= n_frames_of_half(path, r"cut off: it ends after \d of \d frames") <= 3


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything is open to this user")
def test_a_closed_file_is_told(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", pictures(2))
    path.chmod(0)
    with pytest.raises(VideoError, match=r"Cannot read .*film.mp4: Permission denied"):
        open_source(path)


# Folders


def test_a_folder_gives_its_pictures_in_natural_order_in_the_first_ones_size(tmp_path: Path) -> None:
    save_picture(pictures()[0], tmp_path / "frame 1.png")
    save_picture(np.full((480, 320, 3), 200, np.uint8), tmp_path / "frame 2.png")
    save_picture(pictures()[10], tmp_path / "frame 10.png")
    (tmp_path / "frame 3.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").touch()
    frames, source, notes = read(tmp_path)
    assert (source.rate, source.size, source.n_frames, source.is_live) == (25, (320, 240), 4, False)
    assert [(frame.index, frame.time) for frame in frames] == [(0, 0), (1, 0.04), (3, 0.12)]
    assert np.array_equal(frames[0].picture, pictures()[0]) and np.array_equal(frames[2].picture, pictures()[10])
    boxed: Picture = frames[1].picture
    assert boxed.shape == (240, 320, 3)
    assert (boxed[:, :80] == 0).all() and (boxed[:, 80:240] == 200).all() and (boxed[:, 240:] == 0).all()
    assert len(notes) == 1 and notes[0].startswith("Skipped: ") and "frame 3.jpg" in notes[0]


@pytest.mark.parametrize(
    ("rate", "believed"),
    [(0, 30), (None, 30), (1000, 30), (-1, 30), (Fraction(1, 2), Fraction(1, 2)), (29.97002997, NTSC), (25.0, 25)],
)
def test_rates_that_cannot_be_are_not_believed(rate: float | None, believed: Fraction) -> None:
    assert plausible_rate(rate) == believed

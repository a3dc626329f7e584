"""Files are written whole or not at all, and never over others."""

import os
import stat
from pathlib import Path

import pytest

from facekit.core.errors import FaceKitError, VideoError
from facekit.core.files import (
    PROJECT,
    atomic_path,
    cache_folder,
    make_folder,
    unused_path,
    writable_folder,
    write_text,
    writing,
)


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("half", encoding="utf-8")
        assert temporary.suffix == ".txt" and temporary.parent == target.parent
        assert not target.exists()
        temporary.write_text("whole", encoding="utf-8")
    assert target.read_text(encoding="utf-8") == "whole"
    assert os.listdir(target.parent) == ["file.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_text(str(tmp_path / "pipe"), "whole")
    assert os.read(reader, 100) == b"whole"
    os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode) and os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file.txt")
    write_text(str(tmp_path / "link"), "whole")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file.txt").read_text(encoding="utf-8") == "whole"


def test_a_failure_leaves_the_former_file(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("former", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt
    assert target.read_text(encoding="utf-8") == "former"
    assert os.listdir(tmp_path) == ["file.txt"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_files_get_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with atomic_path(tmp_path / "ours") as temporary:
        temporary.write_bytes(b"x")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_text_goes_to_a_file_or_to_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_text("-", "[1]\n")
    assert capsys.readouterr().out == "[1]\n"
    write_text(str(tmp_path / "text"), "é\udce9\n")  # the second letter stands for a byte that is no UTF-8
    assert (tmp_path / "text").read_bytes() == b"\xc3\xa9\xe9\n"


def test_text_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        FaceKitError, match=r"Cannot write .*file/text: (File exists|Not a directory)\. Free some space"
    ):
        write_text(str(tmp_path / "file" / "text"), "x")


def test_taken_names_get_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.b.jpg"
    assert unused_path(path) == path
    path.touch()
    assert unused_path(path) == tmp_path / "a.b-2.jpg"
    (tmp_path / "a.b-2.jpg").touch()
    assert unused_path(path) == tmp_path / "a.b-3.jpg"


def test_the_project_has_its_folders() -> None:
    for folder in ("face_weights", "fonts", "demo_images"):
        assert (PROJECT / folder).is_dir()


def test_cache_is_where_the_system_keeps_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("LOCALAPPDATA", "local")
    for system, folder in {"linux": Path.home() / ".cache", "darwin": Path.home() / "Library" / "Caches"}.items():
        monkeypatch.setattr("sys.platform", system)
        assert cache_folder() == folder / "facekit"
    monkeypatch.setattr("sys.platform", "win32")
    assert cache_folder() == Path("local/facekit")


def test_a_failed_write_is_one_line_that_names_the_argument() -> None:
    with pytest.raises(
        VideoError, match=r"^Cannot write a\.mp4: No space left on device\. Free some space or choose an"
    ) as error:
        with writing("a.mp4", VideoError, argument="output"):
            raise OSError(28, "No space left on device")
    assert error.value.argument == "output"
    with pytest.raises(KeyError), writing("a.mp4"):
        raise KeyError("not a failed write")


def test_folders_that_cannot_be_made_or_written_are_refused(tmp_path: Path) -> None:
    assert writable_folder(tmp_path / "a" / "b").is_dir() and os.listdir(tmp_path / "a" / "b") == []
    (tmp_path / "file").touch()
    for function in (make_folder, writable_folder):
        with pytest.raises(FaceKitError, match=r"^Cannot make the folder .*file/c: .*\. Choose another\.$") as error:
            function(tmp_path / "file" / "c", argument="output")
        assert error.value.argument == "output"

"""Picture files -> RGB uint8 (H, W, 3), upright; and back to a file."""

import contextlib
import ctypes
import glob
import io
import os
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError, _imaging

from facekit.core.errors import PictureError
from facekit.core.files import atomic_path, writing
from facekit.faces.batch import Picture as Picture

# Pillow warns of odd metadata and large pictures; what matters is raised as PictureError. The filter is set once, as
# `catch_warnings` changes the process's filters for all threads.
warnings.filterwarnings("ignore", module=r"PIL\.")


def _silence_libtiff() -> None:
    """Stops the C library that reads TIFF from printing to stderr; Pillow raises what matters.

    Only Pillow's copy of the library changes, once for the process: redirecting stderr around each picture would also
    lose what other threads write.
    """
    with contextlib.suppress(OSError, AttributeError):  # Pillow's wheels for Windows do not export these functions
        libtiff = ctypes.CDLL(_imaging.__file__)  # looks names up in the libraries that it was linked to, too
        libtiff.TIFFSetErrorHandler(None)
        libtiff.TIFFSetWarningHandler(None)


_silence_libtiff()

# Enough for the largest cameras; decoding takes 7 bytes a pixel, so far larger pictures would exhaust the memory.
MAX_PIXELS = 120_000_000

Item = str | Path | bytes | Image.Image | npt.NDArray[np.generic]  # what can be read as a picture

SUFFIXES = frozenset(
    ".avif .bmp .gif .jfif .jp2 .jpeg .jpg .mpo .pbm .pgm .png .pnm .ppm .tif .tiff .tga .webp".split()
)


def find_pictures(paths: Sequence[str], *, recursive: bool = False, skipped: Collection[str | Path] = ()) -> list[Path]:
    """Lists the picture files that files, folders and patterns name.

    Args:
        paths: names of files; folders, whose pictures are taken by suffix; and patterns such as "photos/**/*.jpg".
        recursive: whether to search the subfolders of each folder, except hidden ones and links to folders.
        skipped: folders that are not searched as subfolders, such as that of the drawn pictures.

    Returns:
        Files in the order given, sorted within each folder and pattern. A name that is missing or has no picture stays
        in the list, so that `read_picture` reports it in its turn.
    """
    found: list[Path] = []
    for name in paths:
        pictures: list[Path] = []
        if os.path.isdir(name):
            for folder in _folders_in(Path(name), skipped) if recursive else [Path(name)]:
                try:
                    pictures += _pictures_in(folder)
                except PictureError:  # reported when the folder is read as a picture
                    pictures.append(folder)
        elif not os.path.exists(name) and glob.has_magic(name):
            pictures = sorted(filter(_looks_like_picture, map(Path, glob.glob(name, recursive=True))))
        found += pictures or [Path(name)]
    return found


def read_picture(source: Item) -> Picture:
    """Reads a picture, turned upright by its EXIF orientation. Any thread may call it.

    Transparency is laid over white, 16-bit grey is scaled to 8 bit, and the first frame of an animation is taken.

    Args:
        source: a file, the content of one, a Pillow image, or an RGB uint8 array (H, W, 3), which is checked and
            returned.

    Returns:
        RGB uint8 (H, W, 3), possibly read-only.

    Raises:
        PictureError: no picture, a damaged one, one of more than MAX_PIXELS, or an array of another kind.
    """
    if isinstance(source, np.ndarray):
        return _checked(source)
    if isinstance(source, bytes):
        return decode_picture(source, "the bytes given")
    if isinstance(source, Image.Image):
        name = str(getattr(source, "filename", "")) or "a Pillow image"
        with _clear_errors(name):
            return _rgb(source, name)
    if not isinstance(source, str | Path):
        raise PictureError(
            f"A picture must be a path, bytes, a Pillow image or an RGB array. Received: {type(source).__name__}."
        )
    _check_file(Path(source))
    with _clear_errors(str(source)), Image.open(source) as image:
        return _rgb(image, str(source))


def count_pixels(source: Item) -> int:
    """Returns the number of pixels of a picture, as its header says; 0 where that cannot be told without reading it."""
    if isinstance(source, np.ndarray):
        return source.size // 3
    if isinstance(source, Image.Image):
        return source.width * source.height
    if isinstance(source, str | Path) and not os.path.isfile(source):  # a pipe can be read once
        return 0
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return image.width * image.height
    except Exception:  # reported when the picture is read
        return 0


def save_picture(picture: Picture, path: str | Path) -> None:
    """Writes a picture whole or not at all.

    Args:
        picture: RGB uint8 (H, W, 3).
        path: its suffix says the format: .jpg and .jpeg (quality 92) or .png. Missing folders are made.

    Raises:
        PictureError: another suffix, or the picture cannot be written.
    """
    path = Path(path)
    options = {".jpg": {"quality": 92, "subsampling": 0}, ".jpeg": {"quality": 92, "subsampling": 0}, ".png": {}}
    if path.suffix.lower() not in options:
        raise PictureError(f"Pictures are written as {', '.join(options)}. Received: {path}. Choose one of these.")
    encoded = io.BytesIO()  # in memory first: when Pillow writes to the file itself, it hides why that failed
    form = "PNG" if path.suffix.lower() == ".png" else "JPEG"
    try:
        Image.fromarray(picture).save(encoded, form, **options[path.suffix.lower()])
    except (OSError, ValueError) as error:  # e.g. a side too long for JPEG
        raise PictureError(f"Cannot write {path}: {error}. Choose another format.") from error
    with writing(path, PictureError), atomic_path(path) as temporary:
        temporary.write_bytes(encoded.getbuffer())


def _looks_like_picture(path: Path) -> bool:
    # Hidden files are no photographs: macOS puts ._name.jpg beside name.jpg on foreign disks.
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and os.path.isfile(path)


def _folders_in(folder: Path, skipped: Collection[str | Path]) -> Iterator[Path]:
    """Yields a folder and all subfolders in order of their names, without hidden ones, links and those skipped."""
    avoided = {os.path.realpath(path) for path in skipped}
    pending = [folder]
    while pending:
        yield (folder := pending.pop())
        pending += (path for path in reversed(_subfolders(folder)) if os.path.realpath(path) not in avoided)


def _subfolders(folder: Path) -> list[Path]:
    """Lists the folders in a folder, without hidden ones and links."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:  # the error is reported by _pictures_in
        return sorted(Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name[0] != ".")
    return []


def _pictures_in(folder: Path) -> list[Path]:
    try:
        return sorted(filter(_looks_like_picture, folder.iterdir()))
    except OSError as error:
        raise PictureError(f"Cannot list the folder {folder}: {error.strerror}. Check its permissions.") from error


def decode_picture(content: bytes, name: str) -> Picture:
    """Reads a picture from the content of its file, as `read_picture` does; `name` is for the error."""
    with _clear_errors(name), Image.open(io.BytesIO(content)) as image:
        return _rgb(image, name)


def _checked(array: npt.NDArray[np.generic]) -> Picture:
    if array.dtype != np.uint8:
        hint = "Convert it: (255 * array).astype('uint8') if it is 0..1." if array.dtype.kind == "f" else "Convert it."
        raise PictureError(f"An array must be RGB uint8. Received: dtype={array.dtype}. {hint}")
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise PictureError(
            f"An array must be RGB, shape (height, width, 3). Received: shape={array.shape}. "
            "Convert it, for instance with PIL.Image.fromarray(array).convert('RGB')."
        )
    return np.ascontiguousarray(array, dtype=np.uint8)


def _check_file(path: Path) -> None:
    """Reports the most common mistakes more clearly than Pillow does."""
    if os.path.isdir(path):  # os.path, as pathlib's questions raise where a folder is closed to us
        if _pictures_in(path):
            raise PictureError(f"A picture must be a file. Received: the folder {path}. Name a picture in it.")
        hint = " Its subfolders are searched only if recursive is set." if _subfolders(path) else ""
        raise PictureError(
            f"A folder must hold pictures (.jpg, .png, .webp ...). Received: {path}, which has none.{hint}"
        )
    if not os.path.exists(path):
        raise PictureError(f"A picture must exist. Received: {path}. Check the name, and the folder you are in.")
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        raise PictureError(f"A picture must not be empty. Received: {path} of 0 bytes. Copy or download it again.")


@contextlib.contextmanager
def _clear_errors(name: str) -> Iterator[None]:
    """Turns whatever a broken file makes Pillow raise into one PictureError."""
    try:
        yield
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            "A picture must be a JPEG, PNG, WebP or of another format that Pillow reads. "
            f"Received: {name}, which is none of these. Save it as JPEG or PNG."
        ) from error
    except Image.DecompressionBombError as error:  # far above MAX_PIXELS: Pillow refuses before we see the size
        pixels = re.search(r"\d+", str(error))
        raise PictureError(_too_large(name, f"{pixels[0]} pixels" if pixels else "more")) from error
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error and more on broken files
        reason = str(getattr(error, "strerror", None) or error or type(error).__name__).splitlines()[0]
        raise PictureError(
            f"A picture must be whole and readable. Received: {name}: {reason}. Copy or download it again."
        ) from error


def _too_large(name: str, size: str) -> str:
    limit = f"{MAX_PIXELS // 1_000_000} million pixels"
    return f"A picture may have at most {limit}. Received: {name} with {size}. Make it smaller first."


def _rgb(image: Image.Image, name: str) -> Picture:
    if image.width * image.height > MAX_PIXELS:  # known from the header, before anything is decoded
        raise PictureError(_too_large(name, f"{image.width}x{image.height} pixels"))
    if image.width * image.height == 0:
        raise PictureError(f"A picture must have pixels. Received: {name} with none. Take another one.")
    image.load()
    with contextlib.suppress(Exception):  # broken metadata do not make the picture unreadable
        image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _eight_bits(image, name)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Converts 16-bit grey to 8 bit; Pillow's own conversion cuts off at 255."""
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise PictureError(
            f"A picture must have 8 or 16 bits a channel. Received: {name} of mode {image.mode} with values from "
            f"{values.min()} to {values.max()}. Save it as 8-bit PNG."
        )
    return Image.fromarray((values >> 8).astype(np.uint8))

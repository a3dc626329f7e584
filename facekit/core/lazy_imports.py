"""Imports of heavy libraries when they are first needed, without what they print and load unasked."""

import atexit
import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from threading import Lock
from types import ModuleType
from typing import Any

from facekit.core.errors import FaceKitError, MissingExtraError
from facekit.core.files import PROJECT

_core_lock, _cores = Lock(), list[Any]()


@contextmanager
def from_extra(extra: str) -> Iterator[None]:
    """Turns the failed import of a package that is not installed into one line that names the extra it comes with.

    Raises:
        MissingExtraError: the block imports what is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("facekit"):  # our own mistake
            raise
        raise missing_extra(error.name.partition(".")[0], extra) from error


def missing_extra(package: str, extra: str) -> MissingExtraError:
    """Makes the error that says how to install a package."""
    return MissingExtraError(f"{package} is not installed. It comes with the extra {extra}. Run: {_pip(extra)}", extra)


def _pip(extra: str) -> str:
    """Returns the command that installs an extra, from where facekit was: the name alone may be another project's."""
    if (PROJECT / "pyproject.toml").is_file():
        return f'pip install -e "{PROJECT}[{extra}]"'
    import json
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        origin = json.loads(distribution("facekit").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {}
    url = origin.get("url")
    if version := origin.get("vcs_info"):  # of a repository
        url = f"{version['vcs']}+{url}@{version['commit_id']}"
    return f'pip install "facekit[{extra}]{f" @ {url}" if url else ""}"'


def import_keras() -> ModuleType:
    """Imports Keras and lets it find its devices, without the messages of TensorFlow's C++ code.

    Raises:
        MissingExtraError: Keras or its backend is not installed.
        FaceKitError: it does not load.
    """
    log = logging.getLogger("tensorflow")  # warns of each shape of batch that a function is compiled for
    if log.level == logging.NOTSET:
        log.setLevel(logging.ERROR)
    if loaded := sys.modules.get("keras"):
        return loaded
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if not find_spec("tensorflow"):  # Keras's default backend
        others = [backend for backend in ("jax", "torch") if find_spec(backend)]
        os.environ.setdefault("KERAS_BACKEND", (others or ["tensorflow"])[0])  # if none is there, Keras says so
    # Keras imports matplotlib where it is installed. We do not plot with Keras, and it takes an eighth of the time.
    try:
        with from_extra("train"), discarded_stderr(), _paused_collector(), _hidden("matplotlib"):
            import keras

            keras.ops.zeros(1)
    except ImportError as error:
        raise FaceKitError(f"Keras does not load: {error}. Run: {_pip('train')}") from error
    return keras


def import_openvino() -> ModuleType:
    """Imports OpenVINO without its model converter.

    On import the converter reports to Google Analytics and writes a user id to the home folder; it also takes twice as
    long as the rest.

    Raises:
        FaceKitError: OpenVINO is not installed, or does not load.
    """
    try:
        with _hidden("openvino.tools.ovc"):
            import openvino
    except ImportError as error:
        raise FaceKitError(
            f"OpenVINO does not load: {error}. Run: pip install openvino, or use the runtime keras.", argument="runtime"
        ) from error
    return openvino


def openvino_core() -> Any:
    """Returns the only core of the process, which is never deleted.

    The CPU plugin of each core replaces the stack on which signals are handled. Where two of them are deleted in the
    order in which they were made, that stack is memory which no longer exists, and Ctrl-C ends in a segmentation fault.

    The first look at a tensor's data builds a table, and lets go of Python's lock in between. Two threads that come
    first together wait for each other forever, so that it is built here.

    Raises:
        FaceKitError: OpenVINO is not installed, or does not load.
    """
    openvino = import_openvino()
    with _core_lock:
        if not _cores:
            _ = openvino.Tensor(openvino.Type.u8, [1]).data
            _cores.append(openvino.Core())
        return _cores[0]


def import_cv2() -> Any:
    """Imports OpenCV without its messages about damaged files and missing cameras, which our errors describe.

    Raises:
        MissingExtraError: it is not installed.
        FaceKitError: it lacks a library of the system.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        with from_extra("video"):
            import cv2
    except ImportError as error:
        raise FaceKitError(
            f"OpenCV does not load: {error}. On Debian and Ubuntu, run: apt-get install libgl1 libglib2.0-0"
        ) from error
    _configure_cv2(cv2)
    return cv2


@cache
def _configure_cv2(cv2: Any) -> None:
    """Configures OpenCV once: a video's threads call `import_cv2` for each picture, and must not all set variables."""
    # Its windows look for fonts in a folder that wheels lack, and print a warning for each.
    os.environ["QT_QPA_FONTDIR"] = str(PROJECT / "fonts")
    # The log level's environment variable has no effect if Keras has imported OpenCV before.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@contextmanager
def discarded_stderr() -> Iterator[None]:
    """Discards what the process writes to stderr, in all threads; C++ code does so past `sys.stderr`."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Makes an optional module look as if it were not installed."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


@contextmanager
def _paused_collector() -> Iterator[None]:
    """Pauses garbage collection: imports leave next to no garbage, and the collector would scan all their objects."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
        gc.freeze()
        gc.unfreeze()  # moves all objects to the oldest generation, which is seldom scanned
        atexit.register(gc.freeze)  # the scan at exit would take half a second

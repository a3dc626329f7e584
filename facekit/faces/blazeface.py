"""BlazeFace: Google's network that finds faces, for back cameras (MediaPipe; Bazarevsky et al. 2019, arXiv 1907.05047).

The network takes RGB pictures of any size and answers at two strides. Each cell of 16 px has two anchors, each of 32 px
six: a score, and a box and six points relative to the cell's centre.
"""

import functools
import hashlib
import math
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facekit.core.errors import FaceKitError
from facekit.core.lazy_imports import openvino_core
from facekit.faces.batch import Picture
from facekit.faces.detectors import resized

Array = NDArray[np.float32]

MODEL = Path(__file__).with_name("blazeface.onnx")
_SHA256 = "e2bf3a3788f5535bb72d9805d359536b3230a83e02eb70e0d8bec3209fa95fbd"

# Width of the smallest faces that are found as reliably as large ones, in the pixels that are searched.
BLAZE_FACE = 24
_LARGEST_FACE = (
    4 * BLAZE_FACE
)  # that a level must find: larger ones are found in the next one, at a quarter of its size
_WHOLE = 256  # side of what a single face may fill: what the network was trained on
_OVERLAP = 144  # of two tiles, so that a face of _LARGEST_FACE, with hair and chin, lies within one of them
_TILE = 768  # longest side of what is searched at once; a level of 16 million pixels then takes 110 MB
_MOST_PIXELS = 16_000_000  # of the largest level, which bounds the time: about 5 s of one core
_ANCHORS = {16: 2, 32: 6}  # stride -> anchors of a cell
_POSITIONS = [0, 2, 3, 4, 5, 6, 7]  # of a face (8, 2): its centre and points; 1 is its size
_RAW_SCORE = 80.0  # larger ones would overflow
_OVERLAPPING = 0.3  # intersection over union from which two boxes are one face
_NESTED = 0.7  # share of the smaller box inside the larger from which they are one face
_CANDIDATE = 0.4  # lowest score of what is looked at again, and of the boxes whose mean is a face's
_SURE = 0.8  # score from which a face is not looked at again
_VIEW = 128  # side of the second look, pixels; the network's box fills half of it
_LOWEST_SCORE = 0.1  # below it, it finds something nearly everywhere


def find_faces(picture: Picture, smallest: float, min_score: float) -> tuple[Array, Array]:
    """Finds the faces of a picture, on one core; any thread may call it.

    Args:
        picture: RGB uint8 (H, W, 3).
        smallest: width of the smallest faces to find, pixels.
        min_score: lowest score, 0 to 1.

    Returns:
        Scores (n,), and boxes (n, 4) left, top, right, bottom as dlib's HOG draws them: squares, which may reach beyond
        the picture.

    Raises:
        FaceKitError: the network's file is damaged, or OpenVINO does not run it.
    """
    height, width = picture.shape[:2]
    scale = min(BLAZE_FACE / smallest, math.sqrt(_MOST_PIXELS / (height * width)))
    lowest = max(_LOWEST_SCORE, min(min_score, _CANDIDATE))
    scores, faces = list[Array](), list[Array]()
    narrowest = 0  # of the network's boxes; in the smaller levels, those of small faces are too inexact to be merged
    while True:
        level = resized(picture, max(1, round(height * scale)), max(1, round(width * scale)))
        small = not scores and max(level.shape[:2]) <= _TILE and level.shape[0] * level.shape[1] <= _WHOLE**2
        level_scores, level_faces = _look(level, lowest, True) if small else _search(level, lowest)
        kept = level_faces[:, 1, 0] >= narrowest
        scores.append(level_scores[kept])
        stretch = np.array([width / level.shape[1], height / level.shape[0]], np.float32)
        faces.append(level_faces[kept] * stretch)
        if min(level.shape[:2]) <= _WHOLE and max(level.shape[:2]) <= _TILE:
            break
        scale = max(scale * BLAZE_FACE / _LARGEST_FACE, _WHOLE / max(height, width))
        narrowest = BLAZE_FACE
    best, means = _merged(np.concatenate(scores), np.concatenate(faces))
    for number in np.flatnonzero(best < _SURE):
        best[number] = (best[number] + _second_score(picture, means[number])) / 2
    return best[best >= min_score], _hog_boxes(means[best >= min_score])


def _search(level: Picture, lowest: float) -> tuple[Array, Array]:
    """Returns scores (n,) and faces (n, 8, 2) of one level, from its tiles; several may be of the same face."""
    rows, columns = level.shape[:2]
    scores, faces = [], []
    for top, bottom in _spans(rows):
        for left, right in _spans(columns):
            tile_scores, tile_faces = _look(level[top:bottom, left:right], lowest)
            tile_faces[:, _POSITIONS] += (left, top)
            kept = _inside(tile_faces, left, top, right, bottom, rows, columns)
            scores.append(tile_scores[kept])
            faces.append(tile_faces[kept])
    return np.concatenate(scores), np.concatenate(faces)


def _spans(length: int) -> list[tuple[int, int]]:
    """Divides a side into the fewest spans of at most _TILE that overlap by _OVERLAP or more."""
    count = max(1, math.ceil((length - _OVERLAP) / (_TILE - _OVERLAP)))
    size = math.ceil((length + (count - 1) * _OVERLAP) / count)
    starts = [round(number * (length - size) / max(1, count - 1)) for number in range(count)]
    return [(start, start + size) for start in starts]


def _look(tile: Picture, lowest: float, own_graph: bool = False) -> tuple[Array, Array]:
    """Returns scores (n,) and faces (n, 8, 2) in a tile: centre, size, right and left eye, nose, mouth, and ears.

    A graph for its size alone takes 0.1 s to compile, once, and saves 1 ms a look. Its answers differ in the last bits:
    which graph is used must depend on the picture's size alone.
    """
    step = 64 if own_graph else 32  # 64: fewer graphs
    height, width = (-(-side // step) * step for side in tile.shape[:2])
    padded = tile[None]
    if tile.shape[:2] != (height, width):
        padded = np.zeros((1, height, width, 3), np.uint8)
        padded[0, : tile.shape[0], : tile.shape[1]] = tile
    request, lock = _graph(padded.shape if own_graph else None)
    with lock:
        answers = request.infer([padded])
    scores = np.concatenate([answers[f"scores_{stride}"].ravel() for stride in _ANCHORS])
    chosen = np.flatnonzero(scores >= math.log(lowest / (1 - lowest)))
    faces = np.concatenate([answers[f"boxes_{stride}"].reshape(-1, 8, 2) for stride in _ANCHORS])[chosen]
    faces[:, _POSITIONS] += _anchors(height, width)[chosen, None]
    return 1 / (1 + np.exp(-np.clip(scores[chosen], -_RAW_SCORE, _RAW_SCORE))), faces


def _second_score(picture: Picture, face: Array) -> float:
    """Returns a face's score in an upright view of its own, always of the same size: patterns score lower there."""
    across, down = (face[3] - face[2]).tolist()  # from eye to eye
    x, y = _centres(face[None])[0].tolist()
    width, angle = max(1.0, float(face[1, 0])), math.atan2(down, across)
    left, top, reach = max(0, int(x - 1.5 * width)), max(0, int(y - 1.5 * width)), int(3 * width) + 2
    part = picture[top : top + reach, left : left + reach]
    if not part.size:
        return 0.0
    factor = max(1, int(width / (_VIEW / 2)))
    scale = width / (_VIEW / 2) / factor
    cosine, sine, middle = scale * math.cos(angle), scale * math.sin(angle), _VIEW / 2
    x, y = (x - left) / factor - middle * (cosine - sine), (y - top) / factor - middle * (sine + cosine)
    turned = (
        Image.fromarray(part)
        .reduce(factor)
        .transform(
            (_VIEW, _VIEW), Image.Transform.AFFINE, (cosine, -sine, x, sine, cosine, y), Image.Resampling.BILINEAR
        )
    )
    scores, faces = _look(np.asarray(turned), _LOWEST_SCORE)
    near = np.abs(faces[:, 0] - middle).max(1, initial=0) < 0.2 * _VIEW
    return float(scores[near].max(initial=0))


@functools.lru_cache(64)
def _anchors(height: int, width: int) -> Array:
    """Returns the centres of the anchors (n, 2), x and y in pixels."""
    centres = []
    for stride, count in _ANCHORS.items():
        y, x = np.mgrid[: height // stride, : width // stride]
        cells = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride
        centres.append(cells.repeat(count, 0).astype(np.float32))
    return np.concatenate(centres)


def _inside(faces: Array, left: int, top: int, right: int, bottom: int, rows: int, columns: int) -> NDArray[np.bool_]:
    """Tells which faces are not cut off by an edge of their tile that is not the picture's; another tile has those."""
    boxes = _corners(faces)
    low = np.array([left or -math.inf, top or -math.inf])
    high = np.array([right if right < columns else math.inf, bottom if bottom < rows else math.inf])
    return np.all((boxes[:, :2] >= low) & (boxes[:, 2:] <= high), axis=1)


def _corners(faces: Array) -> Array:
    """Returns the network's own boxes (n, 4)."""
    centre, half = faces[:, 0], faces[:, 1] / 2
    return np.concatenate([centre - half, centre + half], 1)


def _merged(scores: Array, faces: Array) -> tuple[Array, Array]:
    """Returns one score and face (8, 2) for each face: the mean of those that overlap, weighted by their scores."""
    boxes, rest = _corners(faces), np.argsort(-scores, kind="stable")
    best, means = [], []
    while len(rest):
        first = boxes[rest[0]]
        same = _overlap(first, boxes[rest])
        group = rest[same]
        best.append(scores[rest[0]])
        means.append(np.tensordot(scores[group] / scores[group].sum(), faces[group], 1))
        rest = rest[~same]
    return np.array(best, np.float32), np.array(means, np.float32).reshape(-1, 8, 2)


def _overlap(box: Array, boxes: Array) -> NDArray[np.bool_]:
    """Tells which boxes are of the same face as one of them, which is the first."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common, areas = sides.clip(0).prod(1), (boxes[:, 2:] - boxes[:, :2]).prod(1)
    same: NDArray[np.bool_] = common > np.minimum(_OVERLAPPING * (areas[0] + areas - common), _NESTED * areas)
    same[0] = True  # even if it is empty
    return same


def _hog_boxes(faces: Array) -> Array:
    """Returns the boxes (n, 4) that dlib's HOG would draw, whose landmarks dlib's predictors know.

    HOG's centre is between the eyes and the mouth, also of a head that leans; its width is near the ears' distance. The
    weights were fitted to 800 chips of UTKFace. HOG's own boxes differ from them by 8 % in width and 4 % in position.
    """
    centre = _centres(faces)
    width = 0.33 * faces[:, 1, :1] + 0.69 * np.linalg.norm(faces[:, 6] - faces[:, 7], axis=1, keepdims=True)
    return np.concatenate([centre - width / 2, centre + width / 2], 1)


def _centres(faces: Array) -> Array:
    """Returns the middles between the eyes and the mouth (n, 2)."""
    return 0.27 * (faces[:, 2] + faces[:, 3]) + 0.46 * faces[:, 5]


@functools.lru_cache(8)
def _graph(shape: tuple[int, ...] | None) -> tuple[Any, Lock]:
    """Returns the network that all threads share, for pictures of a shape or, if None, of any, and its lock."""
    try:
        content = MODEL.read_bytes()
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise FaceKitError(
            f"The face detector's file must be as it was installed. Received: {MODEL}. Reinstall facekit."
        )
    core = openvino_core()
    model = core.read_model(content)
    if shape:
        model.reshape(shape)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False, "INFERENCE_NUM_THREADS": 1}
    return core.compile_model(model, "CPU", settings).create_infer_request(), Lock()

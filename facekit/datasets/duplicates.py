"""Near duplicates among many pictures, found by their thumbnails and kept in a cache.

Two unit vectors correlate by at most the product of their projections on some principal components plus the product of
the lengths that these lose (Cauchy-Schwarz). Faces lose so little on 32 components that the bound excludes nearly all
pairs; only the others are compared in full. Boxes around similar pictures exclude most pairs before that.
"""

import hashlib
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from facekit.core.array_cache import cached_arrays
from facekit.core.lazy_imports import from_extra

THUMBNAIL_SIZE = 32  # side of the grey chips that are compared, pixels
DUPLICATE_CORRELATION = 0.95
_VERSION = 2  # raised when the same thumbnails give other pairs
_COMPONENTS = 32
_SPLIT_COMPONENTS = 4  # they hold most of the variance; boxes are narrow along these only
_BOX = 88  # thumbnails in a box, at most: OpenBLAS multiplies matrices of up to 2**18 products in the calling thread
_BLOCK = 64  # boxes that are compared with one at a time
_ROWS = 2048  # thumbnails that are projected at a time, and as many at most determine the components
_MARGIN = 1e-4  # for what float32 rounds in the bound

Value = TypeVar("Value", bound=Hashable)
Indices = NDArray[np.intp]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class NearDuplicates:
    """Near duplicates among n pictures; identical ones are represented by the first of them.

    Args:
        representatives: (n,) index of the first picture that is identical to each, often its own.
        pairs: (m, 2) indices of representatives that are near duplicates, the lower one first, sorted.
    """

    representatives: Indices
    pairs: Indices

    def assign_in_order(self, choose: Callable[[int, frozenset[Value]], Value]) -> list[Value]:
        """Chooses a value for each of the n pictures, first to last.

        Args:
            choose: (index of a picture, values of the earlier ones that are its near duplicates) -> its value.
        """
        both = np.concatenate([self.pairs, self.pairs[:, ::-1]])
        both = both[np.argsort(both[:, 0], kind="stable")]
        starts = np.searchsorted(both[:, 0], np.arange(len(self.representatives) + 1))
        seen: list[frozenset[Value]] = [frozenset()] * len(self.representatives)
        passed_on: set[tuple[int, Value]] = set()  # once is enough for all pictures of a representative
        values = []
        for index, own in enumerate(self.representatives.tolist()):
            value = choose(index, seen[own])
            values.append(value)
            if (own, value) not in passed_on:
                passed_on.add((own, value))
                for near in (own, *both[starts[own] : starts[own + 1], 1].tolist()):
                    seen[near] |= {value}
        return values

    def groups(self, extra_pairs: ArrayLike = ()) -> Indices:
        """Numbers the groups of pictures that near duplicates link: (n,), from 0.

        Args:
            extra_pairs: (k, 2) indices of other pictures that belong together.
        """
        with from_extra("train"):
            from scipy.sparse import coo_array
            from scipy.sparse.csgraph import connected_components

        n = len(self.representatives)
        identical = np.stack([np.arange(n), self.representatives], axis=1)
        links = np.concatenate([identical, self.pairs, np.asarray(extra_pairs, np.intp).reshape(-1, 2)])
        graph = coo_array((np.ones(len(links), bool), (links[:, 0], links[:, 1])), shape=(n, n))
        return connected_components(graph, directed=False)[1].astype(np.intp)


def near_duplicates(thumbnails: Vectors, cache_beside: Path | None = None) -> NearDuplicates:
    """Finds the pictures whose thumbnails correlate by DUPLICATE_CORRELATION or more.

    Args:
        thumbnails: (n, d). Those without contrast have no duplicates.
        cache_beside: path of the data set. A hidden file beside it or in the user's cache folder keeps the result.
    """

    def compute() -> dict[str, Indices]:
        found = _search(thumbnails)
        return {"representatives": found.representatives, "pairs": found.pairs}

    key = repr((_VERSION, DUPLICATE_CORRELATION))
    return NearDuplicates(**cached_arrays("near-duplicates", key, thumbnails, cache_beside, compute))


def first_identical(thumbnails: Vectors) -> Indices:
    """Returns the index (n,) of the first thumbnail (n, d) that is identical to each, often its own."""
    first = dict[bytes, int]()
    digests = (hashlib.blake2b(thumbnail.tobytes(), digest_size=16).digest() for thumbnail in thumbnails)
    return np.array([first.setdefault(digest, index) for index, digest in enumerate(digests)], np.intp)


def _search(thumbnails: Vectors) -> NearDuplicates:
    n, representatives = len(thumbnails), first_identical(thumbnails)
    distinct = np.unique(representatives)
    points = _project(thumbnails, distinct)
    flat = np.sum(points**2, axis=1) < DUPLICATE_CORRELATION
    unique = np.flatnonzero(np.isin(representatives, distinct[flat]))
    representatives[unique] = unique
    found = [np.empty((0, 2), np.intp), *_compare(thumbnails, distinct[~flat], points[~flat])]
    low, high = np.sort(np.concatenate(found), axis=1).T
    keys = np.unique((low * n + high)[low < high])
    return NearDuplicates(representatives, np.stack(np.divmod(keys, n), axis=1))


def _unit(thumbnails: Vectors) -> Vectors:
    """Scales thumbnails so that their product is their correlation; those without contrast come out shorter than 1."""
    centred = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)


def _project(thumbnails: Vectors, distinct: Indices) -> Vectors:
    """Projects unit vectors on principal components: (m, components + 1), the last being the length of the rest."""
    components = np.random.default_rng(0).normal(0, 1, (thumbnails.shape[1], _COMPONENTS)).astype(np.float32)
    sample = _unit(thumbnails[distinct[:: 1 + len(distinct) // _ROWS]])
    for _ in range(3):  # orthogonal iteration
        components = np.linalg.qr(sample.T @ (sample @ components))[0]
    points = np.empty((len(distinct), components.shape[1] + 1), np.float32)
    for start in range(0, len(distinct), _ROWS):
        unit = _unit(thumbnails[distinct[start : start + _ROWS]])
        projected = unit @ components
        rest = np.sum(unit**2, axis=1) - np.sum(projected**2, axis=1)
        points[start : start + _ROWS] = np.c_[projected, np.sqrt(np.maximum(rest, 0) + _MARGIN)]
    return points


def _compare(thumbnails: Vectors, distinct: Indices, points: Vectors) -> list[Indices]:
    """Finds near duplicates in threads: arrays of (k, 2) indices, in which pairs can be reversed or repeated."""
    if not len(points):
        return []
    boxes = _split(points[:, :_SPLIT_COMPONENTS], np.arange(len(points)))
    order = np.array([np.resize(box, max(map(len, boxes))) for box in boxes])  # a shorter box repeats a point
    indices, tiles = distinct[order], points[order]
    lows, highs = tiles[:, :, :-1].min(axis=1), tiles[:, :, :-1].max(axis=1)

    def search(number: int) -> list[Indices]:
        gaps = np.maximum(np.maximum(lows[number:] - highs[number], lows[number] - highs[number:]), 0)
        reached = number + np.flatnonzero(np.sum(gaps**2, axis=1) <= 2 - 2 * DUPLICATE_CORRELATION + _MARGIN)
        found = []
        for start in range(0, len(reached), _BLOCK):
            block = reached[start : start + _BLOCK]
            possible = tiles[number] @ tiles[block].transpose(0, 2, 1) >= DUPLICATE_CORRELATION
            if not start:
                possible[0] = np.triu(possible[0], 1)  # the box itself
            some, others = indices[number][possible.any(axis=(0, 2))], indices[block][possible.any(axis=1)]
            if len(some):
                found.append(_verify(thumbnails, some, others))
        return found

    with ThreadPoolExecutor() as threads:
        results = threads.map(search, range(len(boxes)))
        bar = tqdm(results, "Finding near duplicates", len(boxes), leave=False, disable=None, delay=2)
        return [pairs for found in bar for pairs in found]


def _split(points: Vectors, indices: Indices) -> list[Indices]:
    """Divides points into boxes of nearly equal size, in halves along the coordinate that varies most."""
    if len(indices) <= _BOX:
        return [indices]
    inside, half = points[indices], len(indices) // 2
    order = indices[np.argpartition(inside[:, inside.var(axis=0).argmax()], half)]
    return [*_split(points, order[:half]), *_split(points, order[half:])]


def _verify(thumbnails: Vectors, some: Indices, others: Indices) -> Indices:
    """Compares pairs in full, each by itself because rounding in a matrix product depends on the others: (k, 2)."""
    correlation = np.vecdot(_unit(thumbnails[some])[:, np.newaxis], _unit(thumbnails[others]))
    rows, columns = np.nonzero(correlation >= DUPLICATE_CORRELATION)
    return np.stack([some[rows], others[columns]], axis=1)

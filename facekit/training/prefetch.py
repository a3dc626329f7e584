"""Prefetches batches whose chips are in host memory or on disk: threads gather and augment them ahead of the step."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from facekit.training.resident import Batch

THREADS = min(os.cpu_count() or 1, 8)  # a thread changes about 3,000 chips of 150 px a second
PREFETCHED = THREADS + 2  # batches that wait

T = TypeVar("T")
R = TypeVar("R")


def augmented(batches: Iterator[tuple[Batch]], chips: NDArray[np.uint8]) -> Iterator[tuple[Batch]]:
    """Replaces the random numbers of batches by the chips, (n, H, W, 3) uint8, that they change.

    Args:
        batches: as `facekit.training.resident.batches` yields them.
        chips: all chips, in memory or mapped from a file; only the rows of a batch are read.
    """
    from facekit.training import augment_host

    def change(batch: tuple[Batch]) -> tuple[Batch]:
        (draws,) = batch
        changed = augment_host.apply(chips[draws["index"]], draws)
        return ({"chips": changed, **{name: draws[name] for name in ("index", "ratio", "partner")}},)

    return in_order(change, batches)


def in_order(function: Callable[[T], R], items: Iterator[T]) -> Iterator[R]:
    """Yields `function` of each item, in order; threads work on PREFETCHED items ahead at most."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="prefetch") as threads:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(threads.submit(function, item))
            if len(waiting) > PREFETCHED:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

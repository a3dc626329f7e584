"""Pipeline: order, dropping, errors, shutdown."""

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import pytest
from waiting import LIMIT

from facekit.video import pipeline as pipeline_module
from facekit.video.pipeline import Pipeline


def make(
    source: Iterable[int],
    *stages: Callable[[int], int],
    drop_old: bool = False,
    in_flight: int = 4,
    stop: threading.Event | None = None,
) -> Pipeline:
    named = {f"stage{number}": stage for number, stage in enumerate(stages)}
    return Pipeline(source, named, drop_old=drop_old, in_flight=in_flight, stop=stop or threading.Event())


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "capture" or "stage" in thread.name]


def test_all_items_pass_all_stages_in_order() -> None:
    with make(range(200), lambda n: n + 1, lambda n: n * 10) as pipeline:
        assert list(pipeline) == [(n + 1) * 10 for n in range(200)]
        assert pipeline.dropped == 0
    assert not threads()


def test_stages_work_at_the_same_time() -> None:
    all_work = threading.Barrier(3)

    def meets_others_at(item: int) -> Callable[[int], int]:
        def stage(n: int) -> int:
            if n == item:
                all_work.wait(LIMIT)
            return n

        return stage

    with make(range(20), *map(meets_others_at, (2, 1, 0))) as pipeline:
        assert list(pipeline) == list(range(20))


def test_no_more_items_are_held_than_allowed() -> None:
    given = itertools.count()
    read = []

    def source() -> Iterator[int]:
        for number in given:
            read.append(number)
            yield number

    with make(source(), lambda n: n, lambda n: n, in_flight=3) as pipeline:
        results = iter(pipeline)
        next(results)
        time.sleep(0.2)
        # three in the stages and with the caller, one that waits before them, one that the source has in hand
        assert len(read) <= 5


def test_a_live_source_loses_old_items_and_never_the_newest() -> None:
    is_taken, is_read = threading.Event(), threading.Event()

    def source() -> Iterator[int]:
        yield 0
        is_taken.wait(LIMIT)
        yield from range(1, 50)
        is_read.set()

    with make(source(), lambda n: n, drop_old=True, in_flight=1) as pipeline:
        results = iter(pipeline)
        got = [next(results)]
        is_taken.set()
        assert is_read.wait(LIMIT)
        got += results
    assert got == [0, 49]
    assert pipeline.dropped == 48


def test_an_error_of_a_stage_comes_after_what_was_before_it() -> None:
    def fails_at_five(n: int) -> int:
        if n == 5:
            raise ValueError("five")
        return n

    got = []
    with pytest.raises(ValueError, match="five"), make(range(10), lambda n: n, fails_at_five) as pipeline:
        for n in pipeline:
            got.append(n)
    assert got == [0, 1, 2, 3, 4]
    assert not threads()


def test_an_error_of_the_source_comes_after_all_that_it_gave() -> None:
    def source() -> Iterator[int]:
        yield from range(7)
        raise OSError("unplugged")

    got = []
    with pytest.raises(OSError, match="unplugged"), make(source(), lambda n: n) as pipeline:
        for n in pipeline:
            got.append(n)
    assert got == list(range(7))


def test_leaving_early_ends_all_threads() -> None:
    with make(itertools.count(), lambda n: n, lambda n: n) as pipeline:
        next(iter(pipeline))
    assert not threads()


def test_stop_ends_the_iteration_while_the_source_says_nothing() -> None:
    stop, silence = threading.Event(), threading.Event()

    def source() -> Iterator[int]:
        yield 1
        silence.wait(LIMIT)

    with make(source(), lambda n: n, drop_old=True, stop=stop) as pipeline:
        threading.Timer(0.2, stop.set).start()
        start = time.perf_counter()
        assert list(pipeline) == [1]
        assert time.perf_counter() - start < LIMIT / 2
        silence.set()
    assert not threads()


def test_stages_that_hang_are_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "SHUTDOWN_SECONDS", 0.4)
    hanging, goes_on = threading.Event(), threading.Event()

    def hangs(n: int) -> int:
        if n:
            hanging.set()
            goes_on.wait(LIMIT)
        return n

    start = time.perf_counter()
    with make(range(9), hangs, *[lambda n: n] * 24) as pipeline:
        next(iter(pipeline))
        assert hanging.wait(LIMIT)
    assert 0.4 <= time.perf_counter() - start < 8  # one after the other, they would take 10 s
    goes_on.set()
    for thread in pipeline._threads:
        thread.join(LIMIT)
    assert not threads()


def test_what_is_in_the_stages_is_not_worked_on_after_the_end() -> None:
    worked, stop = [], threading.Event()

    def slow(n: int) -> int:
        worked.append(n)
        if n:
            stop.wait(LIMIT)
        return n

    with make(range(100), lambda n: n, slow, in_flight=20, stop=stop) as pipeline:
        next(iter(pipeline))
    assert len(worked) <= 2

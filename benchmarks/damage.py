"""Damages weights files and caches at random, and uses each in a process of its own.

    uv run benchmarks/damage.py 1200

Each must give the very same answers, or one clear line within 2 s. The exit status is 1 if one does not. As many again
as a tenth are files of earlier versions, which have no digest: they must neither crash nor hang.
"""

import gzip
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from children import ROOT, machine

sys.path.insert(0, str(ROOT))
from facekit.core.errors import FaceKitError
from facekit.core.lazy_imports import import_openvino
from facekit.datasets.duplicates import near_duplicates
from facekit.networks.cards import DEFAULT_WEIGHTS, read_card
from facekit.networks.hdf5 import hash_tensors, read_hdf5, write_hdf5
from facekit.networks.predictor import Predictor
from facekit.networks.runtimes import graphs

LINE_SECONDS, HANG_SECONDS = 2.0, 60.0
HARMLESS = ("same answers", "one line")
HARMLESS_WITHOUT_DIGEST = (*HARMLESS, "slow line", "changed")
OUTCOMES = (*HARMLESS_WITHOUT_DIGEST, "traceback", "crash", "hang")
NAME = DEFAULT_WEIGHTS.name
GRAPH = graphs.graph_name(DEFAULT_WEIGHTS, read_card(DEFAULT_WEIGHTS)) + ".packed"
CHIPS = np.random.default_rng(0).integers(0, 256, (2, 200, 200, 3), np.uint8)
THUMBNAILS = np.repeat(np.random.default_rng(0).normal(size=(50, 64)), 4, axis=0).astype(np.float32)
THUMBNAILS[::3] += np.random.default_rng(1).normal(0, 0.1, THUMBNAILS[::3].shape)


def digest(*values: Any) -> str:
    """Returns a digest of arrays and of what else has an exact `repr`."""
    found = hashlib.sha256()
    for value in values:
        found.update(value.tobytes() if hasattr(value, "tobytes") else repr(value).encode())
    return found.hexdigest()


def answers(folder: Path) -> str:
    """Answers with OpenVINO."""
    predictor = Predictor(folder / NAME, "openvino")
    return digest(predictor.card, *predictor.predict(CHIPS).values())


def tensors(folder: Path) -> str:
    """Reads what Keras answers with."""
    card, (read, _) = read_card(folder / NAME), read_hdf5(folder / NAME)
    if hash_tensors(read) != card.tensors_sha256:  # as `load_network` does
        raise FaceKitError("The tensors do not match the card.")
    return digest(card, hash_tensors(read))


def teacher(folder: Path) -> str:
    """Reads the answers of a teacher as a training does, and checks whose they are."""
    read, attributes = read_hdf5(folder / "teacher.h5")
    if attributes.get("fingerprint") != "faces":
        raise FaceKitError("It belongs to other data.")
    return hash_tensors(read)


def duplicates(folder: Path) -> str:
    found = near_duplicates(THUMBNAILS, folder / "data")
    return digest(found.representatives, found.pairs)


@dataclass(frozen=True)
class Kind:
    """A kind of file that is damaged.

    Args:
        name: for people.
        share: of all runs.
        path: the whole file, in a folder with what else is needed.
        use: gives a digest of what follows from the files in a folder.
        checked: whether the file has a digest. Without one, damage of the card cannot be told, and reading is slow.
    """

    name: str
    share: float
    path: Path
    use: Callable[[Path], str]
    checked: bool = True


def make_kinds(folder: Path) -> list[Kind]:
    """Makes the files in folders of their own."""
    for name in ("shipped", "old", "training"):
        (folder / name).mkdir()
    shutil.copy(DEFAULT_WEIGHTS, folder / "shipped")
    for name in ("shipped", "old"):
        shutil.copy(DEFAULT_WEIGHTS.parent / GRAPH, folder / name)
    read, attributes = read_hdf5(DEFAULT_WEIGHTS)
    with h5py.File(folder / "old" / NAME, "w") as file:  # as earlier versions wrote it
        for name, value in read.items():
            file[name] = value
        file.attrs.update(attributes)
    teach = {"age": np.random.default_rng(0).random((500, 93), np.float32)}
    write_hdf5(folder / "training" / "teacher.h5", teach, {"fingerprint": "faces"})
    duplicates(folder / "training")
    (cache,) = (folder / "training").glob(".near-duplicates-*")
    weights, old = folder / "shipped" / NAME, folder / "old" / NAME
    return [
        Kind("weights, to answer", 5 / 12, weights, answers),
        Kind("weights, all tensors", 5 / 12, weights, tensors),
        Kind("graph", 1 / 12, folder / "shipped" / GRAPH, answers),
        Kind("near duplicates", 1 / 24, cache, duplicates),
        Kind("teacher's answers", 1 / 24, folder / "training" / "teacher.h5", teacher),
        Kind("old weights, to answer", 1 / 20, old, answers, checked=False),
        Kind("old weights, all tensors", 1 / 20, old, tensors, checked=False),
    ]


def flip(data: bytes, chance: random.Random, start: int, stop: int) -> bytes:
    at = chance.randrange(max(start, 0), min(stop, len(data)))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def overwrite(data: bytes, chance: random.Random, filling: bytes) -> bytes:
    at = chance.randrange(len(data))
    return (data[:at] + filling + data[at + len(filling) :])[: len(data)]


def swap(data: bytes, chance: random.Random) -> bytes:
    """Swaps two blocks, as of a disk."""
    size = chance.choice((512, 4096, 32768))
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    one, other = chance.randrange(len(blocks)), chance.randrange(len(blocks))
    blocks[one], blocks[other] = blocks[other], blocks[one]
    return b"".join(blocks)


def another(data: bytes, chance: random.Random) -> bytes:
    """Takes a whole file of something else, or one of the same format with other content."""
    picture = (ROOT / "demo_images" / "astronaut.jpg").read_bytes()
    return chance.choice((b"", b"<html>Not found</html>", picture, gzip.compress(picture), bytes(len(data))))


MUTATIONS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "a bit": lambda data, chance: flip(data, chance, 0, len(data)),
    "a bit of the first 64 KB": lambda data, chance: flip(data, chance, 0, 65536),
    "a bit of the last 64 KB": lambda data, chance: flip(data, chance, len(data) - 65536, len(data)),
    "some bytes": lambda data, chance: overwrite(data, chance, chance.randbytes(chance.randrange(1, 64))),
    "a page of zeros": lambda data, chance: overwrite(data, chance, bytes(4096)),
    "truncated": lambda data, chance: data[: chance.randrange(len(data))],
    "start lost": lambda data, chance: data[chance.choice((1, 512, 4096, 32768)) :],
    "blocks swapped": swap,
    "more at the end": lambda data, chance: data + chance.randbytes(chance.randrange(1, 4096)),
    "another file": another,
}


def run_case(kind: Kind, seed: int, expected: str, folder: Path) -> None:
    """Damages a file, uses it, and writes the outcome; in a process of its own."""
    for other in kind.path.parent.iterdir():
        if other != kind.path:
            os.symlink(other, folder / other.name)
    chance = random.Random(seed)
    mutation = list(MUTATIONS)[seed % len(MUTATIONS)]
    (folder / kind.path.name).write_bytes(MUTATIONS[mutation](kind.path.read_bytes(), chance))
    start = time.monotonic()
    try:
        outcome, detail = ("same answers", "") if kind.use(folder) == expected else ("changed", "")
    except FaceKitError as error:
        detail = str(error)
        clear = "\n" not in detail and len(detail) < 500 and time.monotonic() - start <= LINE_SECONDS
        outcome = "one line" if clear else "slow line"
    except BaseException as error:
        outcome, detail = "traceback", repr(error)
    (folder / "outcome").write_text(json.dumps([outcome, f"{mutation}: {detail}"]))


def run_all(cases: list[tuple[Kind, int]], expected: dict[str, str], scratch: Path) -> list[tuple[Kind, int, str, str]]:
    """Runs the cases in forks of this process, one for each processor at a time."""
    context = multiprocessing.get_context("fork")  # what it imported need not be imported again
    running: dict[Any, tuple[Any, Kind, int, Path, float]] = {}
    done, left = [], list(reversed(cases))
    while left or running:
        while left and len(running) < (os.cpu_count() or 1):
            kind, seed = left.pop()
            folder = Path(tempfile.mkdtemp(dir=scratch))
            child = context.Process(target=run_case, args=(kind, seed, expected[kind.name], folder))
            child.start()
            running[child.sentinel] = child, kind, seed, folder, time.monotonic()
        ready = wait(list(running), timeout=1)
        for sentinel, (child, kind, seed, folder, start) in list(running.items()):
            hangs = time.monotonic() - start > HANG_SECONDS
            if sentinel not in ready and not hangs:
                continue
            child.kill()
            child.join()
            del running[sentinel]
            told = folder / "outcome"
            if told.exists():
                outcome, detail = json.loads(told.read_text())
            else:
                outcome, detail = ("hang" if hangs else "crash"), f"exit status {child.exitcode}"
            done.append((kind, seed, outcome, detail))
            shutil.rmtree(folder)
    return done


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1200
    import_openvino()
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = f"{name}/cache"
        kinds = make_kinds(Path(name))
        exported = graphs.load_graph(DEFAULT_WEIGHTS, read_card(DEFAULT_WEIGHTS))
        graphs.export_graph = lambda weights: exported  # ten seconds of Keras would give the same
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:  # threads that OpenVINO started would not survive the forks
            expected = {kind.name: pool.apply(kind.use, [kind.path.parent]) for kind in kinds}
        cases = [(kind, seed) for kind in kinds for seed in range(round(kind.share * count))]
        scratch = Path(name) / "scratch"
        scratch.mkdir()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the notes of the children
        done = run_all(cases, expected, scratch)
    sys.exit(report(kinds, done))


def report(kinds: list[Kind], done: list[tuple[Kind, int, str, str]]) -> int:
    """Prints a table and the failures; returns the exit status."""
    print(f"{machine()}\n\n{'damaged':<26}{'runs':>6}" + "".join(f"{outcome:>14}" for outcome in OUTCOMES))
    for kind in kinds:
        counts = Counter(outcome for damaged_kind, _, outcome, _ in done if damaged_kind is kind)
        print(f"{kind.name:<26}{counts.total():>6}" + "".join(f"{counts[outcome]:>14}" for outcome in OUTCOMES))
    wrong = [
        (kind, seed, outcome, detail)
        for kind, seed, outcome, detail in done
        if outcome not in (HARMLESS if kind.checked else HARMLESS_WITHOUT_DIGEST)
    ]
    for kind, seed, outcome, detail in wrong[:20]:
        print(f"{kind.name}, seed {seed}: {outcome}, {detail}")
    runs = sum(kind.checked for kind, *_ in done)
    print(
        f"\nhangs, crashes, tracebacks, slow lines and changed answers of {runs}, and of {len(done) - runs} old: ",
        end="",
    )
    print(f"{len(wrong)} at most 0: {'MISSED' if wrong else 'met'}")
    return int(bool(wrong))


if __name__ == "__main__":
    main()

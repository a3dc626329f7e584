"""Runs a plan on Ray: each part is read, estimated and written by an actor, which Ray replaces where it is lost."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ray
import ray.data

from facekit.batch.plan import Output, make_plan
from facekit.batch.rows import BatchConfig, Row, Task, estimate_row
from facekit.batch.schema import encode_part, result_schema
from facekit.batch.sources import list_entries, read_entry
from facekit.core.errors import FaceKitError, PictureError, UsageError
from facekit.estimator import FaceEstimator
from facekit.faces.images import Item
from facekit.parallel import Workers, count_cores

Counts = dict[str, int]  # part, pictures, faces, failed
PART = 256  # pictures: half a minute's work of a core, which a lost actor costs
_BLOCKS = 10_000  # Ray hands out so many tasks at most


class PartWorker:
    """Does parts. A process of its own answers, so that a picture that ends it costs that picture only."""

    def __init__(self, output: Output, config: BatchConfig, settings: Mapping[str, Any]) -> None:
        self._output, self._config = output, config
        estimator = FaceEstimator(**config.estimator)
        self._schema = result_schema(estimator.heads, estimator.card, settings)
        self._workers = Workers(estimator, 1)

    def __call__(self, row: Mapping[str, Any]) -> Counts:
        """Does the part of a row `{"part": number}`, unless it is done; returns what it counted."""
        part = int(row["part"])
        counts = {"part": part, "pictures": 0, "faces": 0, "failed": 0}
        if self._output.has_part(part):  # an actor was lost after it had written the part
            return counts
        rows: list[Row] = []
        for name, found in self._estimated(part):
            rows += [{"picture": name, **columns} for columns in found]
            counts["pictures"] += 1
            counts["faces"] += sum("face" in columns for columns in found)
            counts["failed"] += "error" in found[0]
        self._output.write_part(part, encode_part(rows, self._schema))
        return counts

    def _estimated(self, part: int) -> Iterator[tuple[str, list[Row]]]:
        """Yields the name and the rows of each picture, in order."""
        names: list[str] = []

        def pictures() -> Iterator[tuple[Item, Task]]:
            for entry in self._output.read_entries(part):
                for name, item in read_entry(entry, self._config.column):
                    names.append(name)
                    yield b"" if isinstance(item, PictureError) else item, (item, self._config)

        for number, (_, rows) in enumerate(self._workers.map(estimate_row, pictures())):
            yield names[number], [{"error": str(rows)}] if isinstance(rows, PictureError) else rows


def run_batch(
    sources: Sequence[str],
    output: str,
    config: BatchConfig,
    *,
    address: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    worker: type[PartWorker] = PartWorker,
) -> Iterator[Counts]:
    """Plans a run, or continues one, and yields what was counted in each part as it is done.

    Args:
        sources: see `facekit.batch.sources.list_entries`.
        output: folder, or an address such as s3://bucket/folder.
        config: what is done with each picture.
        address: of a running Ray cluster; None to start one on this machine, with all its cores.
        workers: number of actors, a core each; None for as many as there are cores.
        overwrite: remove results of other settings that are there.
        worker: does a part.

    Raises:
        UsageError: the output holds results of other settings, or the weights have no features.
        DataError: a source is missing, empty or refuses, or a table has no such column.
        FaceKitError: nothing can be written; the estimator cannot be made; or Ray cannot be started.
    """
    estimator = FaceEstimator(**config.estimator)
    if config.features and not estimator.has_descriptor:
        raise UsageError("The weights have no features to write. Leave them out.", argument="features")
    estimator.keep_graphs()
    settings = _settings(estimator, config)
    place = Output(output)
    left = make_plan(place, list_entries(sources, config.column), settings, PART, overwrite=overwrite)
    if not left:
        return
    started = not ray.is_initialized()
    try:
        if started:
            _start(address)
        cores = workers or int(ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call]
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        parts = ray.data.from_items([{"part": part} for part in left], override_num_blocks=min(len(left), _BLOCKS))
        done = parts.map(
            worker,  # type: ignore[arg-type]
            fn_constructor_args=(place, config, settings),
            compute=ray.data.ActorPoolStrategy(size=min(cores, len(left))),
            num_cpus=1,
        )
        yield from done.iter_rows()
    except ray.exceptions.RayError as error:
        raise FaceKitError(f"{_cause(error)}. The same command continues.") from error
    finally:
        if started:
            ray.shutdown()


def _start(address: str | None) -> None:
    """Starts Ray on this machine, or joins a cluster, whose machines have facekit installed."""
    try:
        if address:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}}
            ray.init(
                num_cpus=count_cores(),
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env=environment,
            )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise FaceKitError(f"Ray cannot be started: {reason}.", argument="address") from error


def _settings(estimator: FaceEstimator, config: BatchConfig) -> dict[str, Any]:
    """Returns what the results depend on."""
    options = {name: value for name, value in config.estimator.items() if name not in ("weights", "heads", "runtime")}
    return {
        "weights": estimator.digests,
        "heads": [head.name for head in estimator.heads],
        **options,
        "column": config.column,
        "chips": config.chips,
        "features": config.features,
    }


def _cause(error: BaseException) -> str:
    """Returns the last line of what ended a worker."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return lines[-1].partition("FaceKitError: ")[2] or lines[-1].strip().rstrip(".")

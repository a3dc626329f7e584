"""The plan of a run: which pictures belong to which part, and what is written for each of them."""

import io
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from facekit.batch.sources import file_system, is_shard
from facekit.core.errors import FaceKitError, UsageError
from facekit.core.files import atomic_path

_PLAN, _PART = "_plan.parquet", "part-{:07}.parquet"
_SETTINGS = "facekit_settings"
_CHUNK = 65_536  # entries that are turned into an array together


@dataclass(frozen=True)
class Output:
    """The folder of the results, local or in a bucket.

    Args:
        path: a folder, or an address such as s3://bucket/folder.
    """

    path: str

    @property
    def _place(self) -> tuple[fs.FileSystem, str]:
        system, folder = file_system(self.path)
        return system, folder.rstrip("/")

    def read_plan(self) -> pa.Table | None:
        """Returns `part` and `entry` of the whole plan, with the settings in the metadata; None if there is none."""
        system, folder = self._place
        if system.get_file_info(f"{folder}/{_PLAN}").type == fs.FileType.NotFound:
            return None
        return pq.read_table(f"{folder}/{_PLAN}", filesystem=system)

    def read_entries(self, part: int) -> list[str]:
        """Returns the entries of one part."""
        system, folder = self._place
        rows = pq.read_table(f"{folder}/{_PLAN}", filesystem=system, filters=[("part", "=", part)])
        return rows["entry"].to_pylist()

    def write_plan(self, plan: pa.Table) -> None:
        content = io.BytesIO()
        pq.write_table(plan, content, compression="zstd", row_group_size=_CHUNK)
        self._write(_PLAN, content.getvalue())

    def has_part(self, part: int) -> bool:
        system, folder = self._place
        return bool(system.get_file_info(f"{folder}/{_PART.format(part)}").is_file)

    def parts(self) -> set[int]:
        """Returns the numbers of the parts that are written."""
        system, folder = self._place
        infos = system.get_file_info(fs.FileSelector(folder, allow_not_found=True))
        return {int(info.base_name[5:12]) for info in infos if info.base_name.startswith("part-")}

    def write_part(self, part: int, content: bytes) -> None:
        self._write(_PART.format(part), content)

    def clear(self) -> None:
        """Removes the plan, and then all parts: what a run wrote that is to be begun anew."""
        system, folder = self._place
        for name in [_PLAN, *(_PART.format(part) for part in self.parts())]:
            if system.get_file_info(f"{folder}/{name}").is_file:
                system.delete_file(f"{folder}/{name}")

    def _write(self, name: str, content: bytes) -> None:
        """Writes a file whole or not at all."""
        system, folder = self._place
        try:
            if isinstance(system, fs.LocalFileSystem):
                with atomic_path(f"{folder}/{name}") as temporary:
                    temporary.write_bytes(content)
            else:
                with system.open_output_stream(f"{folder}/{name}") as stream:  # an object appears when it is complete
                    stream.write(content)
        except (OSError, pa.ArrowException) as error:
            raise FaceKitError(
                f"Cannot write {self.path}/{name}: {error}. The same command continues.", argument="output"
            ) from error


def make_plan(
    output: Output, entries: Iterable[str], settings: Mapping[str, Any], size: int, *, overwrite: bool = False
) -> list[int]:
    """Writes the plan of a run, or adds new entries to the one that is there.

    Args:
        output: of the run.
        entries: of the sources, see `facekit.batch.sources.list_entries`.
        settings: that the results depend on.
        size: pictures of a part; a shard or a row group is a part of its own.
        overwrite: remove results of other settings.

    Returns:
        The numbers of the parts that are left to do.

    Raises:
        UsageError: the output holds results of other settings.
        DataError, FaceKitError: the sources cannot be listed, or the plan not be written.
    """
    before = output.read_plan()
    if before is not None and (differing := _differing(before, settings)):
        if not overwrite:
            raise UsageError(
                f"{output.path} holds results of other settings: {', '.join(differing)}. Name another folder, or "
                "overwrite them.",
                argument="overwrite",
            )
        before = None
    if before is None:
        output.clear()
    listed = pc.unique(pa.chunked_array(_chunks(entries), pa.large_string()))  # sources may overlap
    if before is not None:
        listed = listed.filter(pc.invert(pc.is_in(listed, value_set=before["entry"])))
    if len(listed) or before is None:
        first = 0 if before is None else pc.max(before["part"]).as_py() + 1
        numbers = pa.array(_part_numbers(listed, first, size), pa.int32())
        plan = pa.table({"part": numbers, "entry": listed})
        if before is not None:
            plan = pa.concat_tables([before.replace_schema_metadata(None), plan])
        before = plan.replace_schema_metadata({_SETTINGS: json.dumps(settings)})
        output.write_plan(before)
    return sorted(set(pc.unique(before["part"]).to_pylist()) - output.parts())


def _differing(plan: pa.Table, settings: Mapping[str, Any]) -> list[str]:
    """Returns names of settings that differ from those of a plan."""
    planned = json.loads((plan.schema.metadata or {}).get(_SETTINGS.encode(), b"{}"))
    current = json.loads(json.dumps(settings))
    return [name for name in current if planned.get(name) != current[name]]


def _chunks(entries: Iterable[str]) -> Iterator[pa.Array]:
    """Turns strings into arrays, which take a third of the memory."""
    chunk: list[str] = []
    for entry in entries:
        chunk.append(entry)
        if len(chunk) == _CHUNK:
            yield pa.array(chunk, pa.large_string())
            chunk.clear()
    yield pa.array(chunk, pa.large_string())


def _part_numbers(entries: pa.Array, first: int, size: int) -> "array[int]":
    """Returns the part of each entry."""
    numbers = array("i")
    part, n_pictures = first - 1, size
    for start in range(0, len(entries), _CHUNK):
        for entry in entries[start : start + _CHUNK].to_pylist():
            if n_pictures >= size or is_shard(entry):
                part, n_pictures = part + 1, 0
            numbers.append(part)
            n_pictures = size if is_shard(entry) else n_pictures + 1
    return numbers

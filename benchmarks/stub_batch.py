"""Runs a batch whose actors write a row for each picture without reading it; prints when the first was done."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from facekit.batch.rows import BatchConfig
from facekit.batch.run import PartWorker, run_batch
from facekit.batch.schema import encode_part


class Stub(PartWorker):
    """Writes each part of the plan without a look at its pictures."""

    def __call__(self, row: Mapping[str, Any]) -> dict[str, int]:
        part = int(row["part"])
        entries = self._output.read_entries(part)
        self._output.write_part(part, encode_part([{"picture": name} for name in entries], self._schema))
        return {"part": part, "pictures": len(entries), "faces": 0, "failed": 0}


def main() -> None:
    source, output = sys.argv[1:]
    start, first = time.perf_counter(), 0.0
    for _ in run_batch([source], output, BatchConfig({"heads": ["age"]}), worker=Stub):
        first = first or time.perf_counter() - start
    print(f"{first:.1f}")


if __name__ == "__main__":
    main()

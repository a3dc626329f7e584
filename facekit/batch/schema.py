"""The columns of the result: one row for each face, and one for each picture without a face or that failed."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from facekit.heads import Head
from facekit.heads.categorical import Categorical
from facekit.networks.cards import Card

CARD, SETTINGS = "facekit_card", "facekit_settings"  # keys of the file's metadata
_PICTURE = (("picture", pa.string()), ("error", pa.string()), ("width", pa.int32()), ("height", pa.int32()))
_FACE = (
    ("face", pa.int32()),
    *((name, pa.int32()) for name in ("left", "top", "right", "bottom")),
    ("score", pa.float32()),
    ("quality", pa.float32()),
)
"""Columns of every result; docs/SCALE.md explains them."""


def result_schema(heads: Sequence[Head], card: Card, settings: Mapping[str, Any]) -> pa.Schema:
    """Returns the schema of a result: `picture` to `quality`, then the columns of each head, and whether it is unsure.

    Args:
        heads: whose answers are written.
        card: of the first weights; it lies in the metadata under CARD.
        settings: of the run; under SETTINGS.
    """
    columns = [*_PICTURE, *_FACE]
    for head in heads:
        first, *others = head.columns
        columns += [
            (first, pa.string() if isinstance(head, Categorical) else pa.float32()),
            *((name, pa.float32()) for name in others),
        ]
        columns.append((f"{head.name}_unsure", pa.bool_()))
    if settings["chips"]:
        columns.append(("chip", pa.binary()))
    if settings["features"]:
        columns.append(("features", pa.list_(pa.float32())))
    return pa.schema(columns, metadata={CARD: card.to_json(), SETTINGS: json.dumps(settings)})


def encode_part(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> bytes:
    """Returns a Parquet file of rows; a column that a row lacks is null."""
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema), content, compression="zstd")
    return content.getvalue()

"""Photographs by the million: sources, a plan of parts, and a Parquet file for each part, on Ray."""

import os

# Read when Ray is imported: it reports its use, and takes `uv run` for a wish to build an environment for each worker.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")

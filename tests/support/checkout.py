"""The checkout under test, and the type of the fixture that runs its scripts."""

from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
Script = Callable[..., tuple[int, str, str]]

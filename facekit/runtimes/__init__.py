"""What answers: chips -> probabilities by head."""

from pathlib import Path
from typing import TYPE_CHECKING

from facekit.quiet import import_keras

if TYPE_CHECKING:
    from facekit.runtimes.keras import KerasRuntime


def load_runtime(weights: Path) -> "KerasRuntime":
    """The network of a weights file, ready to answer. Raises WeightsError."""
    import_keras()
    from facekit.runtimes.keras import KerasRuntime

    return KerasRuntime(weights)

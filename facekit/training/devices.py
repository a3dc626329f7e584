"""Accelerators that a run trains on: each holds weights and chips, and works on its part of every batch.

The batch stays one: JAX compiles one program for all devices and adds what has to cross them (GSPMD, Xu et al. 2021).
So batch norm, mixup and the loss see the whole batch, and the weights become those of one device.
"""

from contextlib import AbstractContextManager, nullcontext

import keras

from facekit.core.errors import UsageError, lookup


class Devices:
    """The devices of a run.

    Args:
        devices: "one", or "all" that JAX sees.
        batch_size: of the batches that they share.

    Raises:
        UsageError: several need another backend, or cannot share a batch evenly.
        UnknownNameError: neither of the two.
    """

    def __init__(self, devices: str, batch_size: int) -> None:
        several = lookup("choice of devices", devices, {"one": False, "all": True})
        backend = keras.backend.backend()
        if several and backend != "jax":
            raise UsageError(
                f"Training on all devices needs KERAS_BACKEND=jax. Received: {backend}. Set it, or train on one.",
                argument="devices",
            )
        self.count = keras.distribution.get_device_count() if several else 1
        self.check(batch_size)

    def check(self, batch_size: int) -> None:
        """Raises UsageError if a batch cannot be shared evenly."""
        if batch_size % self.count:
            fitting = max(batch_size // self.count, 1) * self.count
            raise UsageError(
                f"A batch must be shared evenly by {self.count} devices. Received: {batch_size} chips. "
                f"Use {fitting}, or hide devices (CUDA_VISIBLE_DEVICES).",
                argument="batch_size",
            )

    def scope(self) -> AbstractContextManager[None]:
        """Returns a context in which networks are made and trained on these devices."""
        return keras.distribution.DataParallel().scope() if self.count > 1 else nullcontext()


def replica_count() -> int:
    """Returns how many devices share a batch in the current context."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else distribution.num_model_replicas

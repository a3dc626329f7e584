"""On how many accelerators of a box a run trains: each holds weights and chips, and works on its share of every batch.

The batch stays one: JAX compiles one program for all devices and adds what has to cross them (GSPMD, Xu et al. 2021).
So batch norm, mixup and the loss see the whole batch, and the weights become those of one device.
"""

from contextlib import AbstractContextManager, nullcontext

import keras

from facekit.core.errors import UsageError, lookup


class Devices:
    """The devices of a run.

    Args:
        devices: "one", or "all" of this box, which are those that JAX sees.
        batch_size: that they share.

    Raises:
        UsageError: several need another backend, or cannot share a batch evenly.
        UnknownNameError: neither of the two.
    """

    def __init__(self, devices: str, batch_size: int) -> None:
        several = lookup("choice of devices", devices, {"one": False, "all": True})
        backend = keras.backend.backend()
        if several and backend != "jax":
            raise UsageError(
                f"--devices all needs KERAS_BACKEND=jax. Received: {backend}. Set it, or train without --devices."
            )
        self.count = keras.distribution.get_device_count() if several else 1
        self.check(batch_size)

    def check(self, batch_size: int) -> None:
        """Raises UsageError if a batch cannot be shared evenly."""
        if batch_size % self.count:
            fitting = max(batch_size // self.count, 1) * self.count
            raise UsageError(
                f"A batch must be shared evenly by {self.count} devices. Received: {batch_size} chips. "
                f"Use --batch-size {fitting}, or hide devices (CUDA_VISIBLE_DEVICES)."
            )

    def scope(self) -> AbstractContextManager[None]:
        """Inside, networks are made for these devices and trained on them; outside, on one as always."""
        return keras.distribution.DataParallel().scope() if self.count > 1 else nullcontext()


def sharing() -> int:
    """How many devices share a batch here and now."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else distribution.num_model_replicas

"""Free memory of the device and the host, in bytes; None where the system does not tell it."""

from pathlib import Path

import keras

_MEMINFO, _CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def free_on_device() -> int | None:
    """Returns the free memory of the first GPU; None without one."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch  # type: ignore[import-not-found]

        return int(torch.cuda.mem_get_info()[0]) if torch.cuda.is_available() else None
    if backend == "jax":
        import jax  # type: ignore[import-not-found]

        used = jax.devices()[0].memory_stats()  # None for a CPU
        return int(used["bytes_limit"] - used["bytes_in_use"]) if used else None
    from tensorflow.python.client.device_lib import list_local_devices  # type: ignore[import-untyped]

    return next((int(device.memory_limit) for device in list_local_devices() if device.device_type == "GPU"), None)


def free_on_host() -> int | None:
    """Returns the memory that can be allocated without swapping, within a container's limit."""
    found = [_available(), _left_in_container()]
    return min((size for size in found if size is not None), default=None)


def _available() -> int | None:
    try:
        rows = dict(line.split(":") for line in _MEMINFO.read_text().splitlines())
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):  # no Linux
        return None


def _left_in_container() -> int | None:
    try:
        limit, used = (int((_CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        cached = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())["inactive_file"]
        return limit - used + int(cached)
    except (OSError, KeyError, ValueError):  # no container, or one without a limit: "max"
        return None

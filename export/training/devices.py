"""Train one network on several devices: each computes its share of every batch, and all add up their gradients.

The batch is that of one device, cut into equal parts, so the training is the same one but for the order of its sums.
"""

import struct
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

import keras
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import BadData, UsageError
from export.training.cluster import Cluster

VIRTUAL = "{n} virtual devices of one processor: to try it out, for they are no faster than one"

Scalar = TypeVar("Scalar", bound=np.generic)


class Devices(Protocol):
    """Hold the devices of one training.

    Attributes
    ----------
    count
        Devices of all processes together.
    rank, processes
        Which process this is, from 0 on, and how many there are; process 0 alone writes files.
    remark
        What a user should know of them; empty where there is nothing to say.
    """

    count: int
    rank: int
    processes: int
    remark: str

    def scope(self) -> AbstractContextManager[None]:
        """Enter what a network must be built and trained in; a lost process comes out as ``ProcessLost``."""
        ...

    def send(self, data: bytes) -> bytes:
        """Give the bytes that process 0 passed; every process must call it, as often as the others."""
        ...

    def close(self) -> None:
        """Part from the other processes, when all of them are here; may be called twice."""
        ...


class OneDevice:
    """Train as Keras does by itself."""

    count = 1
    rank = 0
    processes = 1
    remark = ""

    def scope(self) -> AbstractContextManager[None]:
        """Enter nothing."""
        return nullcontext()

    def send(self, data: bytes) -> bytes:
        """Give back what it is passed."""
        return data

    def close(self) -> None:
        """Do nothing."""


ONE_DEVICE = OneDevice()


def open_devices(wanted: int | None, cluster: Cluster | None = None) -> Devices:
    """Find the devices of a training, and meet its other processes.

    Parameters
    ----------
    wanted
        Devices of each process; None: all GPUs (or TPUs) of the machine, and its processor where it has none.
    cluster
        The processes that train together; None: this one alone.

    Returns
    -------
    The devices, to be closed by the caller.

    Raises
    ------
    UsageError
        The machine has fewer devices, or Keras' back end cannot do it.
    ProcessLost
        The other processes did not come.
    """
    if wanted == 1 and cluster is None:
        return ONE_DEVICE
    check_backend(cluster)
    if keras.backend.backend() == "jax":
        from export.training.jax_devices import open_jax_devices

        return open_jax_devices(wanted, cluster)
    from export.training.tensorflow_devices import open_tensorflow_devices

    return open_tensorflow_devices(wanted)


def check_backend(cluster: Cluster | None) -> None:
    """Raise ``UsageError`` where Keras' back end cannot train on several devices, or in several processes."""
    backend = keras.backend.backend()
    if cluster is not None and backend != "jax":
        raise UsageError(
            f"--cluster: Keras trains in several processes on JAX alone, not on {backend}; give --backend jax"
        )
    if backend not in ("jax", "tensorflow"):
        raise UsageError(f"--devices: Keras trains on several devices on TensorFlow and JAX, not on {backend}")


def check_batch(batch: int, devices: Devices) -> None:
    """Raise ``UsageError`` where a batch cannot be cut into equal parts, one for each device."""
    if batch % devices.count:
        nearest = max(1, round(batch / devices.count)) * devices.count
        raise UsageError(f"--batch {batch}: {devices.count} devices share it; give a multiple, such as {nearest}")


def rows_of(batch: int, devices: Devices) -> slice:
    """Find the rows of a batch that this process computes."""
    share = batch // devices.processes
    return slice(devices.rank * share, (devices.rank + 1) * share)


def agree(number: float, devices: Devices) -> float:
    """Give the number that process 0 found, so that all decide alike; exact."""
    if devices.processes == 1:
        return number
    (agreed,) = struct.unpack("<d", devices.send(struct.pack("<d", number)))
    return float(agreed)


def agree_on_weights(model: keras.Model, devices: Devices) -> None:
    """Put the weights of process 0 into the network of every process: machines may draw others by the same seed."""
    if devices.processes == 1:
        return
    mine = [keras.ops.convert_to_numpy(variable) for variable in model.variables]
    for variable, sent in zip(model.variables, agree_on_arrays(mine, devices), strict=True):
        variable.assign(sent)


def agree_on_arrays(arrays: Sequence[NDArray[Scalar]], devices: Devices) -> list[NDArray[Scalar]]:
    """Give the arrays that process 0 passed; those of all processes have the same shapes and dtypes."""
    if devices.processes == 1:
        return list(arrays)
    sent = devices.send(b"".join(each.tobytes() for each in arrays))
    ends = np.cumsum([each.nbytes for each in arrays]).tolist()
    return [
        np.frombuffer(sent[end - each.nbytes : end], each.dtype).reshape(each.shape)
        for each, end in zip(arrays, ends, strict=True)
    ]


def check_same(fingerprint: str, devices: Devices) -> None:
    """Raise ``BadData`` where this process has other pictures or settings than process 0."""
    if devices.send(fingerprint.encode()).decode() != fingerprint:
        raise BadData(
            f"process {devices.rank}: other settings or pictures than process 0; give all of them the same options,"
            " the same pictures and the same versions"
        )

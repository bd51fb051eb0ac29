"""Train on several devices of several machines with JAX: ``keras.distribution.DataParallel`` under Keras' ``fit``."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils

from edge_srcnn.errors import EdgeSrcnnError, UsageError
from export.training.cluster import LOST, Cluster, ProcessLost
from export.training.devices import ONE_DEVICE, VIRTUAL, Devices

JOIN_S = 300
"""So long a process waits for the others at the beginning."""

HEARTBEAT_S = 30
"""A process that was silent for so long is lost, and all others end."""

_STDOUT = 1
_FLAG = "xla_force_host_platform_device_count"
_LOST = re.compile(r"gloo|nccl|coordination|heartbeat|barrier|UNAVAILABLE|DEADLINE_EXCEEDED", re.IGNORECASE)
"""What JAX says in errors that another process, or the network, is to blame for."""


class JaxDevices:
    """Keep the network on several devices; each process gives Keras its own rows of a batch.

    Parameters
    ----------
    devices
        Those of all processes, in the order of the processes.
    remark
        What a user should know of them.
    """

    def __init__(self, devices: list["jax.Device"], remark: str = "") -> None:
        self.count, self.remark = len(devices), remark
        self.rank, self.processes = jax.process_index(), jax.process_count()
        names = [f"{device.platform}:{device.id}" for device in devices]
        self._distribution = keras.distribution.DataParallel(devices=names, auto_shard_dataset=False)
        with _quiet_stdout():
            self.send(b"connected")

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Enter Keras' distribution; tell a lost process."""
        with self._telling(), self._distribution.scope():
            yield

    def send(self, data: bytes) -> bytes:
        """Give the bytes that process 0 passed."""
        if self.processes == 1:
            return data
        with self._telling():
            length = int(multihost_utils.broadcast_one_to_all(np.array(len(data), np.int32)))
            mine = np.zeros(length, np.uint8)
            if self.rank == 0:
                mine[:] = np.frombuffer(data, np.uint8)
            return np.asarray(multihost_utils.broadcast_one_to_all(mine)).astype(np.uint8).tobytes()

    def close(self) -> None:
        """Wait for the other processes, and part from them."""
        if self.processes > 1:
            with self._telling():
                jax.distributed.shutdown()  # type: ignore[no-untyped-call]  # JAX gives it no types

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except EdgeSrcnnError:
            raise
        except (RuntimeError, ValueError) as error:
            if self.processes > 1 and _LOST.search(str(error)):
                raise ProcessLost(LOST) from error
            raise


def open_jax_devices(wanted: int | None, cluster: Cluster | None) -> Devices:
    """Take GPUs or TPUs or, where a machine has none, so many virtual devices of its processor.

    Parameters
    ----------
    wanted
        Devices of each process; None: all GPUs or TPUs, or the one processor.
    cluster
        The processes that train together; None: this one alone.

    Returns
    -------
    The devices of all processes.

    Raises
    ------
    UsageError
        There are fewer devices; the scheduler's environment tells of no processes.
    ProcessLost
        The other processes did not come in time.
    """
    if wanted and wanted > 1 and _FLAG not in os.environ.get("XLA_FLAGS", ""):
        with suppress(RuntimeError):  # JAX runs already, on what it was given first
            jax.config.update("jax_num_cpu_devices", wanted)  # type: ignore[no-untyped-call]  # JAX gives it no types
    if cluster is not None:
        _join(cluster)
    here = jax.local_devices()
    is_processor = here[0].platform == "cpu"
    n = wanted or (1 if is_processor else len(here))
    if n > len(here):
        kind = "JAX runs already, on" if is_processor else "this machine has"
        raise UsageError(f"--devices {n}: {kind} {len(here)} {here[0].platform.upper()} device{'s'[: len(here) > 1]}")
    if cluster is None and n == 1:
        return ONE_DEVICE
    each = [[d for d in jax.devices() if d.process_index == rank][:n] for rank in range(jax.process_count())]
    if len({len(devices) for devices in each}) > 1:
        counts = ", ".join(str(len(devices)) for devices in each)
        raise UsageError(f"--devices: the processes have {counts} of them; give all the same number")
    remark = VIRTUAL.format(n=n) if is_processor and n > 1 else ""
    return JaxDevices([device for devices in each for device in devices], remark)


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Drop what native code writes to standard output: Gloo tells of its connections."""
    sys.stdout.flush()
    kept, nowhere = os.dup(_STDOUT), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDOUT)
        yield
    finally:
        os.dup2(kept, _STDOUT)
        os.close(kept)
        os.close(nowhere)


def _join(cluster: Cluster) -> None:
    """Meet the other processes."""
    jax.config.update("jax_enable_preemption_service", False)  # type: ignore[no-untyped-call]  # it swallows SIGTERM
    try:
        if cluster.address is None:
            jax.distributed.initialize(
                initialization_timeout=JOIN_S,
                heartbeat_timeout_seconds=HEARTBEAT_S,
            )
            return
        jax.distributed.initialize(
            cluster.address,
            cluster.processes,
            cluster.rank,
            initialization_timeout=JOIN_S,
            heartbeat_timeout_seconds=HEARTBEAT_S,
            coordinator_bind_address=cluster.address if cluster.is_loopback else None,
            cluster_detection_method="deactivate",
        )
    except ValueError as error:
        raise UsageError(f"--cluster auto: no scheduler tells of other processes here ({error})") from error
    except RuntimeError as error:
        where = cluster.address or "the address that the scheduler tells"
        raise ProcessLost(f"the processes did not meet at {where} ({str(error).splitlines()[0]})") from error

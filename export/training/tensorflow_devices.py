"""Train on several devices of one machine with TensorFlow: ``tf.distribute.MirroredStrategy`` under Keras' ``fit``.

Several processes are not for it: Keras 3 does not train under ``MultiWorkerMirroredStrategy``.
"""

import logging
from contextlib import AbstractContextManager, suppress

import tensorflow as tf

from edge_srcnn.errors import UsageError
from export.training.devices import ONE_DEVICE, VIRTUAL, Devices


class MirroredDevices:
    """Keep the network on several devices of this machine; Keras cuts each batch for them.

    Parameters
    ----------
    names
        Devices as TensorFlow calls them, such as ``GPU:0``.
    remark
        What a user should know of them.
    """

    rank = 0
    processes = 1

    def __init__(self, names: list[str], remark: str = "") -> None:
        self.count, self.remark = len(names), remark
        logger = logging.getLogger("tensorflow")
        level = logger.level
        logger.setLevel(logging.ERROR)  # it warns of processors, which the remark tells better
        try:
            self._strategy = tf.distribute.MirroredStrategy(names)
        finally:
            logger.setLevel(level)

    def scope(self) -> AbstractContextManager[None]:
        """Enter the strategy."""
        scope: AbstractContextManager[None] = self._strategy.scope()
        return scope

    def send(self, data: bytes) -> bytes:
        """Give back what it is passed: there is one process."""
        return data

    def close(self) -> None:
        """Do nothing: the devices stay TensorFlow's."""


def open_tensorflow_devices(wanted: int | None) -> Devices:
    """Take GPUs or, where the machine has none, so many virtual devices of its processor.

    Parameters
    ----------
    wanted
        How many; None: all GPUs, or the one processor.

    Returns
    -------
    The devices.

    Raises
    ------
    UsageError
        There are fewer GPUs; TensorFlow runs already, and not on so many virtual devices.
    """
    gpus = len(tf.config.list_physical_devices("GPU"))
    n = wanted or gpus or 1
    if n == 1:
        return ONE_DEVICE
    if gpus:
        if n > gpus:
            raise UsageError(f"--devices {n}: this machine has {gpus} GPU{'s' if gpus > 1 else ''}")
        return MirroredDevices([f"GPU:{number}" for number in range(n)])
    with suppress(RuntimeError):  # TensorFlow runs already, on what it was given first
        processor = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * n)
    if (found := len(tf.config.list_logical_devices("CPU"))) < n:
        raise UsageError(f"--devices {n}: TensorFlow runs already, on {found} device{'s' if found > 1 else ''}")
    return MirroredDevices([f"CPU:{number}" for number in range(n)], VIRTUAL.format(n=n))

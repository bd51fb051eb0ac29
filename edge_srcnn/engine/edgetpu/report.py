"""What there is of the Coral Edge TPU on this machine; or why it cannot be used, and the cure."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from edge_srcnn.engine.edgetpu.devices import why_no_device
from edge_srcnn.engine.edgetpu.several import EDGETPU_LIBRARY, edgetpu_devices, edgetpu_library, edgetpu_version
from edge_srcnn.errors import Unavailable
from edge_srcnn.system.native_stderr import quiet_native_code
from edge_srcnn.system.worker_process import Child

WORKER = "edge_srcnn.engine.edgetpu.report:edgetpu_worker"
LIMIT_S = 10.0


@dataclass(frozen=True)
class EdgeTpuReport:
    """What was found.

    Attributes
    ----------
    library
        What libedgetpu says of its version; None where it cannot be loaded.
    devices
        Those that it sees, each ``usb PATH`` or ``pci PATH``.
    problem
        Why there is nothing to compute with, and what to do; None where there is.
    """

    library: str | None = None
    devices: tuple[str, ...] = ()
    problem: str | None = None


def report_edgetpu() -> EdgeTpuReport:
    """Ask libedgetpu, in a process of its own, since its code may abort or hang."""
    try:
        with closing(Child(WORKER)) as child:
            found: EdgeTpuReport = child.call(LIMIT_S)
            return found
    except (TimeoutError, ConnectionError) as error:
        return EdgeTpuReport(problem=f"{EDGETPU_LIBRARY}: breaks when it is asked ({error}); install it again")
    except OSError as error:  # no more processes or descriptors
        return EdgeTpuReport(problem=f"{EDGETPU_LIBRARY}: could not be asked ({error})")


def edgetpu_worker() -> Callable[[], EdgeTpuReport]:
    """Make what the child does."""
    return _look


def _look() -> EdgeTpuReport:
    try:
        with quiet_native_code():
            library = edgetpu_library()
            version, devices = edgetpu_version(library), tuple(edgetpu_devices(library))
    except Unavailable as error:
        return EdgeTpuReport(problem=str(error))
    except AttributeError as error:
        return EdgeTpuReport(problem=f"{EDGETPU_LIBRARY}: is another library of that name ({error})")
    return EdgeTpuReport(version, devices, None if devices else why_no_device("", devices))

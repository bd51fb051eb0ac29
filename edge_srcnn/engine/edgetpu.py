"""Coral Edge TPUs on this machine: which there are; or why none can be used, and the cure. Source: edgetpu_c.h."""

import ctypes
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge_srcnn.engine.shared_library import load_library
from edge_srcnn.errors import Unavailable
from edge_srcnn.system.native_stderr import quiet_native_code
from edge_srcnn.system.worker_process import START_S, Child, ChildDied

EDGETPU_LIBRARY = "libedgetpu.so.1"
WORKER = "edge_srcnn.engine.edgetpu:edgetpu_worker"
LIMIT_S = 10.0

USB_IDS = {("1a6e", "089a"): "before its first use", ("18d1", "9302"): "in use or used before"}
"""Vendor and product; the device changes them when its firmware is loaded."""

ROOT = Path("/")
"""Where ``sys``, ``dev`` and ``proc`` are."""

_KINDS = {0: "pci", 1: "usb"}


@dataclass(frozen=True)
class EdgeTpuReport:
    """The library and the devices that were found.

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
    limit_s = START_S
    try:
        with closing(Child(WORKER)) as child:
            limit_s = LIMIT_S
            found: EdgeTpuReport = child.call(limit_s)
            return found
    except TimeoutError:
        cure = "this machine may be busy, or a device hangs: ask again, or plug the device in again"
        return EdgeTpuReport(problem=f"{EDGETPU_LIBRARY}: took longer than {limit_s:g} s to answer; {cure}")
    except ChildDied as error:
        if error.crashed:
            return EdgeTpuReport(problem=f"{EDGETPU_LIBRARY}: breaks when it is asked ({error}); install it again")
        return EdgeTpuReport(problem=f"{EDGETPU_LIBRARY}: could not be asked ({error}); ask again")
    except OSError as error:  # no more processes or descriptors
        return EdgeTpuReport(problem=f"{EDGETPU_LIBRARY}: could not be asked ({error})")


def edgetpu_worker() -> Callable[[], EdgeTpuReport]:
    """Make what the child does."""
    return _look


def _look() -> EdgeTpuReport:
    try:
        with quiet_native_code():
            library = load_library(EDGETPU_LIBRARY)
            version, devices = _version(library), tuple(_devices(library))
    except Unavailable as error:
        return EdgeTpuReport(problem=str(error))
    except AttributeError as error:
        return EdgeTpuReport(problem=f"{EDGETPU_LIBRARY}: is another library of that name ({error})")
    return EdgeTpuReport(version, devices, None if devices else why_no_device("", devices))


def _version(library: ctypes.CDLL) -> str:
    library.edgetpu_version.restype = ctypes.c_char_p
    return bytes(library.edgetpu_version()).decode(errors="replace")


def _devices(library: ctypes.CDLL) -> list[str]:
    """List the Edge TPUs that libedgetpu sees, each ``usb PATH`` or ``pci PATH``."""
    count = ctypes.c_size_t(0)
    library.edgetpu_list_devices.restype = ctypes.POINTER(_Device)
    library.edgetpu_free_devices.argtypes = [ctypes.POINTER(_Device)]
    library.edgetpu_free_devices.restype = None
    found = library.edgetpu_list_devices(ctypes.byref(count))
    try:
        devices = [found[index] for index in range(count.value)]
        return [f"{_KINDS.get(one.type, 'unknown')} {(one.path or b'').decode(errors='replace')}" for one in devices]
    finally:
        library.edgetpu_free_devices(found)


class _Device(ctypes.Structure):
    """``struct edgetpu_device``."""

    _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))


def why_refused(wanted: str, root: Path = ROOT) -> str:
    """Explain why libedgetpu, which is there, refuses a device, such as ``usb:1``; empty: any."""
    try:
        seen = _devices(load_library(EDGETPU_LIBRARY))
    except (Unavailable, AttributeError):
        seen = []
    return why_no_device(wanted, seen, root)


def why_no_device(wanted: str, seen: Sequence[str], root: Path = ROOT) -> str:
    """Explain why there is no device: none, not allowed, busy, or another one than was asked for.

    Parameters
    ----------
    wanted
        Such as ``usb:1``, as libedgetpu is told; empty for any.
    seen
        The devices that libedgetpu lists, each ``usb PATH`` or ``pci PATH``.
    root
        Where ``sys`` and ``dev`` are.

    Returns
    -------
    The cause and the cure.
    """
    there = [*_usb_nodes(root), *sorted((root / "dev").glob("apex_*"))]
    if not there and not seen:
        return (
            "no Edge TPU is there; is it plugged in? lsusb shows 1a6e:089a or 18d1:9302, ls /dev/apex_* the PCIe ones"
        )
    hidden = [node for node in there if not os.path.exists(node)]
    if hidden:
        return f"the Edge TPU is plugged in, but {hidden[0]} is not here; give the container its devices (--device)"
    closed = [node for node in there if not os.access(node, os.R_OK | os.W_OK)]
    if closed:
        return (
            f"no permission for {closed[0]}: install the udev rule ('edge-srcnn service install' does), join the group"
            " plugdev (usermod -aG plugdev USER), and plug the device in again"
        )
    kind, _, number = wanted.partition(":")
    if seen and len([each for each in seen if each.startswith(kind)]) <= int(number or 0):
        return f"there is no device {wanted!r}; there are: {', '.join(seen)}"
    for node in there:
        users = [user for user in _users_of(node) if user != os.getpid()]
        if users:
            return f"the Edge TPU is busy: process {users[0]} uses {node}; end it, or name another device"
    return (
        "refuses the device; another user's process may hold it, or libedgetpu and the interpreter are of different"
        " generations: update both (their versions: edge-srcnn doctor)"
    )


def _usb_nodes(root: Path) -> list[Path]:
    """List the device files of the Coral USB accelerators that are plugged in."""
    found = []
    for entry in sorted((root / "sys/bus/usb/devices").glob("*")):
        if (_read(entry / "idVendor"), _read(entry / "idProduct")) in USB_IDS:
            bus, number = _read(entry / "busnum"), _read(entry / "devnum")
            if bus.isdecimal() and number.isdecimal():
                found.append(root / "dev/bus/usb" / f"{int(bus):03d}" / f"{int(number):03d}")
    return found


def _users_of(node: Path) -> list[int]:
    """List the processes that have a device file open, as far as we may see."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = [os.readlink(link) for link in (process / "fd").iterdir()]
        except OSError:  # gone, or not ours
            continue
        if str(node) in links:
            found.append(int(process.name))
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""

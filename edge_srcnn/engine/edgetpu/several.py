"""The Coral Edge TPU's library: is it there, what is it, which devices does it see? Source: edgetpu_c.h."""

import ctypes
import re
from pathlib import Path

from edge_srcnn.engine.edgetpu.devices import ROOT, why_no_device
from edge_srcnn.engine.edgetpu.library import why_not_loaded
from edge_srcnn.errors import Unavailable, UsageError

EDGETPU = "edgetpu"
EDGETPU_LIBRARY = "libedgetpu.so.1"

_DEVICE = re.compile(r"(usb|pci)?(?::?([0-9]{1,2}))?")
_KINDS = {0: "pci", 1: "usb"}


def edgetpu_engines(engine: str) -> list[str]:
    """``edgetpu:0,1``: an engine for each device that is to share a picture.

    Raises
    ------
    UsageError
        One makes no sense, or is named twice.
    """
    devices = engine.partition(":")[2].split(",")
    if len(devices) > 1 and ("" in devices or len(set(devices)) < len(devices)):
        raise UsageError(f"engine {engine!r}: give different devices, such as edgetpu:0,1")
    engines = [f"{EDGETPU}:{device}" if device else EDGETPU for device in devices]
    for each in engines:
        edgetpu_device(each)
    return engines


def edgetpu_device(engine: str) -> str:
    """Translate ``edgetpu``, ``edgetpu:usb``, ``edgetpu:pci``, ``edgetpu:0`` or ``edgetpu:usb:1`` for libedgetpu.

    Raises
    ------
    UsageError
        There is something else behind the colon.
    """
    match = _DEVICE.fullmatch(engine.partition(":")[2])
    if match is None:
        raise UsageError(
            f"engine {engine!r}: give edgetpu, edgetpu:usb, edgetpu:pci, edgetpu:0, edgetpu:usb:1 or edgetpu:0,1"
        )
    kind, number = match[1] or "", match[2]
    return kind if number is None else f"{kind}:{int(number)}"


def edgetpu_library() -> ctypes.CDLL:
    """libedgetpu, loaded; ``Unavailable`` with the cause and the cure otherwise."""
    try:
        return ctypes.CDLL(EDGETPU_LIBRARY)
    except OSError as error:
        raise Unavailable(f"{EDGETPU_LIBRARY}: {why_not_loaded(EDGETPU_LIBRARY, error)}") from error


def edgetpu_version(library: ctypes.CDLL) -> str:
    """Read the version that libedgetpu gives."""
    library.edgetpu_version.restype = ctypes.c_char_p
    return bytes(library.edgetpu_version()).decode(errors="replace")


def edgetpu_devices(library: ctypes.CDLL) -> list[str]:
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


def why_no_edgetpu(wanted: str, root: Path = ROOT) -> str:
    """Why libedgetpu, which is there, refuses a device."""
    try:
        seen = edgetpu_devices(edgetpu_library())
    except (Unavailable, AttributeError):
        seen = []
    return why_no_device(wanted, seen, root)


class _Device(ctypes.Structure):
    """``struct edgetpu_device``."""

    _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))

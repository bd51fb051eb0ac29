"""Coral devices as Linux sees them: whether one is there, whether we may use it, who else does."""

import os
from collections.abc import Sequence
from pathlib import Path

USB_IDS = {("1a6e", "089a"): "before its first use", ("18d1", "9302"): "in use or used before"}
"""Vendor and product; the device changes them when its firmware is loaded."""

ROOT = Path("/")
"""Where ``sys``, ``dev`` and ``proc`` are."""


def usb_nodes(root: Path = ROOT) -> list[Path]:
    """Device files of the Coral USB accelerators that are plugged in."""
    found = []
    for entry in sorted((root / "sys/bus/usb/devices").glob("*")):
        if (_read(entry / "idVendor"), _read(entry / "idProduct")) in USB_IDS:
            bus, number = _read(entry / "busnum"), _read(entry / "devnum")
            if bus.isdecimal() and number.isdecimal():
                found.append(root / "dev/bus/usb" / f"{int(bus):03d}" / f"{int(number):03d}")
    return found


def pci_nodes(root: Path = ROOT) -> list[Path]:
    """Device files of the Coral PCIe and M.2 accelerators."""
    return sorted((root / "dev").glob("apex_*"))


def users_of(node: Path) -> list[int]:
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


def why_no_device(wanted: str, seen: Sequence[str], root: Path = ROOT) -> str:
    """Why libedgetpu refuses: there is none, we may not, it is busy, or it is another one than was asked for.

    Parameters
    ----------
    wanted
        Such as ``usb:1``, as libedgetpu is told; empty for any.
    seen
        The devices that libedgetpu lists, each ``usb PATH`` or ``pci PATH``.
    """
    there = [*usb_nodes(root), *pci_nodes(root)]
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
    if seen and not _is_among(wanted, seen):
        return f"there is no device {wanted!r}; there are: {', '.join(seen)}"
    for node in there:
        users = [user for user in users_of(node) if user != os.getpid()]
        if users:
            return f"the Edge TPU is busy: process {users[0]} uses {node}; end it, or name another device"
    return (
        "refuses the device; another user's process may hold it, or libedgetpu and the interpreter are of different"
        " generations: update both (their versions: edge-srcnn doctor)"
    )


def _is_among(wanted: str, seen: Sequence[str]) -> bool:
    kind, _, number = wanted.partition(":")
    return len([each for each in seen if each.startswith(kind)]) > int(number or 0)


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""

"""The processor that this runs on: its name, int8 features and caches, as Linux tells them."""

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
CORTEX_A53 = "cortex-a53"
_ARM_CORES = {("0x41", "0xd03"): CORTEX_A53}
"""Names by implementer and part number."""
_UNITS = {"K": 1 << 10, "M": 1 << 20}


@dataclass(frozen=True)
class Processor:
    """A processor, as Linux tells it.

    Attributes
    ----------
    name
        As its maker calls it.
    machine
        The architecture.
    flags
        /proc/cpuinfo's feature flags; and ``CORTEX_A53`` on that core, whose features do not tell it from others.
    caches
        Data caches in bytes by level.
    """

    name: str
    machine: str
    flags: frozenset[str]
    caches: dict[int, int]


@cache
def this_processor() -> Processor:
    """Look at /proc and /sys once; what is not told there stays empty."""
    lines = _CPUINFO.read_text().splitlines() if _CPUINFO.is_file() else []
    fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines if ":" in line]
    known = {key: value for key, value in reversed(fields)}
    flags = frozenset((known.get("flags") or known.get("Features") or "").split())
    core = _ARM_CORES.get((known.get("CPU implementer", ""), known.get("CPU part", "")))
    flags |= {core} if core else set()
    name = known.get("model name") or known.get("Model") or platform.processor() or os.uname().machine
    return Processor(name, platform.machine(), flags, _caches(_CACHES))


def available_processors() -> int:
    """Count the processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _caches(folder: Path) -> dict[int, int]:
    found = {}
    for index in sorted(folder.glob("index*")):
        try:
            kind, level, size = ((index / name).read_text().strip() for name in ("type", "level", "size"))
            if kind != "Instruction":
                found[int(level)] = int(size[:-1]) * _UNITS[size[-1]]
        except (OSError, ValueError, KeyError, IndexError):  # a virtual machine may leave parts out
            continue
    return found

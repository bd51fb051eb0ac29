"""Read how hot the processor is, and whether a Raspberry Pi slows itself down."""

import logging
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

log = logging.getLogger(__name__)

_THERMAL = Path("/sys/class/thermal")
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_VCGENCMD_S = 2.0
_OF_THE_PROCESSOR = ("cpu", "soc", "pkg")
_REASONS = {0x1: "the voltage is too low", 0x2: "its clock is capped", 0x4: "it is throttled", 0x8: "it is too hot"}
"""Bits of what the firmware tells. Source: raspberrypi.com/documentation/computers/os.html, get_throttled."""


@dataclass(frozen=True)
class Heat:
    """Hold a look at the processor.

    Attributes
    ----------
    temperature_c
        Degrees Celsius; None where nothing measures it.
    throttled
        Why it slows itself down at the moment; empty when it does not, or nobody knows.
    """

    temperature_c: float | None
    throttled: tuple[str, ...]


def look_at_heat() -> Heat:
    """Read temperature and throttling."""
    return Heat(processor_temperature_c(), throttling())


class HeatWatch:
    """Tell the last look at the processor without waiting for it: each look is made in a thread of its own.

    Parameters
    ----------
    look
        Reads sensors, which may take seconds.
    every_s
        A look that is older is made anew.
    """

    def __init__(self, look: Callable[[], Heat] = look_at_heat, every_s: float = 2.0) -> None:
        self._look, self._every_s = look, every_s
        self._newest = Heat(None, ())
        self._next_s = float("-inf")
        self._looking: threading.Thread | None = None

    def newest(self) -> Heat:
        """Give the last look, and begin another one when it is time; from one thread."""
        if monotonic() >= self._next_s and (self._looking is None or not self._looking.is_alive()):
            self._next_s = monotonic() + self._every_s
            self._looking = threading.Thread(target=self._refresh, name="heat", daemon=True)
            self._looking.start()
        return self._newest

    def _refresh(self) -> None:
        try:
            self._newest = self._look()
        except OSError as error:  # such as too many open files
            log.debug("no look at the heat: %s", error)


def processor_temperature_c(folder: Path = _THERMAL) -> float | None:
    """Read degrees Celsius of the processor, or of whatever Linux measures first; None where it has no sensor."""
    try:
        zones = sorted(folder.glob("thermal_zone*"), key=lambda zone: (not _is_processor(zone), zone.name))
    except OSError:  # too many files are open
        return None
    for zone in zones:
        with suppress(ValueError):
            return int(_told(zone / "temp")) / 1000
    return None


def throttling(file: Path = _THROTTLED) -> tuple[str, ...]:
    """Tell why a Raspberry Pi slows itself down at the moment, by its kernel or ``vcgencmd``."""
    try:
        bits = int((_told(file) or _vcgencmd()).strip().rpartition("=")[2], 16)
    except ValueError:
        return ()
    return tuple(reason for bit, reason in _REASONS.items() if bits & bit)


def _vcgencmd() -> str:
    try:
        done = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, timeout=_VCGENCMD_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _is_processor(zone: Path) -> bool:
    kind = _told(zone / "type").lower()
    return any(word in kind for word in _OF_THE_PROCESSOR)


def _told(file: Path) -> str:
    """Read what the kernel tells in a file; nothing where it has none, or a sensor sleeps."""
    try:
        return file.read_text()
    except OSError:
        return ""

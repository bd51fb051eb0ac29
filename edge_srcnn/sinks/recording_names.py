"""Name recordings one after another, by number or by time, so that sorted names are in the order of recording.

Clocks go back: by an hour every autumn, by less when a time server corrects them, by years on a computer that begins
without a battery. A name by time never goes back with them by a little: it then keeps the time of the newest recording,
and counts on, ``day-20261025-025950_0002.mp4``. After a larger step names tell the time of the clock as it is, and the
order is kept beside them, see ``RecordedOrder``.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Protocol

_HOLD_US = 3 * 3600 * 1_000_000
"""Clocks are put back by up to two hours for the winter, and computers without one save the time every hour."""

_CODES = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "[0-9]{2}",
    "d": "[0-9]{2}",
    "j": "[0-9]{3}",
    "H": "[0-9]{2}",
    "M": "[0-9]{2}",
    "S": "[0-9]{2}",
    "f": "[0-9]{6}",  # microseconds, which names of pictures have
    "z": "[+-][0-9]{4,6}",
    "Z": "[A-Za-z0-9+-]*",
}
_HOURS = "(H(M(Sf?)?)?)?"
_ORDERS = re.compile(f"[Yy](m(d{_HOURS})?|j{_HOURS})?")
_YEARLY = re.compile("%[Yymd]")
_PARTS = re.compile("%(.?)|([^%]+)", re.DOTALL)
_GIVEN = "Y m d H M S j y z Z"

Key = tuple[int, ...]
"""What names of one series are sorted by."""


class Names(Protocol):
    """Tells which files belong to a series of recordings, in which order, and names the next one."""

    @property
    def index(self) -> str | None:
        """Name a hidden file for orders that names do not tell; None where they always do."""
        ...

    def key(self, name: str) -> Key | None:
        """Give what a name is sorted by; None: it does not belong to the series."""
        ...

    def candidates(self, newest: str | None) -> Iterator[str]:
        """Give names for the recording after the newest one, until one is free."""
        ...


@dataclass(frozen=True)
class Numbers:
    """Name by numbers: ``out-00001.mp4``."""

    begin: str
    suffix: str
    digits: int = 5
    first: int = 1
    index: str | None = None

    def key(self, name: str) -> Key | None:
        """Give the number."""
        number = name[len(self.begin) : len(name) - len(self.suffix)]
        fits = name.startswith(self.begin) and name.endswith(self.suffix) and number.isascii() and number.isdecimal()
        return (int(number),) if fits and self.digits <= len(number) <= 18 else None

    def candidates(self, newest: str | None) -> Iterator[str]:
        """Count on."""
        key = None if newest is None else self.key(newest)
        return (
            f"{self.begin}{number:0{self.digits}d}{self.suffix}" for number in count(key[0] + 1 if key else self.first)
        )


@dataclass(frozen=True)
class Times:
    """Name by the time of day at the begin: ``day-%Y%m%d-%H%M%S``.

    Attributes
    ----------
    pattern
        As ``strftime`` has it; ``ValueError`` where that cannot be sorted.
    utc
        By universal time instead of the local one.
    clock
        Gives seconds since 1970.
    """

    pattern: str
    suffix: str
    utc: bool = False
    clock: Callable[[], float] = time.time
    _fits: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        """Check the pattern."""
        parts = list(_parts(self.pattern))
        codes = "".join(code for code, _ in parts if code not in "zZ")
        if not _ORDERS.fullmatch(codes):
            raise ValueError(
                "times in a name go from the year down, each once, such as day-%Y%m%d-%H%M%S: then names sort by time"
            )
        text = "".join(f"(?P<{code}>{_CODES[code]})" if code else re.escape(literal) for code, literal in parts)
        object.__setattr__(self, "_fits", re.compile(rf"({text})(?:_([0-9]{{4,9}}))?{re.escape(self.suffix)}"))

    @property
    def index(self) -> str:
        """Name the hidden file that keeps the order."""
        return f".{self.pattern.replace('%', '')}.order"

    def key(self, name: str) -> Key | None:
        """Give microseconds of the time, and the number behind it."""
        found = self._fits.fullmatch(name)
        if found is None:
            return None
        values = {code: int(text) for code, text in found.groupdict().items() if code not in "zZ"}
        year = values["Y"] if "Y" in values else 2000 + values["y"]
        try:
            day = datetime(year, values.get("m", 1), values.get("d", 1)) + timedelta(days=values.get("j", 1) - 1)
        except (ValueError, OverflowError):  # no date
            return None
        seconds = (values.get("H", 0) * 60 + values.get("M", 0)) * 60 + values.get("S", 0)
        return (day.toordinal() * 86400 + seconds) * 1_000_000 + values.get("f", 0), int(found.groups()[-1] or 1)

    def candidates(self, newest: str | None) -> Iterator[str]:
        """Tell the time, or count on from the newest one where the clock is a little behind it."""
        stem, number = self._now(), 1
        key, last = self.key(f"{stem}{self.suffix}"), None if newest is None else self.key(newest)
        found = None if newest is None else self._fits.fullmatch(newest)
        if key and last and found and 0 <= last[0] - key[0] <= _HOLD_US:
            stem, number = found[1], last[1] + 1
        for each in count(number):
            yield f"{stem}{self.suffix}" if each == 1 else f"{stem}_{each:04d}{self.suffix}"

    def _now(self) -> str:
        now = self.clock()
        when = time.gmtime(now) if self.utc else time.localtime(now)
        # microseconds are strftime's of datetime alone
        texts = (
            f"{int(now % 1 * 1e6):06d}" if code == "f" else time.strftime(f"%{code}", when) if code else literal
            for code, literal in _parts(self.pattern)
        )
        return "".join(texts)


def is_timed(name: str) -> bool:
    """Tell whether the name of a file has parts of a time in it; ``ValueError`` where it has others behind a ``%``."""
    found = [code for code, _ in _parts(name) if code]
    if "f" in found:
        raise ValueError(f"%f is no part of a time here; there are {_GIVEN}, and %% is a percent sign")
    return bool(found)


def check_folder(folder: str) -> None:
    """Refuse a folder that is to be named by time; ``ValueError`` says what is possible."""
    if _YEARLY.search(folder):
        raise ValueError("a time goes into the name of the file, not of its folder: such as day-%Y%m%d-%H%M%S.mp4")


def without_codes(name: str) -> str:
    """Spell out ``%%`` in a name that has no time in it."""
    return "".join(literal for _, literal in _parts(name))


def _parts(pattern: str) -> Iterator[tuple[str, str]]:
    """Take a pattern apart: a code and nothing, or nothing and text."""
    for found in _PARTS.finditer(pattern):
        code, literal = found[1], found[2]
        if literal is not None:
            yield "", literal
        elif code == "%":
            yield "", "%"
        elif code and code in _CODES:
            yield code, ""
        else:
            raise ValueError(f"%{code} is no part of a time; there are {_GIVEN}, and %% is a percent sign")

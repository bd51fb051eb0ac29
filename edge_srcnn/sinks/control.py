"""What sinks may change while frames go on: a list of settings, their values, and the role that changes them."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from edge_srcnn.errors import UsageError
from edge_srcnn.uri import flag

_SHOWN = 60  # letters of a value that is refused


@dataclass(frozen=True)
class Setting:
    """Describe something that can be changed while frames go on.

    Attributes
    ----------
    name
        By which it is changed, such as ``strength``.
    label
        For people, such as ``Strength``.
    kind
        ``switch`` (true or false), ``choice`` (one of ``choices``), ``number``, or ``text``.
    choices
        Of a ``choice``; of a ``number`` words that it takes, too, such as ``auto``.
    least, most, step, unit
        Of a ``number``.
    blocked
        Why it cannot be changed here; None: it can.
    empty
        What null stands for, such as ``the whole picture``; None: it must have a value.
    pattern
        That all of a ``text`` matches.
    """

    name: str
    label: str
    kind: Literal["switch", "choice", "number", "text"]
    choices: tuple[str | int, ...] = ()
    least: float | None = None
    most: float | None = None
    step: float | None = None
    unit: str = ""
    blocked: str | None = None
    empty: str | None = None
    pattern: str = ""

    @property
    def takes(self) -> str:
        """Say what it takes: ``0 to 1.5, or auto``."""
        found = ["on", "off"] if self.kind == "switch" else [*map(str, self.choices)]
        if self.kind == "number":
            found.insert(0, f"{self.least:g} to {self.most:g} {self.unit}".rstrip())
        if self.kind == "text":
            found.insert(0, self.unit or "text")
        if self.empty is not None:
            found.append(f"nothing: {self.empty}")
        return f"{', '.join(found[:-1])} or {found[-1]}" if found[1:] else found[0]

    def read(self, text: str) -> Any:
        """Read a value that is written as text: ``0.8``, ``on``, ``90``; an empty one is null. It is not checked."""
        if not text.strip() and self.empty is not None:
            return None
        if self.kind == "switch":
            with suppress(ValueError):
                return flag(text)
        for choice in self.choices:
            if text == str(choice):
                return choice
        if self.kind == "number":
            with suppress(ValueError):
                return float(text)
        return text

    def check(self, value: Any) -> None:
        """Refuse what it does not take; ``UsageError`` names the setting, and what it takes."""
        if not (value is None and self.empty is not None) and not self._accepts(value):
            shown = f"{value:g}" if isinstance(value, float) else str(value)[:_SHOWN]
            raise UsageError(f"{self.name}: cannot be {shown or 'an empty text'}; give {self.takes}")

    def _accepts(self, value: Any) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if self.kind == "switch":
            return isinstance(value, bool)
        if self.kind == "text":
            return isinstance(value, str) and re.fullmatch(self.pattern or ".*", value) is not None
        if (number or isinstance(value, str)) and value in self.choices:
            return True
        least, most = self.least, self.most
        return self.kind == "number" and number and least is not None and most is not None and least <= value <= most


class Control(Protocol):
    """Changes settings while frames go on; from any thread."""

    def settings(self) -> tuple[Setting, ...]:
        """List what can be changed, and what cannot be changed here and why."""
        ...

    def values(self) -> dict[str, Any]:
        """Give the present value of each setting by name, as JSON has them."""
        ...

    def change(self, changes: Mapping[str, Any], *, persist: bool = False) -> dict[str, Any]:
        """Change settings between two frames; one that makes no sense changes nothing.

        Parameters
        ----------
        changes
            Name to new value, as JSON has them; text that says the same will do.
        persist
            Keep them beyond the next start.

        Returns
        -------
        All values after it.

        Raises
        ------
        UsageError
            There is no such setting, it does not take that value, or it is blocked; the text names it.
        CannotWrite
            They cannot be kept; nothing is changed.
        """
        ...

    def snapshot(self) -> Path:
        """Write the next enhanced picture into a file of its own, and wait for that.

        ``Unavailable`` where none came in time, ``CannotWrite`` where the disk refuses.
        """
        ...

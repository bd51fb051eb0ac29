"""Call a source in a thread of its own, within time limits: one that hangs is abandoned, and holds up nobody."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Any

from edge_srcnn.errors import EdgeSrcnnError, Unavailable
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.live.threads import STUCK_THREADS
from edge_srcnn.sources import Source, kind_of, silent
from edge_srcnn.sources.transform import NOTHING, Opening, TransformControl, temporal_of
from edge_srcnn.uri import parse_uri, seconds

log = logging.getLogger(__name__)

OPEN_S = 10.0
"""A camera may take so long to open, or twice its own time limit where that is longer."""

CLOSE_S = 1.5
LOSS_S = 0.5
"""A camera that was lost may well hang for so long."""

_NETWORK_PATIENCE = 8  # until a slow camera's first picture; connections have limits of their own
_GRACE_S = 0.5  # a source that does not keep its own time limit hangs


@dataclass(frozen=True)
class Opener:
    """What opens a source.

    Attributes
    ----------
    name
        For messages, without secrets.
    open
        Opens it.
    limit_s
        The call may take so long; None: as long as it takes.
    reopens
        It may get lost and come back, as a camera does.
    device
        What it opens, with all that tells it from others: it is not opened while a stuck thread holds it. Empty: its
        name.
    temporal
        Gives how much its frames are averaged over time; None: not at all.
    transform
        What is done to its frames; may change while the source is open.
    opening
        What its name says; None where there is no name.
    """

    name: str
    open: Callable[[], Source]
    limit_s: float | None = None
    reopens: bool = False
    device: str = ""
    temporal: Callable[[], TemporalStrength | None] = lambda: None
    transform: TransformControl = field(default_factory=TransformControl)
    opening: Opening | None = None

    @classmethod
    def of(
        cls, uri: str, temporal: Callable[[], str | None] = lambda: None, transform: Mapping[str, Any] = NOTHING
    ) -> "Opener":
        """Open what a name says.

        Parameters
        ----------
        uri
            The name.
        temporal
            Gives what is to count where the name has no temporal=; may change while the source is open.
        transform
            What comes before the options of the name: ``rotate``, ``hflip``, ``vflip``, ``crop``, ``fps``.

        Returns
        -------
        The opener.

        Raises
        ------
        UsageError
            The name makes no sense.
        """
        parsed = parse_uri(uri)
        kind, limit_s = kind_of(parsed), None
        opening, reopens = kind.opening(parsed), kind.reopens(parsed)
        if reopens:
            timeout_s = seconds(parsed.options.get("timeout", "5" if parsed.is_network else "1"))
            limit_s = max(OPEN_S, (_NETWORK_PATIENCE if parsed.is_network else 2) * timeout_s)
        device = f"{parsed.scheme}:{parsed.target}"
        strength = temporal_of(parsed, camera=kind.camera)
        control = TransformControl(opening.transform(transform))
        return cls(
            parsed.name,
            lambda: kind.open(parsed, control),
            limit_s,
            reopens,
            device,
            lambda: strength(temporal()),
            control,
            opening,
        )


class Reader(threading.Thread):
    """The thread that calls a source, and when the call under way is overdue.

    Parameters
    ----------
    opener
        Of the source.
    work
        What the thread does.

    Attributes
    ----------
    source
        The one that is open; None while none is.
    abandoned
        Nobody waits for it any more.
    """

    def __init__(self, opener: Opener, work: Callable[["Reader"], None]) -> None:
        super().__init__(name=f"capture {opener.name}", daemon=True)
        self.opener = opener
        self.source: Source | None = None
        self.abandoned = False
        self._work, self._call, self._due_s = work, "", inf

    def run(self) -> None:
        """Do the work."""
        self._work(self)

    def open(self, opener: Opener) -> Source:
        """Open a source; ``Unavailable`` at once where its driver did not return from an earlier call."""
        self.opener = opener
        if STUCK_THREADS.holds(opener.device or opener.name, LOSS_S):
            raise Unavailable(
                f"{opener.name}: the driver does not answer: an earlier call to it has not returned, and no other "
                "is made meanwhile; if that lasts, plug the camera in anew or start the machine anew"
            )
        with self.within(opener.limit_s, "open"):
            return opener.open()

    @contextmanager
    def within(self, limit_s: float | None, call: str) -> Iterator[None]:
        """Limit the time of the call in the block."""
        self._call, self._due_s = call, inf if limit_s is None else monotonic() + limit_s + _GRACE_S
        try:
            yield
        finally:
            self._due_s = inf

    def hurry(self, limit_s: float) -> None:
        """Let the call that is under way take no longer than so many seconds from now."""
        self._due_s = min(self._due_s, monotonic() + limit_s)

    def is_overdue(self) -> bool:
        """Tell whether the call takes longer than it may."""
        return monotonic() > self._due_s and not self.abandoned and self.is_alive()

    def abandon(self) -> None:
        """Wait for it no more; it ends when the driver returns."""
        self.abandoned = True
        STUCK_THREADS.add(self.opener.device or self.opener.name, self)

    def late_error(self) -> EdgeSrcnnError | None:
        """Say what takes too long; None where it is closing, of which the reason is known."""
        name, source = self.opener.name, self.source
        if self._call == "open":
            return Unavailable(
                f"{name}: the camera did not open within {self.opener.limit_s or 0:g} s; is it plugged in well? "
                "Else another program may hold it, or its driver hangs until the next start of the machine"
            )
        return None if source is None else silent(name, source.timeout_s or 0.0)

    def let_go(self) -> None:
        """Close the source."""
        source, self.source = self.source, None
        if source is None:
            return
        try:
            with self.within(CLOSE_S, "close"):
                source.close()
        except EdgeSrcnnError as error:
            log.warning("%s", error)
        except Exception:
            log.warning("%s: could not be closed cleanly", self.opener.name, exc_info=True)

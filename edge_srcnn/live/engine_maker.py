"""Make another engine ready while the present one goes on, so that it takes over between two frames without a gap."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_srcnn.errors import Unavailable, describe
from edge_srcnn.live.failover import Candidate, FailoverUpscaler
from edge_srcnn.live.frame_upscaler import FrameUpscaler

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Order:
    candidates: Sequence[Candidate]
    failed: Callable[[], None]


class EngineMaker:
    """Makes engines in a thread of its own, one at a time; of several that were asked for, the last one takes over.

    Parameters
    ----------
    failover
        Gets them.
    """

    def __init__(self, failover: FailoverUpscaler) -> None:
        self._failover = failover
        self._lock = threading.Lock()
        self._wanted: _Order | None = None
        self._present: _Order | None = None  # that is being made

    def ask(self, candidates: Sequence[Candidate], failed: Callable[[], None] = lambda: None) -> None:
        """Have the first of them made, and return at once; ``failed`` is told where that cannot be done."""
        with self._lock:
            self._wanted = _Order(candidates, failed)
            working, self._present = self._present is not None, self._present or self._wanted
        if not working:
            threading.Thread(target=self._work, name="make engine", daemon=True).start()

    def take(self, candidates: Sequence[Candidate], made: FrameUpscaler | None) -> None:
        """Let engines take over now, and none of those that were asked for before."""
        with self._lock:
            self._wanted = None
            if self._present is not None:
                self._present = _Order((), lambda: None)  # what is being made is too late
            self._failover.replace(candidates, made)

    def make(self, candidate: Candidate) -> FrameUpscaler:
        """Make an engine, and let it compute a frame, which is when it gets its memory; raises what that does."""
        made = candidate.make()
        frame = self._failover.last_frame
        try:
            if frame is not None:
                made.upscale_frame(frame)
        except BaseException:
            made.close()
            raise
        return made

    def _work(self) -> None:
        while True:
            with self._lock:
                self._present, self._wanted = self._wanted, None
                order = self._present
            if order is None:
                return
            first, made, error = order.candidates[0], None, None
            try:
                made = self.make(first)
            except Exception as raised:  # whatever it is, the present engine goes on
                error = raised
            with self._lock:
                late = self._wanted is not None or self._present is not order
                if not late and (error is None or (first.may_be_missing and isinstance(error, Unavailable))):
                    self._failover.replace(order.candidates, made)
                    continue
                if not late:
                    self._failover.refused = f"another engine cannot take over: {describe(error or Unavailable())}"
                    log.error("%s", self._failover.refused)
            if late and made is not None:
                made.close()
            elif not late:
                order.failed()

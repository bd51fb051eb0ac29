"""What is too hot gets less to do, step by step, until it is cool again."""

import logging

from edge_srcnn.heat import Heat

log = logging.getLogger(__name__)

EVERY_S = 5.0
LEAST_SHARE = 0.1
_SHED, _REGAIN = 0.7, 1.15
_COOL_C = 5.0


class HeatGuard:
    """Decides how much of a picture the network may see.

    Parameters
    ----------
    hot_c
        From so many degrees Celsius on work is shed; 5 below that it is taken up again.

    Attributes
    ----------
    limit
        The part of the picture, 0 to 1.
    trouble
        Why it is less than all; None while it is all.
    """

    def __init__(self, hot_c: float) -> None:
        self.limit = 1.0
        self.trouble: str | None = None
        self._hot_c = hot_c

    def step(self, heat: Heat) -> float:
        """Take a look into account, every ``EVERY_S`` seconds; gives the limit."""
        reasons = list(heat.throttled)
        if heat.temperature_c is not None and heat.temperature_c >= self._hot_c:
            reasons.insert(0, f"{heat.temperature_c:.0f} °C")
        if reasons:
            self.limit = max(self.limit * _SHED, LEAST_SHARE)
        elif heat.temperature_c is None or heat.temperature_c < self._hot_c - _COOL_C:
            self.limit = min(self.limit * _REGAIN, 1.0)
        self._tell(reasons)
        return self.limit

    def _tell(self, reasons: list[str]) -> None:
        before = self.trouble
        if self.limit == 1.0:
            self.trouble = None
        elif reasons:
            self.trouble = f"the processor is in trouble ({', '.join(reasons)}), so less of the picture is enhanced"
        if (before is None) != (self.trouble is None):
            log.warning("%s", self.trouble or "the processor is well again; the whole picture is enhanced")

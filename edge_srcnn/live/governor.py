"""The policy of live video: when to take a faster model, and when a better one. It reads no clock and starts nothing.

Behind or hot for ``HOLD_S``: one model down. Room for the next one, and cool, for ``PATIENCE_S``: one model up. Never
more than ``MOST_STEPS`` steps in ``WINDOW_S`` seconds. Steps down are never refused for that reason: a step up is
taken only if it leaves enough steps to get back to the fastest model within the window.
"""

from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum

from edge_srcnn.system.temperature import Heat

HOLD_S = 3.0
PATIENCE_S, MOST_PATIENCE_S = 20.0, 300.0
MOST_STEPS, WINDOW_S = 4, 300.0

SPARE = 0.8
"""A model has room when a frame takes at most this part of the time between two frames."""

HEAT_SETTLE_S = 10.0
"""After a step because of heat, the next one for that reason waits so long: a heat sink is slow."""

_FULL = 0.95  # of the time between two frames: no time is left for anything else
_LOST = 0.03  # of the frames
_COOL_C = 5.0
_PROVEN_S = 60.0  # a step up that holds for so long was right
_UNKNOWN_RATIO = 2.0  # by what a model that was never measured is at least slower than the one below it


DOWN, UP = "down", "up"


class Reason(StrEnum):
    """What a step is for; up for room alone."""

    BEHIND = "behind"
    HOT = "hot"
    ROOM = "room"


@dataclass(frozen=True)
class Look:
    """What was seen of late.

    Attributes
    ----------
    now_s
        The time, in seconds of any clock that never goes back.
    target_fps
        Frames a second that are to be kept, or None while nobody knows.
    fps
        Frames a second that were enhanced.
    lost
        The part of the frames that was lost because the engine was busy, 0 to 1.
    frame_s
        Mean time of the engine for a frame, in seconds.
    better_s
        What the next better model would take, in seconds; None where it was never measured, or there is none.
    heat
        Of the processor.
    """

    now_s: float
    target_fps: float | None
    fps: float
    lost: float
    frame_s: float
    better_s: float | None
    heat: Heat


@dataclass(frozen=True)
class Step:
    """One model down or up.

    Attributes
    ----------
    reason
        What it is for.
    index
        The number of the model to go to, 0 being the fastest.
    text
        The reason in words, with figures.
    """

    reason: Reason
    index: int
    text: str

    @property
    def direction(self) -> str:
        """``up`` or ``down``."""
        return UP if self.reason == Reason.ROOM else DOWN

    def __str__(self) -> str:
        return f"stepped {self.direction}: {self.text}"


@dataclass(frozen=True)
class StepCount:
    """How many steps were taken in a direction for a reason."""

    direction: str
    reason: str
    count: int


@dataclass(frozen=True)
class LadderState:
    """A look at a ladder.

    Attributes
    ----------
    models
        Names of the models, the fastest first.
    index
        The number of the present one, 0 being the fastest.
    last_step
        The last step, and its reason in words; None before there was one.
    steps
        Steps since the start.
    target_fps
        Frames a second that are to be kept, as far as they are known.
    hot
        What is the matter with the processor, in words; None while it is cool.
    too_slow
        In figures: even the fastest model is too slow; None while it is not.
    frame_ms
        Milliseconds that a frame took with each model when it was tried; None for one that was not.
    """

    models: tuple[str, ...]
    index: int
    last_step: str | None
    steps: tuple[StepCount, ...]
    target_fps: float | None
    hot: str | None
    too_slow: str | None
    frame_ms: tuple[float | None, ...]


class Governor:
    """Decides on steps.

    Parameters
    ----------
    models
        How many there are.
    hot_c
        From so many degrees Celsius on the processor is hot; it is cool again 5 below that.

    Attributes
    ----------
    index
        The number of the present one, 0 being the fastest.
    steps
        How many were taken, by direction and reason.
    last
        The last step, or None.
    hot
        What is the matter with the processor, in words; None while it is cool.
    too_slow
        Even the fastest model is too slow, or the only one: the figures, in words. None while it is not so.
    """

    def __init__(self, models: int, hot_c: float = 80.0) -> None:
        self.index = 0
        self.steps: Counter[tuple[str, Reason]] = Counter()
        self.last: Step | None = None
        self.hot: str | None = None
        self.too_slow: str | None = None
        self._models, self._hot_c = models, hot_c
        self._taken_s: deque[float] = deque(maxlen=MOST_STEPS)
        self._behind_s: float | None = None  # since when
        self._hot_s: float | None = None
        self._room_s: float | None = None
        self._cooling_until_s = float("-inf")
        self._patience_s = PATIENCE_S
        self._up_s: float | None = None  # the last step up, while it is not proven

    def highest(self, now_s: float) -> int:
        """Tell the best model to begin on: one that enough steps are left for to leave it again."""
        return min(self._models - 1, MOST_STEPS - self._recent(now_s))

    def begin(self, index: int) -> None:
        """Begin on a model, which is no step."""
        self.index = index
        self._begin_anew()

    def decide(self, look: Look) -> Step | None:
        """Take a look into account; gives the step to take, which ``take`` or ``refuse`` answers."""
        self._prove(look.now_s)
        behind, self.hot = self._behind(look), self._heat(look.heat)
        self._behind_s = _since(self._behind_s, look.now_s, behind is not None)
        self._hot_s = _since(self._hot_s, look.now_s, self.hot is not None)
        if behind is None:
            self.too_slow = None
        if behind is None and self.hot is None:
            return self._up(look)
        self._room_s, settled = None, look.now_s >= self._cooling_until_s
        if behind is not None and _held(self._behind_s, look.now_s, HOLD_S):
            if self.index:
                return Step(Reason.BEHIND, self.index - 1, behind)
            self.too_slow = behind
        elif self.hot is not None and self.index and settled and _held(self._hot_s, look.now_s, HOLD_S):
            return Step(Reason.HOT, self.index - 1, self.hot)
        return None

    def state(
        self, models: tuple[str, ...], target_fps: float | None, frame_ms: tuple[float | None, ...]
    ) -> LadderState:
        """Look at it, from any thread."""
        counts = sorted(self.steps.copy().items())
        steps = tuple(StepCount(direction, str(reason), count) for (direction, reason), count in counts)
        last = None if self.last is None else str(self.last)
        return LadderState(models, self.index, last, steps, target_fps, self.hot, self.too_slow, frame_ms)

    def take(self, step: Step, now_s: float) -> None:
        """Note that a step was taken."""
        self.index, self.last = step.index, step
        self.steps[step.direction, step.reason] += 1
        self._taken_s.append(now_s)
        self._begin_anew()
        if step.direction == UP:
            self._up_s = now_s
        elif self._up_s is not None:  # the step up before it was a mistake
            self._up_s = None
            self._lose_patience()
        if step.reason == Reason.HOT:
            self._cooling_until_s = now_s + HEAT_SETTLE_S

    def refuse(self, step: Step) -> None:
        """Note that a step was not taken: the other model cannot be made, or is too slow after all."""
        self._begin_anew()
        if step.direction == UP:
            self._lose_patience()

    def rest(self) -> None:
        """Forget what was seen of late: nothing is computed for a while."""
        self._begin_anew()
        self.hot = self.too_slow = None

    def _begin_anew(self) -> None:
        self._behind_s = self._hot_s = self._room_s = None

    def _lose_patience(self) -> None:
        self._patience_s = min(self._patience_s * 2, MOST_PATIENCE_S)

    def _up(self, look: Look) -> Step | None:
        if look.target_fps is None:
            self._room_s = None
            return None
        better_s = look.frame_s * _UNKNOWN_RATIO if look.better_s is None else look.better_s
        celsius = look.heat.temperature_c
        cool = celsius is None or celsius < self._hot_c - _COOL_C
        room = self.index + 1 < self._models and cool and better_s <= SPARE / look.target_fps
        self._room_s = _since(self._room_s, look.now_s, room)
        # after a step up as many steps must be left in the window as lead down to the fastest model
        way_back = MOST_STEPS - (self._recent(look.now_s) + 1) >= self.index + 1
        if not way_back or not _held(self._room_s, look.now_s, self._patience_s):
            return None
        unknown = look.better_s is None
        took = f"{look.frame_s * 1000:.0f} ms a frame before" if unknown else f"{better_s * 1000:.0f} ms a frame"
        return Step(Reason.ROOM, self.index + 1, f"{took}, and {1000 / look.target_fps:.0f} ms to spend")

    def _recent(self, now_s: float) -> int:
        return sum(now_s - taken_s <= WINDOW_S for taken_s in self._taken_s)

    def _prove(self, now_s: float) -> None:
        if self._up_s is not None and now_s - self._up_s >= _PROVEN_S:
            self._up_s, self._patience_s = None, PATIENCE_S

    def _behind(self, look: Look) -> str | None:
        if look.target_fps is None:
            return None
        if look.lost > _LOST:
            return f"{look.fps:.1f} of {look.target_fps:.3g} frames a second"
        if look.frame_s > _FULL / look.target_fps:
            return f"{look.frame_s * 1000:.0f} ms a frame, and {1000 / look.target_fps:.0f} ms between two"
        return None

    def _heat(self, heat: Heat) -> str | None:
        reasons = list(heat.throttled)
        if heat.temperature_c is not None and heat.temperature_c >= self._hot_c:
            reasons.insert(0, f"{heat.temperature_c:.0f} °C")
        return ", ".join(reasons) or None


def _since(since_s: float | None, now_s: float, lasts: bool) -> float | None:
    """Keep the time when a state began; None while it does not last."""
    return (now_s if since_s is None else since_s) if lasts else None


def _held(since_s: float | None, now_s: float, hold_s: float) -> bool:
    return since_s is not None and now_s - since_s >= hold_s

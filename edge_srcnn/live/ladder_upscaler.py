"""Live video on a ladder of models: measures them, watches the present one, and steps without a gap.

The next model's engine is made, and computes its first frames, in a thread of its own while the present one goes on.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from time import monotonic

from edge_srcnn.errors import describe
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.live.frame_timer import FrameTimer, KeyFor
from edge_srcnn.live.frame_upscaler import FrameUpscaler, SwitchingUpscaler
from edge_srcnn.live.governor import SPARE, UP, Governor, LadderState, Look, Step
from edge_srcnn.live.statistics import LoadWindow
from edge_srcnn.live.threads import in_thread
from edge_srcnn.system.temperature import Heat

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""The governor looks every so often."""

_OFFERED_MARGIN = 1.1
_JOIN_S = 2.0


class LadderUpscaler(SwitchingUpscaler):
    """Enhances frames by the best model that keeps up.

    Parameters
    ----------
    models
        Names of models, the fastest first. With one alone nothing is stepped.
    make
        Makes the upscaler of a model; also called in another thread.
    governor
        Decides. It may have been another upscaler's before: the model stays.
    target_fps
        Gives the frames a second that are to be kept, as far as anybody knows; what the camera gives counts too.
    key_for
        Names what measured times are kept under, see ``FrameTimer``.
    heat
        Gives the last look at the processor, at once.
    clock
        Gives the time in seconds.

    Raises
    ------
    EdgeSrcnnError
        The first upscaler cannot be made.
    """

    def __init__(
        self,
        models: Sequence[str],
        make: Callable[[str], FrameUpscaler],
        governor: Governor,
        *,
        target_fps: Callable[[], float | None],
        key_for: KeyFor,
        heat: Callable[[], Heat],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._models, self._make, self._governor = tuple(models), make, governor
        self._nominal_fps, self._heat, self._clock = target_fps, heat, clock
        self._upscaler = make(self._models[governor.index])
        self._seen = LoadWindow()
        self._size: tuple[int, int] | None = None  # of the frames that the model was chosen for
        self._timer = FrameTimer(key_for, clock)
        self._next: Future[_Made | None] | None = None  # while another model is made ready, or tried
        self._told: set[str] = set()

    @property
    def ladder(self) -> LadderState:
        """The models, the present one, and why it is that."""
        models = self._models if len(self._models) > 1 else (self.model or self.engine,)
        seconds = [self._timer.seconds.get(name) for name in models]
        frame_ms = tuple(None if each is None else each * 1000 for each in seconds)
        return self._governor.state(models, self._target_fps(), frame_ms)

    def upscale_frame(self, frame: Frame) -> Frame | None:
        """Enhance a frame, by the next model if its engine is ready."""
        self._take()
        with self._timer.computing:
            began_s = self._clock()
            enhanced = self._upscaler.upscale_frame(frame)
            ended_s = self._clock()
        self._seen.add(frame, began_s, ended_s)
        self._mind(frame, ended_s)
        return enhanced

    def rest(self) -> None:
        """Forget what was seen of late: nobody takes frames for a while."""
        self._seen = LoadWindow()
        self._governor.rest()

    def close(self) -> None:
        """Let go of the engine, and of one that was to take its place."""
        following, self._next = self._next, None
        if following is not None:
            following.add_done_callback(_close_made)  # one that takes long lets go of what it made by itself
        idle = self._timer.computing.acquire(timeout=_JOIN_S)  # an engine that hangs never ends
        try:
            self._upscaler.close()
        finally:
            if idle:
                self._timer.computing.release()
        if following is not None:
            wait([following], _JOIN_S)

    def _mind(self, frame: Frame, now_s: float) -> None:
        """Find out whether another model is called for; never waits."""
        if self._next is not None:
            return
        if frame.size != self._size:
            target_fps = self._target_fps()
            if target_fps is not None:
                self._size = frame.size
                if len(self._models) > 1:
                    self._next = in_thread("ladder", lambda: self._begin(frame, target_fps))
            return
        if now_s - self._seen.since_s(now_s) < LOOK_S:
            return
        step = self._governor.decide(self._look(now_s))
        self._tell()
        if step is not None:
            self._next = in_thread("ladder", lambda: self._step(step, frame))
        self._seen.begin_anew(now_s)

    def _look(self, now_s: float) -> Look:
        target_fps, seen = self._target_fps(), self._seen
        index = self._governor.index
        present, better = self._models[index], self._models[index + 1 :][:1]
        better_s, seconds = None, self._timer.seconds
        if better and present in seconds and better[0] in seconds:
            better_s = seen.frame_s * seconds[better[0]] / seconds[present]
        lost = seen.lost(now_s, target_fps)
        return Look(now_s, target_fps, seen.fps(now_s), lost, seen.frame_s, better_s, self._heat())

    def _target_fps(self) -> float | None:
        nominal, offered = self._nominal_fps(), self._seen.offered_fps()
        known = [fps for fps in (nominal, offered and offered * _OFFERED_MARGIN) if fps]
        return min(known, default=None) if nominal else offered

    def _tell(self) -> None:
        """Log what no step helps against, once."""
        governor, present = self._governor, self._models[self._governor.index]
        if governor.too_slow and "slow" not in self._told:
            self._told.add("slow")
            even = "even " if len(self._models) > 1 else ""
            width, height = self._size or (0, 0)
            log.warning(
                "%s%s is too slow (%s), so frames are dropped; what helps: a smaller size of the source, --reuse,"
                " 'edge-srcnn tune --model %s --size %dx%d'",
                *(even, present, governor.too_slow, present, width, height),
            )
        if governor.hot and governor.index == 0 and "hot" not in self._told:
            self._told.add("hot")
            log.warning(
                "the processor is hot or throttled (%s), and there is no faster model to step down to", governor.hot
            )

    def _begin(self, frame: Frame, target_fps: float) -> "_Made | None":
        """Choose the best model that has room, by times that are remembered or measured now."""
        limit_s, present = SPARE / target_fps, self._governor.index
        best, made, upscaler = 0, None, None
        try:
            for index, name in enumerate(self._models[: self._governor.highest(self._clock()) + 1]):
                upscaler, seconds = None, self._timer.known_s(name, frame.size)
                if seconds is None:
                    upscaler = self._upscaler if index == present else self._make(name)
                    self._timer.time(name, upscaler, frame, limit_s, live=upscaler is self._upscaler)
                    seconds = self._timer.seconds[name]
                if index and seconds > limit_s:
                    _close(upscaler, unless=self._upscaler)
                    break
                _close(made, unless=self._upscaler)
                best, made = index, upscaler
                if seconds > limit_s:  # the ones above it are slower still
                    break
        except BaseException:
            _close(made, unless=self._upscaler)
            if upscaler is not made:
                _close(upscaler, unless=self._upscaler)
            raise
        name = self._models[best]
        took = f"{self._timer.seconds[name] * 1000:.0f} ms a frame, and {1000 / target_fps:.0f} ms between two"
        log.info("%s is chosen: %s", name, took)
        return None if best == present else _Made(made or self._warm(name, frame), best, None)

    def _step(self, step: Step, frame: Frame) -> "_Made | None":
        """Make the next model ready; a better one must keep up with this frame, however much of it moves."""
        name = self._models[step.index]
        upscaler = self._warm(name, frame)
        target_fps = self._target_fps()
        if step.direction == UP and target_fps is not None:
            # the prediction may rest on still parts that were reused
            try:
                usual_s = self._timer.time(name, upscaler, frame, SPARE / target_fps)
            except BaseException:
                upscaler.close()
                raise
            if usual_s > SPARE / target_fps:
                log.debug("%s would take %.0f ms a frame", name, usual_s * 1000)
                upscaler.close()
                self._governor.refuse(step)
                return None
        return _Made(upscaler, step.index, step)

    def _warm(self, name: str, frame: Frame) -> FrameUpscaler:
        """Make the upscaler of a model, and let it compute a frame, which is when it gets its memory."""
        upscaler = self._make(name)
        try:
            upscaler.upscale_frame(frame)
        except BaseException:
            upscaler.close()
            raise
        return upscaler

    def _take(self) -> None:
        """Let the next upscaler take over, where it is ready."""
        if self._next is None or not self._next.done():
            return
        following, self._next = self._next, None
        if (error := following.exception()) is not None:  # whatever it is, the present engine goes on
            if (why := describe(error)) not in self._told:
                self._told.add(why)
                log.error("another model cannot take over (%s); %s goes on", why, self.model)
            self._governor.rest()
        made = None if error else following.result()
        if made is None:
            self._seen.begin_anew(None)  # what trying it took from the live picture does not count
            return
        self._seen = LoadWindow()
        if made.step is None:
            self._governor.begin(made.index)
        else:
            self._governor.take(made.step, self._clock())
            level = logging.INFO if made.step.direction == UP else logging.WARNING
            log.log(level, "%s: %s", self._models[made.step.index], made.step)
        before, self._upscaler = self._upscaler, made.upscaler  # last: whoever sees the model can see the step to it
        threading.Thread(target=before.close, name="close engine", daemon=True).start()


@dataclass(frozen=True)
class _Made:
    """An upscaler that is ready to take over; the step that it is for, or None at the beginning."""

    upscaler: FrameUpscaler
    index: int
    step: Step | None


def _close_made(following: Future[_Made | None]) -> None:
    if following.exception() is None and (made := following.result()) is not None:
        made.upscaler.close()


def _close(upscaler: FrameUpscaler | None, *, unless: FrameUpscaler) -> None:
    if upscaler is not None and upscaler is not unless:
        upscaler.close()

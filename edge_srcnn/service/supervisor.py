"""What the service is doing, and whether it is healthy: a small state machine over a pipeline."""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from functools import partial
from time import monotonic

from edge_srcnn.engine.strength import Strength
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.live.bounded_log import BoundedLog
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.failover import FailoverUpscaler
from edge_srcnn.live.frame_upscaler import FrameUpscaler
from edge_srcnn.live.pipeline import Pipeline, State
from edge_srcnn.live.statistics import rate_text, still_text
from edge_srcnn.live.threads import STUCK_THREADS, in_thread
from edge_srcnn.service.systemd import Notifier
from edge_srcnn.sinks import Sink
from edge_srcnn.sinks.control import Control
from edge_srcnn.sources import Source
from edge_srcnn.system.memory import return_free_memory

log = logging.getLogger(__name__)

HUNG_S = 15.0
"""A frame that takes so long never ends."""

HOPELESS = 100
"""So many frames in a row that no engine can enhance: only a new start may help."""

SILENT_S = 60.0
"""A source that neither gives a frame nor says why for so long hangs."""

STUCK_S = 60.0
"""A call to a camera's driver that nobody waits for any more, and that has not returned after so long, never does."""

_LOOK_S = 0.1
_TIDY_S = 60.0
_STOP_S = 1.0
_FINISH_S = 20.0


class Phase(StrEnum):
    """What the service is doing."""

    STARTING = "starting"
    LIVE = "live"
    IDLE = "idle"
    DEGRADED = "degraded"
    WAITING = "waiting for camera"
    STOPPING = "stopping"


@dataclass(frozen=True)
class ServiceState(State):
    """A look at the service.

    Attributes
    ----------
    phase, phase_s
        What it is doing, and for how many seconds.
    status
        The same as a sentence.
    errors
        What is not as it should be, one sentence each.
    camera_losses, engine_failures, engine_restarts
        Since the start.
    """

    phase: str
    phase_s: float
    status: str
    errors: tuple[str, ...]
    camera_losses: int
    engine_failures: int
    engine_restarts: int


class Supervisor:
    """Runs a pipeline of parts that mend themselves, and tells how it goes.

    Parameters
    ----------
    source
        What is read; a capture that retries may wait for its camera.
    upscaler
        Enhances frames.
    sinks
        Where results go.
    statistics_s
        Every so often a line of statistics is logged.
    name
        Of the camera, for sinks to show.
    overlay
        Gives what is to be written on a frame.
    strength
        The upscaler's; None: as trained.
    control
        What sinks may change settings by.
    notifier
        Speaks to this machine's systemd.

    Attributes
    ----------
    pipeline
        What runs.
    hangs
        The engine did not return at the end, and never will.
    """

    def __init__(
        self,
        source: Source | Capture,
        upscaler: FrameUpscaler,
        sinks: Sequence[Sink],
        *,
        statistics_s: float = 60.0,
        name: str | None = None,
        overlay: Callable[[Frame], str] = lambda frame: "",
        strength: Strength | None = None,
        control: Control | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._capture = source if isinstance(source, Capture) else Capture.of(source)
        self._replaceable = upscaler if isinstance(upscaler, FailoverUpscaler) else None
        self._failover = self._replaceable if self._replaceable and self._replaceable.steady else None
        pipeline = partial(Pipeline, state=self.state, name=name, overlay=overlay, strength=strength)
        self.pipeline = pipeline(self._capture, upscaler, sinks, control=control)
        self._notifier, self._statistics_s = notifier or Notifier(), statistics_s
        self._phase, self._since_s = Phase.STARTING, monotonic()
        self._status, self._ready = "", False
        self._changes = BoundedLog(log)
        self._begun = False
        self._stopping = threading.Event()
        self.hangs = False

    def run(self, *, begun: Callable[[], None] = lambda: None) -> None:
        """Run until ``stop`` is called or the source ends.

        Parameters
        ----------
        begun
            Is told when all sinks are ready.

        Raises
        ------
        EdgeSrcnnError
            The source or a sink makes no sense, or a file that was the source failed.
        """
        running = in_thread("pipeline", lambda: self.pipeline.run(begun=lambda: self._has_begun(begun)))
        next_watchdog_s, next_tidy_s = 0.0, monotonic() + _TIDY_S
        next_statistics_s = monotonic() + self._statistics_s
        while not running.done() and not self._stopping.is_set():
            wait([running], _LOOK_S)
            self._look()
            now = monotonic()
            if self._notifier.watchdog_s is not None and now >= next_watchdog_s and self.is_healthy():
                self._notifier.watchdog()
                next_watchdog_s = now + self._notifier.watchdog_s / 4
            if now >= next_statistics_s:
                self._log_statistics()
                next_statistics_s = now + self._statistics_s
            if now >= next_tidy_s:
                return_free_memory()
                next_tidy_s = now + _TIDY_S
        self._enter(Phase.STOPPING, "stopping")
        self._notifier.stopping()
        self.pipeline.stop()
        wait([running], _STOP_S)
        if not self.pipeline.computes:
            wait([running], _FINISH_S)
        self.hangs = not running.done()
        if self.hangs:
            log.warning("the engine does not end; what was recorded is finished")
            self.pipeline.finish_sinks()
        else:
            running.result()

    def stop(self) -> None:
        """End soon; from any thread, more than once."""
        self._stopping.set()

    def is_healthy(self) -> bool:
        """Tell whether frames make progress, or there is a good reason why not."""
        now = monotonic()
        if self._failover is not None:
            busy_since_s = self._failover.busy_since_s
            limit_s = HUNG_S if self._notifier.watchdog_s is None else min(HUNG_S, self._notifier.watchdog_s / 2)
            if (busy_since_s is not None and now - busy_since_s > limit_s) or self._failover.failing >= HOPELESS:
                return False
        if not self._capture.retries:
            return True
        if self._capture.last_error is not None and STUCK_THREADS.longest_s() > STUCK_S:
            return False  # the camera cannot be opened while the driver hangs: only a new start may help
        return now - self._capture.heartbeat_s < SILENT_S

    def state(self) -> ServiceState:
        """Look at the service, from any thread."""
        state = self.pipeline.state()
        return ServiceState(
            **{each.name: getattr(state, each.name) for each in fields(State)},
            phase=self._phase,
            phase_s=monotonic() - self._since_s,
            status=self._status,
            errors=tuple(self._errors(state)),
            camera_losses=self._capture.losses,
            engine_failures=state.failed,
            engine_restarts=0 if self._failover is None else self._failover.restarts,
        )

    def dump(self) -> None:
        """Write the state to the log."""
        log.warning("state: %s", json.dumps(asdict(self.state()), ensure_ascii=False))

    def reloading(self) -> None:
        """Tell systemd that the configuration is read again; ``told`` ends that."""
        if self._ready:
            self._notifier.reloading()

    def told(self, status: str) -> None:
        """Tell systemd that a reload is over, and how it went."""
        log.warning("%s", status)
        if self._ready:
            self._notifier.ready(status)

    def _has_begun(self, tell: Callable[[], None]) -> None:
        tell()
        self._begun = True

    def _errors(self, state: State) -> list[str]:
        ladder = state.ladder
        heat = f"the processor is hot or throttled: {ladder.hot}" if ladder is not None and ladder.hot else None
        failed_over = None if self._failover is None else self._failover.last_error
        refused = None if self._replaceable is None else self._replaceable.refused
        found = [failed_over, refused, heat, *(sink.error for sink in state.sinks)]
        if not self.is_healthy():
            found.append("nothing moves: the engine or the camera's driver hangs or fails")
        return [error for error in found if error]

    def _look(self) -> None:
        """Find out what the service is doing; tell of changes."""
        self._changes.catch_up()
        state = self.pipeline.state()
        camera = self._capture.last_error
        errors = self._errors(state)
        if camera is not None:
            self._enter(Phase.WAITING, f"waiting for camera: {camera}")
        elif state.frames_out == 0 and not state.idle and (self._capture.retries or not self._begun):
            return  # starting
        elif errors:
            self._enter(Phase.DEGRADED, "; ".join(errors))
        elif state.idle:
            self._enter(Phase.IDLE, "nobody looks, and nothing is recorded")
        elif state.frames_out == 0:
            self._enter(Phase.STARTING, "waiting for the first picture")
        else:
            (width, height), (new_width, new_height) = state.size_in or (0, 0), state.size_out or (0, 0)
            self._enter(Phase.LIVE, f"{width}x{height} to {new_width}x{new_height}")

    def _enter(self, phase: Phase, status: str) -> None:
        if (phase, status) == (self._phase, self._status):
            return
        if phase != self._phase:
            changes = self._changes if phase != Phase.STOPPING else BoundedLog(log)
            changes.tell(logging.INFO, f"{phase} after {monotonic() - self._since_s:.1f} s of {self._phase}: {status}")
            self._since_s = monotonic()
        self._phase, self._status = phase, status
        if phase == Phase.STOPPING:
            return
        said = f"{phase}: {status}" if phase != Phase.WAITING else status
        if self._ready:
            self._notifier.status(said)
        else:
            self._ready = True
            self._notifier.ready(said)

    def _log_statistics(self) -> None:
        state = self.state()
        still = still_text(state.temporal.noise, state.still_share)
        log.info(
            "%d frames, %s, %d dropped, %d failed, %d not wanted, %.0f ms latency, %.0f %% enhanced by %s, %s%s",
            *(state.frames_out, "idle" if state.idle else rate_text(state.fps_out), state.dropped, state.failed),
            *(state.idle_frames, state.latency.median_ms),
            *(state.enhanced_share * 100, state.model or state.engine, f"{still}, " if still else "", state.phase),
        )

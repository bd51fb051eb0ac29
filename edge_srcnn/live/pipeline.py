"""Pass frames from a capture through an upscaler to sinks."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter

from edge_srcnn.engine.strength import Strength
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.overlay import with_text
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.frame_upscaler import FrameUpscaler, SwitchingUpscaler
from edge_srcnn.live.governor import LadderState
from edge_srcnn.live.next_result import NextResult
from edge_srcnn.live.sink_thread import SinkState, SinkWriter
from edge_srcnn.live.statistics import Durations, Meter, Percentiles, Shares
from edge_srcnn.live.temporal_stage import Taken, TemporalState
from edge_srcnn.sinks import Result, Sink, Stream
from edge_srcnn.sinks.control import Control
from edge_srcnn.sources import Source

_IDLE_LOOK_S = 0.05


@dataclass(frozen=True)
class State:
    """A look at a pipeline.

    Attributes
    ----------
    frames_in, frames_out
        Frames that came, those that the source had to leave out included; and those that were enhanced.
    dropped, failed
        Frames that a newer one overtook, and that could not be enhanced.
    idle, idle_frames
        Nobody takes enhanced frames at the moment; and the frames that were not computed for that reason.
    fps_in, fps_out
        Frames a second of late.
    enhance, latency
        Of the upscaler; and from the sensor (or the file) until the sinks have the frame.
    engine, model, enhanced_share
        What computes, by which model (None: bicubic alone), and the part of the picture that the network sees, 0 to 1.
    strength, ladder
        Factor on what the network changes, as of the last frame; the models to choose from, and which of them it is.
    temporal
        The mean over time before all that, and the noise that it sees.
    still_share
        The part of the tiles of late that were as before, and not computed again, 0 to 1; None: none is looked at.
    age_s, stopped
        Seconds since the last enhanced frame, or None; whether it was stopped before its source came to an end.
    """

    running_s: float
    frames_in: int
    frames_out: int
    dropped: int
    failed: int
    idle: bool
    idle_frames: int
    fps_in: float
    fps_out: float
    enhance: Percentiles
    latency: Percentiles
    engine: str
    model: str | None
    enhanced_share: float
    strength: float
    ladder: LadderState | None
    temporal: TemporalState
    still_share: float | None
    age_s: float | None
    size_in: tuple[int, int] | None
    size_out: tuple[int, int] | None
    sinks: tuple[SinkState, ...]
    stopped: bool


class Pipeline:
    """Runs frames from a source through an upscaler into sinks.

    Live sources: the newest frame counts, those that were overtaken are counted. Files: no frame is lost.
    A sink that fails or stalls is left out; the others go on. While no sink wants enhanced frames of a live source,
    none is computed; the sinks get the camera's.

    Parameters
    ----------
    source
        Where frames come from; a capture that is not begun yet, or a source that is open.
    upscaler
        Enhances them; the pipeline does not close it.
    sinks
        Where results go.
    state
        What sinks are to tell of how it goes; by itself the pipeline's own state.
    name
        Of the camera, for sinks to show.
    overlay
        Gives what is to be written on a frame.
    strength
        The upscaler's, to be told the noise, and looked at; None: as trained.
    control
        What sinks may change settings by.

    Attributes
    ----------
    computes, next_result
        The engine has a frame; and what lets others wait for the next result.
    """

    def __init__(
        self,
        source: Source | Capture,
        upscaler: FrameUpscaler,
        sinks: Sequence[Sink],
        *,
        state: "Callable[[], State] | None" = None,
        name: str | None = None,
        overlay: Callable[[Frame], str] = lambda frame: "",
        strength: Strength | None = None,
        control: Control | None = None,
    ) -> None:
        self._capture = source if isinstance(source, Capture) else Capture.of(source)
        self._upscaler, self._strength = upscaler, strength or Strength()
        self._told, self._name, self._overlay, self._control = state or self.state, name, overlay, control
        live, alone = self._capture.live, len(sinks) == 1
        self._workers = [SinkWriter(sink, live=live, alone=alone) for sink in sinks]
        self.computes, self.next_result = False, NextResult()
        self._stopping = threading.Event()
        self._ended = False
        self._out = Meter()
        self._failed = self._idle_frames = 0
        self._idle = False
        self._at_hand: Taken | None = None  # the newest that was not computed, while idle
        self._overtaken = self._unwanted = 0  # before the last frame; and those of them that nobody wanted either
        self._enhance, self._latency, self._still = Durations(), Durations(), Shares()
        self._sizes: tuple[tuple[int, int], tuple[int, int]] | None = None
        self._began = monotonic()

    def run(
        self, progress: Callable[[int], None] = lambda frames: None, *, begun: Callable[[], None] = lambda: None
    ) -> None:
        """Run until the source ends or ``stop`` is called; then finish and close everything.

        Parameters
        ----------
        progress
            Is told of each frame: how many there were.
        begun
            Is told when all sinks are ready.

        Raises
        ------
        SourceLost
            The source broke off.
        CannotWrite
            No sink is left.
        EdgeSrcnnError
            Of a sink that failed, when the rest is done.
        """
        self._began = monotonic()
        whole = False
        capture = self._capture
        stream = Stream(capture.rate, capture.frames, capture.stream_copy, self._told, self._name, self._control)
        try:
            for worker in self._workers:
                worker.start(stream)
            begun()
            capture.begin()
            while (taken := self._next()) is not None and not self._stopping.is_set():
                if self._is_wanted():
                    self._process(taken)
                    progress(self._out.count)
                else:
                    self._rest(taken)
            self._ended = not self._stopping.is_set()
            whole = capture.error is None or capture.live
        finally:
            stopped = self._stopping.is_set()
            self.stop()
            self.finish_sinks(whole=whole, patient=whole and not stopped)
            capture.join()
        for error in (capture.error, *(worker.error for worker in self._workers)):
            if error is not None:
                raise error

    def stop(self) -> None:
        """End soon; from any thread, more than once. What sinks have already, they finish."""
        self._stopping.set()
        self._capture.close()
        for worker in self._workers:
            worker.stop_taking()

    def record(self, wanted: bool) -> None:
        """Switch recordings on, or off, which finishes their files; from any thread."""
        for worker in self._workers:
            worker.record(wanted)

    def finish_sinks(self, *, whole: bool = True, patient: bool = False) -> None:
        """Let the sinks write what they have, and close them; ``run`` does so, unless it hangs."""
        for worker in self._workers:
            worker.finish(whole=whole, patient=patient)

    def state(self) -> State:
        """Look at the pipeline, from any thread."""
        sizes, idle = self._sizes or (None, None), self._idle
        unwanted, skipped = self._unwanted, self._capture.skipped
        if idle:
            unwanted += max(self._capture.dropped - self._overtaken, 0)
        dropped = skipped + max(self._capture.dropped - unwanted, 0)
        return State(
            running_s=monotonic() - self._began,
            frames_in=self._capture.came.count + skipped,
            frames_out=self._out.count,
            dropped=dropped,
            failed=self._failed,
            idle=idle,
            idle_frames=self._idle_frames + unwanted,
            fps_in=self._capture.came.per_second(),
            fps_out=0.0 if idle else self._out.per_second(),
            enhance=self._enhance.percentiles(),
            latency=self._latency.percentiles(),
            engine=self._upscaler.engine,
            model=self._upscaler.model,
            enhanced_share=self._upscaler.share,
            strength=self._strength.now,
            ladder=self._upscaler.ladder if isinstance(self._upscaler, SwitchingUpscaler) else None,
            temporal=self._capture.temporal.state(),
            still_share=self._still.mean(),
            age_s=self._out.age_s(),
            size_in=sizes[0],
            size_out=sizes[1],
            sinks=tuple(worker.state() for worker in self._workers),
            stopped=self._stopping.is_set() and not self._ended,
        )

    def _next(self) -> Taken | None:
        """Wait for a frame; for the one at hand, where somebody begins to look before another one comes."""
        while self._at_hand is not None:
            taken = self._capture.take(_IDLE_LOOK_S)
            if taken is not None:
                return taken
            if self._capture.ended:
                return None
            at_hand = self._at_hand
            if self._is_wanted():
                self._idle_frames -= 1
                return at_hand
        return self._capture.take()

    def _is_wanted(self) -> bool:
        """Tell whether anybody takes an enhanced frame; of files each one is enhanced."""
        taking, asked = [worker for worker in self._workers if worker.wants_frames()], self.next_result.wanted
        if self._capture.live and self._workers and not taking and not asked:
            return False
        self._at_hand = None
        if self._idle and not ((taking or asked) and all(worker.is_occasional for worker in taking)):
            self._idle = False
            self._out.begin_anew()
        return True

    def _rest(self, taken: Taken) -> None:
        """Show the frame as it came, to those who look at that."""
        self._idle, self._at_hand, frame = True, taken, taken.frame
        self._idle_frames += 1
        before, self._overtaken = self._overtaken, self._capture.dropped
        self._unwanted += self._overtaken - before
        self.computes = True
        if isinstance(self._upscaler, SwitchingUpscaler):
            self._upscaler.rest()
        self.computes = False
        text, scale = self._overlay(frame), self._upscaler.scale
        self._offer(Result(frame, frame, scale, enhanced=False, overlay=text, camera=taken.camera))

    def _process(self, taken: Taken) -> None:
        began, frame = perf_counter(), taken.frame
        self._overtaken = self._capture.dropped
        self._strength.noise = self._capture.temporal.noise_left
        self.computes = True
        enhanced = self._upscaler.upscale_frame(frame)
        self.computes = False
        if enhanced is None:
            self._failed += 1
            return
        self._enhance.add(perf_counter() - began)
        self._still.add(self._upscaler.reused)
        self._sizes = frame.size, enhanced.size
        text, scale = self._overlay(frame), self._upscaler.scale
        result = Result(with_text(enhanced, text), frame, scale, overlay=text, camera=taken.camera)
        self._latency.add(monotonic() - frame.captured_s)
        self._offer(result)
        self.next_result.give(result)
        self._out.tick()

    def _offer(self, result: Result) -> None:
        """Hand a result to all sinks; end where all of them have failed."""
        for worker in self._workers:
            worker.offer(result)
        if self._workers and all(worker.error for worker in self._workers):
            self._stopping.set()

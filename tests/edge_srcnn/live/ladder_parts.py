"""A machine for a ladder: models that take a known time, a camera, and a clock that only they move."""

import threading
from concurrent.futures import wait
from dataclasses import replace
from itertools import pairwise

import numpy as np

from edge_srcnn.engine.tuning_cache import TuningCache, TuningKey
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.live.ladder_upscaler import LadderUpscaler
from edge_srcnn.system.temperature import Heat

FPS = 25.0
COOL, HOT = Heat(50.0, ()), Heat(85.0, ())


class Bench:
    """A machine: models, what their frames take, and the time, which goes on only where a test or a frame says so."""

    def __init__(self, **times_s: float) -> None:
        self.times_s = {"small": 0.005, "middle": 0.012, "large": 0.03} | times_s
        self.load, self.heat, self.now_s = 1.0, COOL, 0.0
        self.made: list[Model] = []
        self.refuses: Exception | None = None
        self.live = threading.current_thread()
        self.asked: set[str] = set()

    def make(self, name: str) -> "Model":
        if self.refuses is not None and self.made:
            raise self.refuses
        self.made.append(Model(name, self))
        return self.made[-1]

    def clock(self) -> float:
        # each thread has its own time: what another one computes takes nothing of the live one's
        return self.now_s if threading.current_thread() is self.live else _aside.now_s

    def spend(self, seconds: float) -> None:
        if threading.current_thread() is self.live:
            self.now_s += seconds
        else:
            _aside.now_s += seconds

    def key_for(self, model: str, size: tuple[int, int]) -> TuningKey:
        self.asked.add(model)
        return TuningKey(model, "", "", size[1], size[0])

    @property
    def remembered(self) -> dict[str, float]:
        known = {model: TuningCache().get_ms(self.key_for(model, (16, 12))) for model in sorted(self.asked)}
        return {model: ms / 1000 for model, ms in known.items() if ms}


class _Aside(threading.local):
    now_s = 0.0


_aside = _Aside()


class Model:
    scale, engine, share, reused = 2, "none", 1.0, None

    def __init__(self, name: str, bench: Bench) -> None:
        self.model, self.bench = name, bench
        self.sizes: list[tuple[int, int]] = []
        self.closed = False

    def upscale_frame(self, frame: Frame) -> Frame:
        assert not self.closed
        self.sizes.append(frame.size)
        self.bench.spend(self.bench.times_s[self.model] * self.bench.load)
        return replace(frame, luma=frame.luma.repeat(2, 0).repeat(2, 1))

    def close(self) -> None:
        self.closed = True


class Camera:
    """Feeds frames at ``FPS`` by the bench's clock; one that comes while another is computed is overtaken."""

    def __init__(self, bench: Bench, upscaler: LadderUpscaler) -> None:
        self.bench, self.upscaler, self.index = bench, upscaler, 0
        self.out: list[tuple[float, str | None]] = []

    def run(self, seconds: float, size: tuple[int, int] = (16, 12)) -> None:
        end_s = self.bench.now_s + seconds
        while self.bench.now_s < end_s:
            self.index = max(self.index + 1, int(self.bench.now_s * FPS))
            self.bench.now_s = max(self.bench.now_s, self.index / FPS)
            luma = np.full(size[::-1], self.index % 200, np.uint8)
            frame = Frame(luma, None, Colour(), self.index, self.index / FPS, self.index / FPS)
            assert self.upscaler.upscale_frame(frame) is not None
            self.out.append((self.bench.now_s, self.upscaler.model))
            wait_for_maker(self.upscaler)

    def longest_gap_s(self) -> float:
        times = [at_s for at_s, _ in self.out]
        return max(after - before for before, after in pairwise(times))


def wait_for_maker(upscaler: LadderUpscaler) -> None:
    """Let the other thread end before the clock goes on: the tests know then when a step is taken."""
    if upscaler._next is not None:
        assert not wait([upscaler._next], 20).not_done

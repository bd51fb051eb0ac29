"""A whole service in this process, running, whose settings a test changes; and what its frames should look like."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from time import monotonic

import numpy as np

from edge_srcnn.service.build import Service
from edge_srcnn.service.changes import Changes
from edge_srcnn.service.settings import Config, Enhance
from edge_srcnn.service.settings import Service as Table
from edge_srcnn.sinks import Result
from edge_srcnn.sources.testcard import MovingCard

SIZE = 64, 48
FPS = 25
CARD = f"test:size={SIZE[0]}x{SIZE[1]},fps={FPS}"
LIMIT_S = 30.0


class Running(Service):
    """A service that runs; ``control`` is what sinks get."""

    @property
    def control(self):
        return self.pipeline._control

    def result(self) -> Result:
        """The next enhanced result."""
        found = self.pipeline.next_result.wait(LIMIT_S)
        assert found is not None, "nothing comes"
        return found

    def result_that(self, fits) -> Result:
        """The first result that fits."""
        end = monotonic() + LIMIT_S
        while not fits(result := self.result()):
            assert monotonic() < end, f"not within {LIMIT_S:.0f} s"
        return result


@contextmanager
def controlled(
    source: str = CARD,
    *sinks: str,
    steady: bool = True,
    changes: Changes | None = None,
    table: Table | None = None,
    **enhance: object,
) -> Iterator[Running]:
    """Run one until the end of the block."""
    config = Config(
        source, sinks or ("null:",), Enhance(**{"model": "fast-s-x2", "threads": 1} | enhance), table or Table()
    )
    service = Running(config, steady=steady, changes=changes or Changes())
    thread = threading.Thread(target=service.supervisor.run)
    thread.start()
    try:
        service.result()
        yield service
    finally:
        service.supervisor.stop()
        thread.join(LIMIT_S)
        service.close()
    assert not thread.is_alive()


def card(index: int, size: tuple[int, int] = SIZE, fps: int = FPS):
    """The luma that the test card has in a frame of this number."""
    return MovingCard(size=size, fps=Fraction(fps))._draw(index, 0.0).luma


def turned(luma, *, rotate: int = 0, hflip: bool = False, vflip: bool = False, crop=None):
    """A plane cropped, mirrored and rotated clockwise, by numpy."""
    if crop is not None:
        left, top, width, height = map(int, crop.split(","))
        luma = luma[top : top + height, left : left + width]
    luma = luma[:, ::-1] if hflip else luma
    luma = luma[::-1] if vflip else luma
    return np.rot90(luma, -rotate // 90)

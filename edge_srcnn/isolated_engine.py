"""What an isolated engine's process does: planes out of shared memory, through the engine, and back into it."""

from collections.abc import Callable

from edge_srcnn.engine.delegates import Delegate
from edge_srcnn.engine.setting import Wish
from edge_srcnn.engine.sharpener import Statistics
from edge_srcnn.errors import DelegateLost
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.loading import open_model
from edge_srcnn.model import Model
from edge_srcnn.shared_memory import SharedMemory

Shape = tuple[int, int]


def isolated_engine(
    *, model: Model, engine: str, wish: Wish, reuse: bool, delegate: Delegate | None, memory: int
) -> Callable[[str, Shape, Shape, Tile | None], Statistics]:
    """The engine, after its self-test; answers by the cost so far.

    Raises
    ------
    EdgeSrcnnError
        It cannot be made, or computes wrongly.
    """
    shared = SharedMemory(memory)
    upscaler = open_model(model, engine=engine, wish=wish, reuse=reuse, delegate=delegate)
    upscaler.self_test()

    def answer(what: str, given: Shape, wanted: Shape, region: Tile | None = None) -> Statistics:
        result = shared.plane(given[0] * given[1], wanted)
        plane = shared.plane(0, given)
        try:
            if what == "sharpen":
                result[:] = upscaler.sharpen(plane)
            else:
                upscaler.upscale(plane, result, region)
        except (RuntimeError, ValueError) as error:  # of the interpreter, or the driver below it
            raise DelegateLost(" ".join(str(error).split()) or type(error).__name__) from error
        return upscaler.statistics

    return answer

"""What an isolated engine's process does: planes out of shared memory, through the engine, and back into it."""

from collections.abc import Callable
from dataclasses import replace

from edge_srcnn.engine.delegates import Delegate
from edge_srcnn.engine.edgetpu import EDGETPU_LIBRARY, is_edgetpu
from edge_srcnn.engine.setting import Wish
from edge_srcnn.engine.sharpener import Statistics
from edge_srcnn.errors import DelegateLost, EdgeSrcnnError, SelfTestFailed, Unavailable
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.loading import open_model
from edge_srcnn.model import Model
from edge_srcnn.shared_memory import SharedMemory

Shape = tuple[int, int]


def isolated_engine(
    *, model: Model, engine: str, wish: Wish, reuse: bool, delegate: Delegate | None, memory: int
) -> Callable[[str, Shape, Shape, Tile | None], Statistics]:
    """The engine, after its self-test; answers by what a plane cost.

    Raises
    ------
    EdgeSrcnnError
        It cannot be made, or computes wrongly.
    """
    shared = SharedMemory(memory)
    upscaler = open_model(model, engine=engine, wish=wish, reuse=reuse, delegate=delegate)
    library = delegate.library if delegate else EDGETPU_LIBRARY if is_edgetpu(engine) else None
    try:
        upscaler.self_test()
    except SelfTestFailed:
        raise
    except (RuntimeError, ValueError) as error:  # of the interpreter, or the driver below it
        if library is None and isinstance(error, EdgeSrcnnError):
            raise
        raise Unavailable(f"{library or upscaler.engine}: refuses the network ({_line(error)})") from error

    def answer(what: str, given: Shape, wanted: Shape, region: Tile | None = None) -> Statistics:
        result = shared.plane(given[0] * given[1], wanted)
        plane = shared.plane(0, given)
        upscaler.statistics.clear()
        try:
            if what == "sharpen":
                result[:] = upscaler.sharpen(plane)
            else:
                upscaler.upscale(plane, result, region)
        except (RuntimeError, ValueError) as error:  # as above
            raise DelegateLost(_line(error)) from error
        return replace(upscaler.statistics)

    return answer


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

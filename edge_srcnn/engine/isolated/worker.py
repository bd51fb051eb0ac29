"""What an isolated engine's process does: planes out of shared memory, through the engine, and back into it."""

from collections.abc import Callable
from dataclasses import replace

from edge_srcnn.engine.build import open_luma
from edge_srcnn.engine.edgetpu.delegate import Delegate
from edge_srcnn.engine.edgetpu.several import EDGETPU_LIBRARY, is_edgetpu
from edge_srcnn.engine.inference import Statistics
from edge_srcnn.engine.isolated.shared_memory import SharedMemory
from edge_srcnn.engine.plan import Wish
from edge_srcnn.engine.self_test import check_golden
from edge_srcnn.errors import DelegateLost, EdgeSrcnnError, SelfTestFailed, Unavailable
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.models.file import Model

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
    luma, name = open_luma(model, engine=engine, wish=wish, reuse=reuse, delegate=delegate)
    library = delegate.library if delegate else EDGETPU_LIBRARY if is_edgetpu(engine) else None
    try:
        check_golden(luma, model, name)
    except SelfTestFailed:
        raise
    except (RuntimeError, ValueError) as error:  # of the interpreter, or the driver below it
        if library is None and isinstance(error, EdgeSrcnnError):
            raise
        raise Unavailable(f"{library or name}: refuses the network ({_line(error)})") from error

    def answer(what: str, given: Shape, wanted: Shape, region: Tile | None = None) -> Statistics:
        result = shared.plane(given[0] * given[1], wanted)
        plane = shared.plane(0, given)
        luma.statistics.clear()
        try:
            if what == "sharpen":
                result[:] = luma.sharpen(plane)
            else:
                luma.upscale(plane, result, region)
        except (RuntimeError, ValueError) as error:  # as above
            raise DelegateLost(_line(error)) from error
        return replace(luma.statistics)

    return answer


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

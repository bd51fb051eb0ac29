"""What an isolated engine's process does: planes out of shared memory, through the engine, and back into it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from edge_srcnn.engine.build import open_luma
from edge_srcnn.engine.inference import Statistics
from edge_srcnn.engine.isolated.shared_memory import SharedMemory
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.self_test import check_golden
from edge_srcnn.errors import DelegateLost, EdgeSrcnnError, SelfTestFailed, Unavailable
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.models.file import Model

Shape = tuple[int, int]


def isolated_engine(
    *, model: Model, options: EngineOptions, memory: int
) -> Callable[[str, Shape, Shape, Tile | None, bool], Statistics]:
    """Make the engine, and test it; the function that is given back answers by what a plane cost.

    Raises
    ------
    EdgeSrcnnError
        It cannot be made, or computes wrongly.
    """
    shared = SharedMemory(memory)
    luma, accelerator = open_luma(model, options), options.backend().accelerator
    under_way: Iterator[tuple[int, UInt8Array, UInt8Array]] = iter(())
    try:
        check_golden(luma, model, options.label)
    except SelfTestFailed:
        raise
    except (RuntimeError, ValueError) as error:  # of the interpreter, or the driver below it
        if accelerator is None and isinstance(error, EdgeSrcnnError):
            raise
        raise Unavailable(f"{accelerator or options.label}: refuses the network ({_line(error)})") from error

    def answer(what: str, given: Shape, wanted: Shape, region: Tile | None = None, first: bool = True) -> Statistics:
        nonlocal under_way
        result = shared.plane(given[0] * given[1], wanted)
        plane = shared.plane(0, given)
        luma.statistics.clear()
        try:
            if what == "run_network":
                result[:] = luma.run_network(plane)
            elif what == "upscale":
                luma.upscale(plane, result, region)
            else:
                under_way = luma.bands(plane.copy(), region) if first else under_way
                result[:] = next(under_way)[1]
        except (RuntimeError, ValueError) as error:  # as above
            raise DelegateLost(_line(error)) from error
        return replace(luma.statistics)

    return answer


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

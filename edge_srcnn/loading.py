"""From the name of a model to an ``Upscaler`` that is ready: engine, packing, tile, threads."""

import logging
from contextlib import ExitStack, closing
from pathlib import Path

from edge_srcnn.engine.blocks import Blocks
from edge_srcnn.engine.build import compiled_form, open_luma, wish_for
from edge_srcnn.engine.edgetpu.delegate import Delegate
from edge_srcnn.engine.edgetpu.several import edgetpu_engines, is_edgetpu
from edge_srcnn.engine.edgetpu.strips import ParallelLuma
from edge_srcnn.engine.interpreter import BICUBIC, EDGETPU, choose_engine
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.engine.plan import AUTO, Wish
from edge_srcnn.errors import Unavailable, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.bundled import find_model, is_auto
from edge_srcnn.models.file import Model, read_model
from edge_srcnn.upscaler import Upscaler

log = logging.getLogger(__name__)

SCALES = (2, 3, 4)


def load_model(
    name: str | Path | None = None,
    *,
    scale: int = 2,
    camera: bool = False,
    engine: str = AUTO,
    threads: int | None = None,
    block: str | Blocks = AUTO,
    tile: str | tuple[int, int] = AUTO,
    reuse: bool = False,
    isolate: bool = False,
    delegate: Delegate | None = None,
) -> Upscaler:
    """Load a network and make it ready.

    Parameters
    ----------
    name
        A bundled model (``srcnn-915-x2``), the path of a ``.tflite`` made by ``edge-srcnn export``, or ``auto``
        (None is the same) for the bundled default of ``scale``.
    scale
        Counts only without ``name``: a named model brings its own.
    camera
        Whether the pictures come from a camera, see ``edge_srcnn.sources.is_camera``. Without ``name``, the model
        trained for such pictures is then taken, where one is bundled for ``scale``.
    engine
        ``auto``, ``litert``, ``tflite``, ``tensorflow``, ``bicubic`` (no network), or ``edgetpu`` with a device behind
        a colon where there are several: ``edgetpu:usb``, ``edgetpu:pci``, ``edgetpu:0``; ``edgetpu:0,1`` lets two share
        each picture. ``auto`` takes an Edge TPU
        where the model is compiled for one and one is there.
    threads
        Threads of the interpreter; None leaves it to ``edge-srcnn tune``, or takes all processors.
    block
        The packing of pixels into channels: ``2x4``, ``2x4-4x4``, ``1x1`` for none; ``auto`` is what
        ``edge-srcnn tune`` found, or suits the processor. It does not change the bytes of an int8 network.
    tile
        Height and width in pixels that are worked on at a time, ``128x256``, ``whole``, or ``auto``: of the plane that
        the network reads, which is the upscaled one for ``srcnn``, and the camera's for ``fast``. It costs memory, and
        does not change the bytes.
    reuse
        For still cameras: do not compute a tile again whose input (halo included) is that of the last picture.
        The result is the same, always.
    isolate
        Run the engine in a process of its own: native code that crashes or hangs is then a ``DelegateLost``.
    delegate
        A shared library for the interpreter to work with; implies ``isolate``, and a self-test.

    Raises
    ------
    UsageError, NoInput, ModelError, Unavailable
        See ``edge_srcnn.errors``.
    """
    _check_scale(name, scale)
    wish = wish_for(threads=threads, block=block, tile=tile)
    if choose_engine(engine) == BICUBIC and is_auto(name):
        return Upscaler(LumaUpscaler(None, scale), BICUBIC, None)
    model = read_named(name, scale, camera=camera)
    log.info("model %s, for %s pictures", model.spec.name, model.spec.degradation)
    if engine == AUTO and model.tpu is not None and model.tpu.compiler is not None:
        try:
            return _isolated(model, EDGETPU, wish, reuse, None)
        except Unavailable as error:
            log.warning("%s; the processor computes instead", error)
    if (isolate or delegate is not None or is_edgetpu(engine)) and choose_engine(engine) != BICUBIC:
        return _isolated(model, engine, wish, reuse, delegate)
    return open_model(model, engine=engine, wish=wish, reuse=reuse)


def _isolated(model: Model, engine: str, wish: Wish, reuse: bool, delegate: Delegate | None) -> Upscaler:
    from edge_srcnn.engine.isolated.client import IsolatedLuma

    if not is_edgetpu(engine):
        luma = IsolatedLuma(model, engine=engine, wish=wish, reuse=reuse, delegate=delegate)
        return Upscaler(luma, delegate.library if delegate else choose_engine(engine), model)
    engines, form = edgetpu_engines(engine), compiled_form(model)
    with ExitStack() as opened:  # those that are there are closed when one is not
        parts = [
            opened.enter_context(closing(IsolatedLuma(model, engine=each, wish=wish, reuse=reuse))) for each in engines
        ]
        opened.pop_all()
    return Upscaler(parts[0] if len(parts) == 1 else ParallelLuma(parts, form.tile[0] * form.upsampling), engine, model)


def read_named(name: str | Path | None, scale: int, *, camera: bool = False) -> Model:
    """Read a model by name or path, or the bundled default; arguments and errors as those of ``load_model``."""
    _check_scale(name, scale)
    return read_model(find_model(name, scale, camera=camera))


def _check_scale(name: str | Path | None, scale: int) -> None:
    if is_auto(name) and scale not in SCALES:
        raise UsageError(f"scale {scale}: the bundled models are for {', '.join(map(str, SCALES))}")


def open_model(
    model: Model,
    *,
    engine: str = AUTO,
    wish: Wish | None = None,
    reuse: bool = False,
    delegate: Delegate | None = None,
) -> Upscaler:
    """Make a model that is in memory ready, in this process; ``wish`` overrides what a tuning or the table says."""
    luma, name = open_luma(model, engine=engine, wish=wish, reuse=reuse, delegate=delegate)
    return Upscaler(luma, name, None if name == BICUBIC else model)


def upscale(pixels: UInt8Array, model: str | Path | None = None, *, scale: int = 2, engine: str = AUTO) -> UInt8Array:
    """Up-scale one picture: ``load_model`` and ``Upscaler.upscale`` in one call."""
    with load_model(model, scale=scale, engine=engine) as upscaler:
        return upscaler.upscale(pixels)

"""From the name of a model to an ``Upscaler`` that is ready: engine, packing, tile, threads."""

import logging
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from edge_srcnn.engine.backends import AUTO, BICUBIC
from edge_srcnn.engine.blocks import Blocks
from edge_srcnn.engine.build import open_luma
from edge_srcnn.engine.candidates import candidates, may_be_missing
from edge_srcnn.engine.delegate import Delegate
from edge_srcnn.engine.edgetpu.strips import ParallelLuma
from edge_srcnn.engine.isolated.client import IsolatedLuma
from edge_srcnn.engine.luma import Luma, LumaUpscaler
from edge_srcnn.engine.options import EngineOptions
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
        each picture. ``auto`` takes an Edge TPU where the model is compiled for one and one is there.
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
    options = EngineOptions.parse(
        engine=engine, threads=threads, block=block, tile=tile, reuse=reuse, isolate=isolate, delegate=delegate
    )
    return load(name, options, scale=scale, camera=camera)


def load(name: str | Path | None, options: EngineOptions, *, scale: int = 2, camera: bool = False) -> Upscaler:
    """Load a network with options that are made already; other arguments and errors as those of ``load_model``."""
    _check_scale(name, scale)
    if options.engine == BICUBIC and is_auto(name):
        return Upscaler(LumaUpscaler(None, scale), BICUBIC, None)
    return open_model(read_named(name, scale, camera=camera), options)


def read_named(name: str | Path | None, scale: int, *, camera: bool = False) -> Model:
    """Read a model by name or path, or the bundled default; arguments and errors as those of ``load_model``."""
    _check_scale(name, scale)
    return read_model(find_model(name, scale, camera=camera))


def _check_scale(name: str | Path | None, scale: int) -> None:
    if is_auto(name) and scale not in SCALES:
        raise UsageError(f"scale {scale}: the bundled models are for {', '.join(map(str, SCALES))}")


def open_model(model: Model, options: EngineOptions | None = None) -> Upscaler:
    """Make a model that is in memory ready; an accelerator that ``auto`` came to may be missing."""
    options = options or EngineOptions()
    first, *others = candidates(options, model)
    if options.engine == AUTO and options.delegate is None and may_be_missing(first):
        try:
            return _opened(model, first)
        except Unavailable as error:
            log.warning("%s; the processor computes instead", error)
            first = others[0]
    return _opened(model, first)


def _opened(model: Model, options: EngineOptions) -> Upscaler:
    backend = options.backend()
    if not backend.has_network:
        return Upscaler(LumaUpscaler(None, model.spec.scale), options.engine, None)
    log.info("model %s, for %s pictures", model.spec.name, model.spec.degradation)
    luma: Luma
    if not (options.isolate or backend.isolated):
        luma = open_luma(model, options)
    else:
        form = backend.form_of(model)
        with ExitStack() as opened:  # those that are there are closed when one is not
            parts = [
                opened.enter_context(closing(IsolatedLuma(model, replace(options, engine=each))))
                for each in backend.parts()
            ]
            opened.pop_all()
        luma = ParallelLuma(parts, form.tile[1] * form.upsampling) if form and len(parts) > 1 else parts[0]
    return Upscaler(luma, options.label, model)


def upscale(pixels: UInt8Array, model: str | Path | None = None, *, scale: int = 2, engine: str = AUTO) -> UInt8Array:
    """Upscale one picture: ``load_model`` and ``Upscaler.upscale`` in one call."""
    with load_model(model, scale=scale, engine=engine) as upscaler:
        return upscaler.upscale(pixels)

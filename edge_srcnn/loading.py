"""From the name of a model to an ``Upscaler`` that is ready: engine, packing, tile, threads."""

import logging
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from edge_srcnn.bundled import find_model, is_auto
from edge_srcnn.engine.delegates import Delegate, edgetpu_delegate, load_delegate
from edge_srcnn.engine.edgetpu import edgetpu_engines, is_edgetpu
from edge_srcnn.engine.flatbuffer_reader import read_graph
from edge_srcnn.engine.interpreter import BICUBIC, EDGETPU, choose_engine, installed_version, load_interpreter
from edge_srcnn.engine.network import Network
from edge_srcnn.engine.packing import Blocks
from edge_srcnn.engine.setting import (
    AUTO,
    MAX_THREADS,
    REUSE_TILE,
    Setting,
    Wish,
    check_tile,
    default_setting,
    parse_tile,
)
from edge_srcnn.engine.sharpener import Sharpener
from edge_srcnn.engine.tuned import Occasion, recall
from edge_srcnn.engine.upscaler import LumaUpscaler
from edge_srcnn.errors import ModelUnsupported, Unavailable, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.model import Model, read_model
from edge_srcnn.parallel import ParallelLuma
from edge_srcnn.processor import available_processors, this_processor
from edge_srcnn.tpu_form import TpuForm
from edge_srcnn.upscaler import Upscaler

log = logging.getLogger(__name__)

SCALES = (2, 3, 4)
_SCALE_TOLERANCE = 1e-4


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
    from edge_srcnn.isolation import IsolatedLuma

    if not is_edgetpu(engine):
        luma = IsolatedLuma(model, engine=engine, wish=wish, reuse=reuse, delegate=delegate)
        return Upscaler(luma, delegate.library if delegate else choose_engine(engine), model)
    engines, form = edgetpu_engines(engine), _compiled_form(model)
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
    chosen, scale, form = choose_engine(engine), model.spec.scale, None
    if chosen == BICUBIC:
        return Upscaler(LumaUpscaler(None, scale), BICUBIC, None)
    if is_edgetpu(engine):
        form, delegate = _compiled_form(model), edgetpu_delegate(engine)
    load_interpreter(chosen)
    network = network_of(model)
    wish = wish or Wish()

    def choose(height: int, width: int) -> Setting:
        setting = setting_for(model, chosen, height, width, wish)
        return with_reuse(setting) if reuse and wish.tile is None else setting

    loaded = None if delegate is None else load_delegate(chosen, delegate)
    sharpener = Sharpener(
        network,
        chosen,
        setting_for=choose,
        reuse=reuse,
        delegate=loaded,
        form=form,
    )
    name = engine if form else delegate.library if delegate else chosen
    return Upscaler(LumaUpscaler(sharpener, scale), name, model)


def _compiled_form(model: Model) -> TpuForm:
    if model.tpu is None or model.tpu.compiler is None:
        raise ModelUnsupported(
            f"{model.spec.name}: not compiled for an Edge TPU; 'edge-srcnn compile MODEL.tflite' does that, on x86-64"
        )
    return model.tpu


def upscale(pixels: UInt8Array, model: str | Path | None = None, *, scale: int = 2, engine: str = AUTO) -> UInt8Array:
    """Up-scale one picture: ``load_model`` and ``Upscaler.upscale`` in one call."""
    with load_model(model, scale=scale, engine=engine) as upscaler:
        return upscaler.upscale(pixels)


def network_of(model: Model) -> Network:
    """Read a model's network, and check that it is what its description claims.

    Raises
    ------
    ModelUnsupported
        It is another one.
    """
    graph, spec = read_graph(model.graph), model.spec
    channels = graph.input_shape[2], len(graph.layers[-1].bias)
    wanted = spec.unshuffle**2, spec.shuffle**2
    if channels != wanted:
        raise ModelUnsupported(
            f"{spec.name}: {channels[0]} channels in, {channels[1]} out; its description wants {wanted[0]} and"
            f" {wanted[1]}"
        )
    network = Network(graph, spec.plane, spec.unshuffle, spec.shuffle, spec.residual)
    if network.context_px != (spec.halo_px, spec.halo_px):
        raise ModelUnsupported(
            f"{spec.name}: its kernels use up {network.context_px[0]}x{network.context_px[1]} px on each side, its"
            f" description says {spec.halo_px}"
        )
    if graph.dtype == "int8" and (
        abs(graph.input.scale * 255 - 1) > _SCALE_TOLERANCE or graph.input.zero_point != -128
    ):
        raise ModelUnsupported(
            f"{spec.name}: its input has scale {graph.input.scale:.6g} and zero point {graph.input.zero_point}; the"
            " camera's greys want 1/255 and -128"
        )
    return network


def wish_for(*, threads: int | None = None, block: str | Blocks = AUTO, tile: str | tuple[int, int] = AUTO) -> Wish:
    """What was asked for, checked; ``UsageError`` where it makes no sense."""
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise UsageError(f"threads {threads}: must be 1 to {MAX_THREADS}")
    blocks = block if isinstance(block, Blocks) else None if block == AUTO else Blocks.parse(block)
    return Wish(blocks, parse_tile(tile) if isinstance(tile, str) else check_tile(tile), threads)


def occasion_of(model: Model, engine: str, height: int, width: int) -> Occasion:
    """What a tuning of this model, on this machine, for up-scaled pictures of this size, is remembered under."""
    processor = f"{this_processor().name}, {available_processors()} processors"
    return Occasion(model.spec.graph_sha256, processor, f"{engine} {installed_version(engine)}", height, width)


def setting_for(model: Model, engine: str, height: int, width: int, wish: Wish) -> Setting:
    """How up-scaled pictures of this size are computed: what was asked for, then what was tuned, then the table."""
    return wish.applied_to(tuned_or_default(model, engine, height, width)[0])


def tuned_or_default(model: Model, engine: str, height: int, width: int) -> tuple[Setting, bool]:
    """The setting where nothing is asked for, and whether it was measured here."""
    setting = recall(occasion_of(model, engine, height, width), upsampling=model.spec.upsampling)
    if setting is not None:
        return setting, True
    return default_setting(network_of(model), this_processor(), available_processors()), False


def with_reuse(setting: Setting) -> Setting:
    """The same, with small tiles for what is still: a moving thing then leaves most of them as they were."""
    return replace(setting, still_tile=REUSE_TILE)

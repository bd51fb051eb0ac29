"""Build an engine for a model: its network, its plan on this machine, its delegate."""

from dataclasses import replace

from edge_srcnn.engine.blocks import Blocks
from edge_srcnn.engine.edgetpu.delegate import Delegate, edgetpu_delegate, load_delegate
from edge_srcnn.engine.edgetpu.several import is_edgetpu
from edge_srcnn.engine.inference import Sharpener
from edge_srcnn.engine.interpreter import BICUBIC, choose_engine, installed_version, load_interpreter
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.engine.network import Network
from edge_srcnn.engine.plan import (
    AUTO,
    MAX_THREADS,
    REUSE_TILE,
    Setting,
    Wish,
    check_tile,
    default_setting,
    parse_tile,
)
from edge_srcnn.engine.processor import available_processors, this_processor
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.engine.tuning_cache import Occasion, recall
from edge_srcnn.errors import ModelUnsupported, UsageError
from edge_srcnn.models.edgetpu import TpuForm
from edge_srcnn.models.file import Model

_SCALE_TOLERANCE = 1e-4


def open_luma(
    model: Model,
    *,
    engine: str = AUTO,
    wish: Wish | None = None,
    reuse: bool = False,
    delegate: Delegate | None = None,
) -> tuple[LumaUpscaler, str]:
    """Build the engine of a model in this process, and name it; ``wish`` overrides what a tuning or the table says."""
    chosen, scale, form = choose_engine(engine), model.spec.scale, None
    if chosen == BICUBIC:
        return LumaUpscaler(None, scale), BICUBIC
    if is_edgetpu(engine):
        form, delegate = compiled_form(model), edgetpu_delegate(engine)
    load_interpreter(chosen)
    network = network_of(model)
    wish = wish or Wish()

    def choose(height: int, width: int) -> Setting:
        setting = setting_for(model, chosen, height, width, wish)
        return with_reuse(setting) if reuse and wish.tile is None else setting

    loaded = None if delegate is None else load_delegate(chosen, delegate)
    sharpener = Sharpener(network, chosen, setting_for=choose, reuse=reuse, delegate=loaded, form=form)
    return LumaUpscaler(sharpener, scale), engine if form else delegate.library if delegate else chosen


def compiled_form(model: Model) -> TpuForm:
    """Give a model's form for an Edge TPU; ``ModelUnsupported`` where it is not compiled for one."""
    if model.tpu is None or model.tpu.compiler is None:
        raise ModelUnsupported(
            f"{model.spec.name}: not compiled for an Edge TPU; 'edge-srcnn compile MODEL.tflite' does that, on x86-64"
        )
    return model.tpu


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

"""Build an engine for a model: its network, and its plan on this machine."""

from functools import partial

from edge_srcnn.engine.backends import Backend
from edge_srcnn.engine.inference import TiledInference
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.engine.network import Network
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.plan import Plan, default_plan
from edge_srcnn.engine.processor import available_processors, this_processor
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.engine.tuning_cache import TuningCache, TuningKey
from edge_srcnn.errors import ModelUnsupported
from edge_srcnn.models.file import Model

_SCALE_TOLERANCE = 1e-4


def open_luma(model: Model, options: EngineOptions) -> LumaUpscaler:
    """Build the engine of a model in this process.

    Parameters
    ----------
    model
        The network.
    options
        Another engine than ``auto``; see ``candidates``.

    Raises
    ------
    ModelUnsupported, Unavailable
        The engine cannot compute the network, or is not there.
    """
    backend = options.backend()
    if not backend.has_network:
        return LumaUpscaler(None, model.spec.scale)
    form = backend.form_of(model)
    backend.prepare()
    inference = TiledInference(
        network_of(model),
        backend,
        plan_for=partial(plan_for, model, options),
        reuse=options.reuse,
        form=form,
    )
    return LumaUpscaler(inference, model.spec.scale)


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


def tuning_key(model: Model, backend: Backend, height: int, width: int) -> TuningKey:
    """Name what a tuning for upscaled pictures of (height, width) holds for: model, this machine, interpreter, size."""
    processor = f"{this_processor().name}, {available_processors()} processors"
    return TuningKey(model.spec.graph_sha256, processor, f"{backend.name} {backend.version()}", height, width)


def plan_for(model: Model, options: EngineOptions, height: int, width: int) -> Plan:
    """Plan upscaled pictures of (height, width): what was asked for, then what was tuned, then the table."""
    return options.applied_to(tuned_or_default(model, options.backend(), height, width)[0])


def tuned_or_default(model: Model, backend: Backend, height: int, width: int) -> tuple[Plan, bool]:
    """Give the plan where nothing is asked for, and whether it was measured here."""
    plan = TuningCache().get(tuning_key(model, backend, height, width), upsampling=model.spec.upsampling)
    if plan is not None:
        return plan, True
    return default_plan(network_of(model), this_processor(), available_processors()), False

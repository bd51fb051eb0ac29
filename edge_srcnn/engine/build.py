"""Build an engine for a model: its network, its plan on this machine, and the proof that it computes right."""

from functools import partial

import numpy as np

from edge_srcnn.engine.backends import Backend
from edge_srcnn.engine.graph import Network
from edge_srcnn.engine.inference import TiledInference
from edge_srcnn.engine.luma import Luma, LumaUpscaler
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.plan import Plan, default_plan
from edge_srcnn.engine.processor import available_processors, this_processor
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.engine.tuning_cache import TuningCache, TuningKey
from edge_srcnn.errors import ModelUnsupported, SelfTestFailed
from edge_srcnn.models.file import Model, digest, golden_plane
from edge_srcnn.models.spec import ModelSpec

SELF_TEST_SHARE = 0.01
"""Of the pixels of the golden output, no more may differ by more than a level."""

_SCALE_TOLERANCE = 1e-4


def open_luma(model: Model, options: EngineOptions) -> LumaUpscaler:
    """Build the engine of a model in this process.

    Parameters
    ----------
    model
        The network.
    options
        Another engine than ``auto``; see ``candidates``.

    Returns
    -------
    Its programs are compiled when the first plane of a size comes.

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
    plans = partial(plan_for, model, options)
    inference = TiledInference(network_of(model), backend, plan_for=plans, reuse=options.reuse, form=form)
    return LumaUpscaler(inference, model.spec.scale)


def network_of(model: Model) -> Network:
    """Read a model's network; ``ModelUnsupported`` where it is another one than its description claims."""
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
    source = graph.input
    if graph.dtype == "int8" and (abs(source.scale * 255 - 1) > _SCALE_TOLERANCE or source.zero_point != -128):
        raise ModelUnsupported(
            f"{spec.name}: its input has scale {source.scale:.6g} and zero point {source.zero_point}; the camera's"
            " greys want 1/255 and -128"
        )
    return network


def tuning_key(model: Model, backend: Backend, height: int, width: int) -> TuningKey:
    """Name what a tuning for upscaled pictures of (height, width) holds for: model, this machine, interpreter, size."""
    processor = f"{this_processor().name}, {available_processors()} processors"
    return TuningKey(model.spec.graph_sha256, processor, f"{backend.name} {backend.version()}", height, width)


def plan_for(model: Model, options: EngineOptions, height: int, width: int) -> Plan:
    """Plan upscaled pictures of (height, width): what was asked for, then what was tuned, then the table."""
    return options.applied_to(tuned_or_default(model, options.backend(), height, width)[0], model.spec.plane)


def tuned_or_default(model: Model, backend: Backend, height: int, width: int) -> tuple[Plan, bool]:
    """Give the plan where nothing is asked for, and whether it was measured here."""
    plan = TuningCache().get(tuning_key(model, backend, height, width), upsampling=model.spec.upsampling)
    if plan is not None:
        return plan, True
    return default_plan(network_of(model), this_processor(), available_processors()), False


def check_golden(luma: Luma, model: Model, engine: str) -> str:
    """Compute the model's golden input, and compare with what it must give.

    Parameters
    ----------
    luma
        Computes.
    model
        Its network, of which it holds the golden output.
    engine
        What people call the engine.

    Returns
    -------
    ``identical``, or ``within 1 level`` (or a few, of a deep network) for interpreters with older kernels.

    Raises
    ------
    SelfTestFailed
        The engine computes something else.
    """
    plane = golden_plane()
    out = luma.run_network(plane)
    if digest(plane) != model.spec.golden_input_sha256:
        raise SelfTestFailed(f"{model.spec.name}: made with another golden input; export it again")
    if digest(out) == model.spec.golden_output_sha256:
        return "identical"
    apart = np.abs(out.astype(int) - model.golden)
    worst = int(apart.max())
    if worst <= self_test_tolerance(model.spec) and (apart > 1).mean() <= SELF_TEST_SHARE:
        return f"within {worst} level{'s'[: worst - 1]}"
    raise SelfTestFailed(
        f"engine {engine} computes {model.spec.name} wrongly (off by up to {worst} levels); choose another --engine"
    )


def self_test_tolerance(spec: ModelSpec) -> int:
    """Give the levels by which a few pixels may differ from the golden output, with the older, non-XNNPACK kernels.

    These round each result to one or the other of its neighbours; each hidden layer but one may carry that further.

    Parameters
    ----------
    spec
        Tells the layers.

    Returns
    -------
    1 or more.
    """
    return max(len(spec.layers) - 2, 1)

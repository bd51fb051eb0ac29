"""Make one self-describing model of a graph and its facts, and write the card that people read."""

import math
import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata

import numpy as np

import edge_srcnn
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import GOLDEN_SHAPE, Model, digest, golden_plane, read_model
from edge_srcnn.models.spec import BICUBIC, CAMERA, CAMERA_VIDEO, SETTLED, ModelSpec, Quality, Training
from edge_srcnn.upscaler import open_model
from export.architectures import Architecture, family
from export.data.degradation import CODED

GOLDEN_ENGINE = "litert"
"""The golden output is LiteRT's (XNNPACK): its bytes are the same on x86-64 and Arm."""

_SMALL = {
    BICUBIC: "by MATLAB's bicubic",
    CAMERA: "by a camera's lens, sensor, noise, mosaic, sharpening and JPEG, drawn by chance",
    SETTLED: "by MATLAB's bicubic, with what noise and codecs leave in the mean over time, drawn by chance",
}

_GOOD_FOR = {
    BICUBIC: """\
Good for photographs and camera pictures that are soft for want of resolution. It sharpens what bicubic scaling
blurred; it does not remove noise or compression artefacts, and invents no detail.""",
    CAMERA: """\
Good for what a Raspberry Pi's camera or a webcam delivers live: a little soft, a little noisy, compressed. It sharpens
less than the `bicubic` model does where there is nothing but noise, and invents no detail.""",
    CAMERA_VIDEO: """\
Good for what a camera delivers live, before and after the mean over time that stands in front of it: soft or sharp,
noisy or settled, coded as JPEG or H.264 or not at all. It takes away what noise and codec have put there, sharpens what
is left, and invents no detail.""",
    SETTLED: """\
Good for a camera with a sharp lens that stands still, behind the mean over time: what has come to rest gains more than
by the `camera` model. What moves keeps its noise, and a soft lens stays soft. It invents no detail.""",
}

_CLEANS = """\
Good for what a Raspberry Pi's camera or a webcam delivers, at its own size: it takes away noise and the blocks of
compression, and sharpens a little. It makes nothing larger, and invents no detail."""

_VERSIONED = ("keras", "tensorflow", "ai-edge-litert", "numpy", "opencv-python-headless")
"""Distributions on which the bytes depend; the Keras back end is one more."""

OTHER = "a network as good; its bytes differ"


def model_name(architecture: Architecture, degradation: str = BICUBIC) -> str:
    """Name a model by its network and its degradation: ``srcnn-915-x2``, ``fast-m-x2-camera``."""
    name = f"{architecture.name}-x{architecture.scale}"
    return name if degradation == BICUBIC else f"{name}-{degradation}"


def nearest_bundled(architecture: Architecture, degradation: str) -> str | None:
    """Find the bundled model of the same scale and kind that does about as much work; None where there is none."""
    ending = f"-x{architecture.scale}" + (f"-{CAMERA}" if degradation == CAMERA else "")
    found = [name for name in bundled_models() if name.endswith(ending)]
    specs = {name: read_model(bundled_models()[name]).spec for name in found}
    work = sum(math.prod(shape) for shape in architecture.shapes) / architecture.shuffle**2
    return min(found, key=lambda name: abs(math.log(specs[name].macs_per_pixel / work)), default=None)


def describe(
    architecture: Architecture,
    graph: bytes,
    *,
    quantization: str,
    degradation: str,
    training: Training,
    name: str | None = None,
) -> Model:
    """Make a model in memory, and compute its golden output; ``quality`` is still empty.

    Without ``name`` it is called after its network.
    """
    plane = golden_plane()
    spec = ModelSpec(
        name=name or model_name(architecture, degradation),
        family=architecture.family,
        architecture=architecture.spelling,
        layers=architecture.layers,
        plane=architecture.plane,
        unshuffle=architecture.unshuffle,
        shuffle=architecture.shuffle,
        scale=architecture.scale,
        residual=architecture.residual,
        halo_px=architecture.halo_px,
        quantization=quantization,
        degradation=degradation,
        graph_sha256=digest(graph),
        golden_input_sha256=digest(plane),
        golden_output_sha256="",
        training=training,
        quality=(),
        versions={"python": platform.python_version()} | _versions(training),
        created_by=f"edge-srcnn {edge_srcnn.__version__}",
    )
    unproven = Model(spec, graph, np.zeros(GOLDEN_SHAPE, np.uint8))
    with open_model(unproven, EngineOptions(GOLDEN_ENGINE)) as upscaler:
        golden = upscaler.run_network(plane)
    return Model(replace(spec, golden_output_sha256=digest(golden)), graph, golden)


def _versions(training: Training) -> dict[str, str]:
    import keras  # takes seconds, and names are made here, too

    coded = ("av",) if training.degradation in CODED else ()
    names = dict.fromkeys((*_VERSIONED, keras.backend.backend(), *coded))
    return {name: metadata.version(name) for name in names}


def model_card(spec: ModelSpec, remarks: Sequence[str] = ()) -> str:
    """Write a model's card in Markdown, with remarks below its quality."""
    training = spec.training
    rows = "".join(
        f"| {q.set} | {q.bicubic_psnr:.2f} / {q.bicubic_ssim:.4f} | {q.float_psnr:.2f} / {q.float_ssim:.4f}"
        f" | {q.psnr:.2f} / {q.ssim:.4f} |\n"
        for q in spec.quality
    )
    versions = ", ".join(f"{name} {version}" for name, version in spec.versions.items())
    words = (
        ("input", "spoiled", "Degraded") if spec.scale == 1 else ("bicubic (OpenCV)", "downscaled", "Low-resolution")
    )
    base, how, small = words
    return f"""# {spec.name}

{family(spec.family).describe(spec)}

- Weights: {_origin(training)}.
- {small} pictures in training: `{spec.trained_on}`. {_choice(training)}
- Licence of the training pictures: {training.licence}.
- Made by {spec.created_by}; {versions}.
- SHA-256 of the graph: `{spec.graph_sha256}`.
{_again(training)}
PSNR (dB) / SSIM on luma, against ground truths {how} {_SMALL.get(spec.degradation, f"by `{spec.degradation}`")}:

| set | {base} | float32 | {spec.quantization} |
|---|---|---|---|
{rows}{"".join(f"{chr(10)}{remark}{chr(10)}" for remark in remarks)}
{_good_for(spec)}
"""


def _good_for(spec: ModelSpec) -> str:
    return _CLEANS if spec.scale == 1 else _GOOD_FOR.get(spec.trained_on, _GOOD_FOR[BICUBIC])


def _origin(training: Training) -> str:
    pictures = f"{training.pictures} pictures of {', '.join(training.data)}"
    quantized = f"{training.qat_steps} steps with the weights quantized" if training.qat_steps else ""
    if training.weights:
        return f"published weights `{training.weights}`" + (f", then {quantized} on {pictures}" if quantized else "")
    return f"{pictures}; {training.steps} steps, {f'then {quantized}, ' if quantized else ''}seed {training.seed}"


def _again(training: Training) -> str:
    if training.command is None:
        return ""
    same = "the same file, byte for byte"
    if training.minutes is not None:
        same = f"{OTHER}, since a clock ends the training (--steps ends it the same each time)"
    elif training.differs:
        same = f"{OTHER}: {training.differs}"
    return f"""
Made again on the same machine with the same versions, {same}:

```
{training.command}
```
"""


def _choice(training: Training) -> str:
    if training.held_out_psnr is None:
        return "" if training.qat_steps else "The weights are as published."
    return (
        f"The best weights were chosen by training pictures held out ({training.held_out_psnr:.2f} dB), nothing else."
    )


def quality_rows(
    scores: dict[tuple[str, str], tuple[float, float]], sets: list[str], shipped: str, base: str
) -> tuple[Quality, ...]:
    """Collect the scores, {(set, method): (psnr, ssim)}, for the metadata: base, float32 and shipped, a set each."""
    return tuple(Quality(name, *scores[name, base], *scores[name, "float32"], *scores[name, shipped]) for name in sets)

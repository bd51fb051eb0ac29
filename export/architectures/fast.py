"""Describe fast networks: narrow 3x3 convolutions on the camera's own grid, which put out the residual's sub-pixels.

After Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
Network" (2016); Dong et al., "Accelerating the Super-Resolution Convolutional Neural Network" (2016), has the narrow
layers between. The bicubic picture stands beside the network, not in it, so that int8 costs next to nothing.
"""

import re
from pathlib import Path
from typing import NamedTuple

from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.bicubic import base_name
from edge_srcnn.models.bundled import SCALES
from edge_srcnn.models.spec import LUMA_PLANE, ModelSpec
from export.architectures import Architecture, Layer

LADDER: dict[str, dict[int, str]] = {
    "fast-s": dict.fromkeys(SCALES, "fast-c8d4"),
    "fast-m": dict.fromkeys(SCALES, "fast-c16d4"),
    "fast-l": dict.fromkeys(SCALES, "fast-c24d5"),
    "fast-xl": dict.fromkeys(SCALES, "fast-c32d7"),
}
"""The networks that are shipped, by scale, from the fastest to the best."""

EXAMPLES = (*LADDER, "fast-c16d4", "fast-c16d4k3", "fast-c32d4b2")

WIDTHS, DEPTHS, FIRST_KERNELS, BLOCKS = range(1, 129), range(1, 25), (3, 5, 7), (1, 2)
KERNEL = 3
PATCH_PX = 24
EXPANSION = 4
EVEN_SCALES = (1, 2)
"""At x3 and x4 evenness costs 0.1 dB (``docs/numbers.md``)."""

DEEP = 6


class Int8(NamedTuple):
    """Hold what suits the rounding to int8, see ``Architecture``."""

    balance: float
    range_share: float


INT8 = {
    (False, False): Int8(8.0, 0.8),
    (False, True): Int8(8.0, 0.7),
    (True, False): Int8(2.0, 0.7),
    (True, True): Int8(1.5, 0.65),
}
"""By whether a network is even, and deep. Even ones have one step for all sub-pixels: finer ranges make up for that."""

_GRAMMAR = re.compile(
    r"fast-c(?P<width>\d{1,4})d(?P<depth>\d{1,4})(?:k(?P<kernel>\d{1,4}))?(?:b(?P<block>\d{1,4}))?", re.ASCII
)


def find(name: str, scale: int, *, filters: tuple[int, int] | None = None, residual: bool = True) -> Architecture:
    """Describe a fast network by its name.

    Parameters
    ----------
    name
        One of ``LADDER``, or ``fast-cWdN[kK][bB]``: W channels, N convolutions before the last one, the first of them
        KxK, all others 3x3. K is 5, or 3 where the network reads blocks of BxB pixels.
    scale
        Factor of upscaling.
    filters
        None: these networks have their width in their name.
    residual
        True: these networks have no other form.

    Returns
    -------
    The network's layers, grids, and what suits its training.

    Raises
    ------
    UsageError
        The name is none of these, a number is out of its range, or another form is asked for.
    """
    if filters is not None:
        raise UsageError(f"--filters is for srcnn alone; {name} has its width in its name (fast-c16d4: 16 channels)")
    if not residual:
        raise UsageError(f"{name} puts out the residual: --form direct and --weights are for srcnn alone")
    spelled = LADDER[name][scale] if name in LADDER else name
    parts = _GRAMMAR.fullmatch(spelled)
    if parts is None:
        raise UsageError(
            f"--arch {name!r}: use {', '.join(LADDER)}, or fast-cWdN: W channels, N convolutions before the last one;"
            " after that k3, k5 or k7 for the first kernel, and b2 for blocks of 2x2 pixels"
        )
    width, depth, block = int(parts["width"]), int(parts["depth"]), int(parts["block"] or 1)
    usual_kernel = 5 if block == 1 else KERNEL
    kernel = int(parts["kernel"] or usual_kernel)
    for what, value, allowed in (
        ("channels", width, WIDTHS),
        ("convolutions before the last one", depth, DEPTHS),
        ("as the first kernel", kernel, FIRST_KERNELS),
        ("as the side of a block", block, BLOCKS),
    ):
        if value not in allowed:
            limits = f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else ", ".join(map(str, allowed))
            raise UsageError(f"--arch {name!r}: {value} {what}; use {limits}")
    spelling = f"fast-c{width}d{depth}"
    spelling += f"k{kernel}" if kernel != usual_kernel else ""
    spelling += f"b{block}" if block != 1 else ""
    shuffle = block * scale
    is_even = shuffle > 1 and scale in EVEN_SCALES
    int8 = INT8[is_even, depth >= DEEP]
    return Architecture(
        family="fast",
        name=name if name in LADDER else spelling,
        spelling=spelling,
        scale=scale,
        layers=((kernel, width), *((KERNEL, width),) * (depth - 1), (KERNEL, shuffle**2)),
        layer_names=tuple(f"conv{number}" for number in range(1, depth + 2)),
        plane=LUMA_PLANE,
        unshuffle=block,
        shuffle=shuffle,
        even=is_even,
        muon_rate=_muon_rate(width, depth),
        expand=EXPANSION * width,
        patch_px=PATCH_PX,
        balance=int8.balance,
        range_share=int8.range_share,
    )


def describe(spec: ModelSpec) -> str:
    """Say what the network of a model is, for its card."""
    kernels = ", ".join(f"{side}x{side}" for side, _ in spec.layers)
    pixels = "luma as the camera gives it"
    if spec.unshuffle > 1:
        pixels += f", in blocks of {spec.unshuffle}x{spec.unshuffle} pixels"
    width = spec.layers[0][1]
    at_a_time = f", {spec.shuffle}x{spec.shuffle} pixels at a time" if spec.shuffle > 1 else ""
    return (
        f"A fast network ({spec.architecture}) for x{spec.scale}: convolutions {kernels}, {width} channels,\n"
        f"on {pixels}: {spec.macs_per_pixel:,} multiplications for each pixel of the result.\n"
        f"Puts out the residual over the {base_name(spec.scale)} picture{at_a_time}. Numbers: {spec.quantization}."
    )


def read_weights(path: Path, architecture: Architecture) -> tuple[Layer, ...]:
    """Refuse published weights: nobody publishes any of these networks."""
    raise UsageError(f"--weights {path}: there are published weights of srcnn alone; give a checkpoint to --start-from")


def _muon_rate(width: int, depth: int) -> float:
    """Give the peak of the learning rate that trials found best: 0.01 for c8d4, 0.008 c16d4, 0.006 c24d5, 0.005 c32d7.

    Muon moves every weight of a kernel alike, and the more of them are added up, the further the sum moves.
    """
    rate: float = 0.008 * (16 / width) ** 0.36 * (5 / (depth + 1)) ** 0.45
    return round(rate, 3)

"""Networks of the forms that people publish, in ONNX."""

from typing import Any

import numpy as np

from tests.edge_srcnn.exchange.onnx_files import INPUT, OUTPUT, Builder


def espcn(b: Builder, scale: int = 2, activation=lambda b, x, c: b.add("Relu", x)) -> str:
    x = activation(b, b.conv(INPUT, 1, 8, 5), 8)
    x = activation(b, b.conv(x, 8, 6, 3), 6)
    return b.conv(x, 6, scale**2, 3)


def sub_pixels(b: Builder, x: str, scale: int = 2, **attributes) -> str:
    return b.add("DepthToSpace", x, blocksize=scale, output=OUTPUT, **attributes)


def dcr(b):
    return sub_pixels(b, espcn(b), mode="DCR")


def crd(b):
    return sub_pixels(b, espcn(b, 3), 3, mode="CRD")


def ends_with(b: Builder, x: str) -> str:
    return b.add("Identity", x, output=OUTPUT)


def srcnn(b):
    return ends_with(b, espcn(b, 1))


def vdsr(b):
    return b.add("Add", espcn(b, 1), INPUT, output=OUTPUT)


def over_bicubic(b):
    sizes = b.constant([1, 1, 2, 2], np.float32)
    base = b.add("Resize", INPUT, "", sizes, mode="cubic", coordinate_transformation_mode="pytorch_half_pixel")
    return b.add("Add", base, b.add("DepthToSpace", espcn(b), blocksize=2), output=OUTPUT)


def over_bicubic_clipped(b):
    over_bicubic(b)
    b.nodes[-1].output[0] = "sum"
    return b.add("Clip", "sum", b.constant(0.0), b.constant(1.0), output=OUTPUT)


def of_255(b):
    """From 0 to 255 on both sides, and in the middle as most train it."""
    x = espcn(b)
    b.nodes[0].input[0] = b.add("Div", INPUT, b.constant(255.0))
    b.nodes.insert(0, b.nodes.pop())
    x = b.add("Clip", b.add("DepthToSpace", x, blocksize=2), b.constant(0.0), b.constant(1.0))
    return b.add("Mul", x, b.constant(255.0), output=OUTPUT)


def of_255_bare(b):
    """From 0 to 255, with nothing in it that says so."""
    return sub_pixels(b, espcn(b))


def over_nearest(b):
    scales = b.constant([1, 1, 2, 2], np.float32)
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    base = b.add("Resize", INPUT, "", scales, mode="nearest", **how)
    return b.add("Add", b.add("DepthToSpace", espcn(b), blocksize=2), base, output=OUTPUT)


def anchor(b):
    """ABPN and QuickSRNet: the input, repeated, is added before its pixels are shuffled."""
    repeated = b.add("Concat", *[INPUT] * 4, axis=1)
    return sub_pixels(b, b.add("Add", espcn(b), repeated))


def tiled_anchor(b):
    return sub_pixels(b, b.add("Add", b.add("Tile", INPUT, b.constant([1, 4, 1, 1], np.int64)), espcn(b)))


def sesr(b):
    """Collapsed SESR: PReLU, a long skip of features, and the input added to all sub-pixels."""
    first = b.add("PRelu", b.conv(INPUT, 1, 6, 5), b.constant(b.rng.uniform(-0.2, 0.4, (6, 1, 1))))
    x = first
    for _ in range(2):
        x = b.add("PRelu", b.conv(x, 6, 6, 3), b.constant(b.rng.uniform(-0.2, 0.4, (6, 1, 1))))
    x = b.conv(b.add("Add", x, first), 6, 4, 5)
    return sub_pixels(b, b.add("Add", x, INPUT))


def leaky(b):
    return sub_pixels(b, espcn(b, activation=lambda b, x, c: b.add("LeakyRelu", x, alpha=0.1)))


def linear_between(b):
    """Two convolutions without an activation between."""
    return sub_pixels(b, b.conv(b.add("Relu", b.conv(b.conv(INPUT, 1, 5, 3), 5, 4, 3)), 4, 4, 1))


def residual_blocks(b):
    """EDSR: skips of what may be negative, past rectifiers."""
    x = first = b.conv(INPUT, 1, 4, 3)
    for _ in range(2):
        x = b.add("Add", x, b.conv(b.add("Relu", b.conv(x, 4, 4, 3)), 4, 4, 3))
    return sub_pixels(b, b.conv(b.add("Add", x, first), 4, 4, 3))


def dense(b):
    """Concatenated features of three depths."""
    one = b.add("Relu", b.conv(INPUT, 1, 3, 3))
    two = b.add("Relu", b.conv(one, 3, 3, 3))
    return sub_pixels(b, b.conv(b.add("Concat", one, INPUT, two, axis=1), 7, 4, 3))


def normalized(b):
    def batch(b, x, channels):
        constants = [b.constant(b.rng.uniform(0.5, 1.5, channels)) for _ in range(4)]
        return b.add("Relu", b.add("BatchNormalization", x, *constants, epsilon=1e-3))

    return sub_pixels(b, espcn(b, activation=batch))


def same_upper(b):
    x = b.add("Relu", b.conv(INPUT, 1, 5, 5, auto_pad="SAME_UPPER"))
    return sub_pixels(b, b.conv(x, 5, 4, 3, auto_pad="SAME_LOWER"))


def valid(b):
    x = b.add("Relu", b.conv(INPUT, 1, 5, 5, auto_pad="VALID"))
    return sub_pixels(b, b.conv(x, 5, 4, 3, pads=[0, 0, 0, 0]))


def padded_before(b):
    x = b.add("Pad", INPUT, b.constant([0, 0, 3, 3, 0, 0, 3, 3], np.int64), mode="reflect")
    return sub_pixels(b, b.conv(b.add("Relu", b.conv(x, 1, 5, 5, pads=[0] * 4)), 5, 4, 3, pads=[0] * 4))


def depthwise(b):
    x = b.add("Relu", b.conv(INPUT, 1, 6, 3))
    return sub_pixels(b, b.conv(b.add("Relu", b.conv(x, 6, 6, 3, group=6)), 6, 4, 1))


def dilated(b):
    x = b.add("Relu", b.conv(INPUT, 1, 4, 3, dilations=[2, 2], pads=[2] * 4))
    return sub_pixels(b, b.conv(x, 4, 4, 3))


def wide_kernels(b):
    """1x5 and 5x1, one after the other."""
    weights = b.constant(b.rng.normal(0, 0.4, (4, 1, 1, 5))), b.constant(b.rng.normal(0, 0.3, (4, 4, 5, 1)))
    x = b.add("Relu", b.add("Conv", INPUT, weights[0], pads=[0, 2, 0, 2]))
    return sub_pixels(b, b.add("Conv", x, weights[1], pads=[2, 0, 2, 0]))


def blocks(b):
    """It reads blocks of 2x2 pixels, and gives blocks of 4x4."""
    x = b.add("Relu", b.conv(b.add("SpaceToDepth", INPUT, blocksize=2), 4, 8, 3))
    return sub_pixels(b, b.conv(x, 8, 16, 3), 4)


def centred(b):
    """The input less a half, the output with it again."""
    x = b.add("Relu", b.conv(b.add("Sub", INPUT, b.constant(0.5)), 1, 6, 3, pads=[0] * 4))
    return sub_pixels(b, b.add("Add", b.conv(x, 6, 4, 3, pads=[0] * 4), b.constant(0.5)))


def channels_at_the_end(b):
    """Left as sub-pixels: whoever reads it shuffles."""
    ends_with(b, espcn(b))


def relu_at_the_end(b):
    return b.add("Relu", b.add("DepthToSpace", espcn(b), blocksize=2), output=OUTPUT)


NETWORKS: dict[str, Any] = {
    each.__name__: each
    for each in (
        *(dcr, crd, over_bicubic, over_nearest, anchor, tiled_anchor, sesr, leaky, linear_between, residual_blocks),
        *(dense, normalized, same_upper, valid, padded_before, depthwise, dilated, wide_kernels, blocks, centred),
    )
}
"""Those that compute a picture twice as large, or three times (``crd``), without limits."""

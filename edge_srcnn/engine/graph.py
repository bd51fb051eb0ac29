"""A convolution stack as values, ``Graph``, and what the host does before and after it, ``Network``.

Sizes of a graph are in cells, the pixels of its own tensors; ``Network`` says what pixels of a picture they are.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int, int]
"""Height, width, channels; the batch is always 1."""


@dataclass(frozen=True)
class Quantization:
    """``real = scale * (integer - zero_point)``; scale 0 means that the tensor is float."""

    scale: float
    zero_point: int


FLOAT = Quantization(0.0, 0)


@dataclass(frozen=True, eq=False)
class Convolution:
    """A CONV_2D without padding or dilation.

    Attributes
    ----------
    weights
        int8 or float32 ``[outputs, height, width, inputs]`` (TFLite's order); zero point 0.
    bias
        int32 or float32 ``[outputs]``; an integer counts ``input scale * weight scale``.
    weight_scales
        float32 ``[outputs]``; empty for float weights.
    output
        How the result is quantized.
    relu
        Whether negative results become 0.
    stride
        Down and across.
    """

    weights: NDArray[Any]
    bias: NDArray[Any]
    weight_scales: NDArray[np.float32]
    output: Quantization
    relu: bool
    stride: tuple[int, int] = (1, 1)

    @property
    def kernel(self) -> tuple[int, int]:
        """Give height and width of the kernel."""
        return int(self.weights.shape[1]), int(self.weights.shape[2])

    def result(self, shape: Shape) -> Shape:
        """Give the shape that an input of ``shape`` becomes."""
        height, width = (
            (side - kernel) // stride + 1 for side, kernel, stride in zip(shape, self.kernel, self.stride, strict=False)
        )
        return height, width, int(self.weights.shape[0])


@dataclass(frozen=True)
class Reshape:
    """A view of the same bytes in another shape."""

    shape: Shape

    def result(self, shape: Shape) -> Shape:
        """Give the new shape."""
        return self.shape


Step = Convolution | Reshape


@dataclass(frozen=True, eq=False)
class Graph:
    """One input, one output, and the steps between.

    Attributes
    ----------
    input_shape
        The static shape; an interpreter may resize a graph of nothing but convolutions.
    input
        How the input is quantized.
    steps
        In the order of computation; the first is a convolution.
    """

    input_shape: Shape
    input: Quantization
    steps: tuple[Step, ...]

    @cached_property
    def layers(self) -> tuple[Convolution, ...]:
        """List the convolutions."""
        return tuple(step for step in self.steps if isinstance(step, Convolution))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Give the type of weights, input and output: int8 or float32."""
        return self.layers[0].weights.dtype

    @property
    def output(self) -> Quantization:
        """Tell how the output is quantized."""
        return self.layers[-1].output

    @property
    def output_shape(self) -> Shape:
        """Give the shape of the result."""
        shape = self.input_shape
        for step in self.steps:
            shape = step.result(shape)
        return shape

    @property
    def radius(self) -> tuple[int, int]:
        """Give the cells of context that a stack of stride 1 uses up on each side, down and across."""
        down, across = (sum(layer.kernel[axis] // 2 for layer in self.layers) for axis in (0, 1))
        return down, across

    @property
    def macs_per_cell(self) -> int:
        """Count the multiply-accumulates for each cell of the output of a stack of stride 1."""
        return sum(int(layer.weights.size) for layer in self.layers)


@dataclass(frozen=True, eq=False)
class Network:
    """A graph with its grids.

    Three grids meet here. Pixels of the plane that the network reads, cells of the graph (blocks of ``unshuffle`` x
    ``unshuffle`` such pixels are the channels of its input), and pixels of the result (blocks of ``shuffle`` x
    ``shuffle`` of them are the channels of its output).

    Attributes
    ----------
    graph
        Convolutions of stride 1 without padding, odd kernels.
    plane
        ``BICUBIC_PLANE``: it reads the bicubically upscaled luma. ``LUMA_PLANE``: it reads luma as the camera gave it.
    unshuffle, shuffle
        Sides of the blocks of input and output.
    residual
        Whether the output is to be added to the bicubic picture, or is the picture.
    """

    graph: Graph
    plane: str
    unshuffle: int
    shuffle: int
    residual: bool

    @property
    def upsampling(self) -> int:
        """Give the pixels of the result for each pixel of the plane, down and across."""
        return self.shuffle // self.unshuffle

    @property
    def context_px(self) -> tuple[int, int]:
        """Give the pixels of the plane that the graph uses up on each side, down and across."""
        down, across = self.graph.radius
        return down * self.unshuffle, across * self.unshuffle

    @property
    def macs_per_pixel(self) -> float:
        """Count the multiply-accumulates for each pixel of the result, borders apart."""
        return self.graph.macs_per_cell / self.shuffle**2

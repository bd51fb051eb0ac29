"""A network as the engine sees it: a chain of convolutions, and what the host does before and after it."""

from dataclasses import dataclass

from edge_srcnn.engine.graph import Graph


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

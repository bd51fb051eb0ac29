"""How a frame is computed: packing, tile, threads; as people write them, and as a processor gets that was not tuned."""

import re
from dataclasses import dataclass
from math import prod

from edge_srcnn.engine.backends import AUTO
from edge_srcnn.engine.graph import Convolution, Graph, Network
from edge_srcnn.engine.processor import CORTEX_A53, Processor
from edge_srcnn.errors import UsageError
from edge_srcnn.models.spec import BICUBIC_PLANE, LUMA_PLANE

Block = tuple[int, int]
"""Height and width in pixels."""

MAX_SIDE = 16
MAX_THREADS = 1024
WHOLE = "whole"
WHOLE_TILE = (1 << 20, 1 << 20)
"""A tile that no picture exceeds."""

_BLOCKS_TEXT = re.compile(r"(?:([0-9]{1,99})w|([0-9]{1,99})x([0-9]{1,99}))(?:-([0-9]{1,99})x([0-9]{1,99}))?")
_SIZE_TEXT = re.compile(r"([0-9]{1,99})x([0-9]{1,99})")


@dataclass(frozen=True)
class Blocks:
    """How a network is packed.

    Attributes
    ----------
    inner
        The blocks of the input and of the hidden layers.
    outer
        The blocks of the output, whole multiples of ``inner``: the last layer then takes strides. It has few
        output channels, and wants larger blocks than the others to fill the int8 units.
    window
        Pixels of a row in each of the overlapping windows that the first layer reads; 0 for none. The hidden layers
        then work on pixels, and ``inner`` is 1x1.
    """

    inner: Block
    outer: Block
    window: int = 0

    def __post_init__(self) -> None:
        """Check that the blocks fit each other."""
        sides = (*self.inner, *self.outer)
        if min(sides) < 1 or max(*sides, self.window) > MAX_SIDE:
            raise UsageError(f"block {self}: sides must be 1 to {MAX_SIDE} pixels")
        if self.outer[0] % self.inner[0] or self.outer[1] % self.inner[1]:
            raise UsageError(f"block {self}: the sides of the second must be multiples of the first's")

    def __str__(self) -> str:
        inner, outer = (f"{height}x{width}" for height, width in (self.inner, self.outer))
        if self.window:
            return f"{self.window}w" if inner == outer else f"{self.window}w-{outer}"
        return inner if inner == outer else f"{inner}-{outer}"

    @classmethod
    def parse(cls, text: str) -> "Blocks":
        """Read blocks as people write them.

        Parameters
        ----------
        text
            ``2x4``: one block for all layers; ``2x4-4x4``: the last layer puts out larger ones; ``8w-1x2``: the first
            one reads windows of eight pixels.

        Returns
        -------
        Blocks that fit each other.

        Raises
        ------
        UsageError
            It is none of these, or the blocks do not fit each other.
        """
        match = _BLOCKS_TEXT.fullmatch(text.strip().lower())
        if match is None or match[1] == "0":
            raise UsageError(f"block {text!r}: give height x width, such as 2x4, 2x4-4x4, or windows, such as 8w-1x2")
        inner = (1, 1) if match[1] else (int(match[2]), int(match[3]))
        return cls(inner, (int(match[4]), int(match[5])) if match[4] else inner, int(match[1] or 0))


PLAIN = Blocks((1, 1), (1, 1))
"""No packing: the graph as it was."""


@dataclass(frozen=True)
class Plan:
    """How a frame is computed; none of it changes a byte of an int8 network's result.

    Attributes
    ----------
    blocks
        The packing.
    tile
        Height and width in pixels of the network's plane that go through the interpreter at a time, at most.
    threads
        Threads of the interpreter.
    still_tile
        With reuse, the tiles that cover what changed since the last frame; None: those of ``tile``.
    """

    blocks: Blocks
    tile: tuple[int, int]
    threads: int
    still_tile: tuple[int, int] | None = None

    @property
    def patch_tiles(self) -> list[tuple[int, int]]:
        """Give the tiles by which changes are covered, the largest first; none where ``tile`` is to do."""
        if self.still_tile is None:
            return []
        height, width = self.still_tile
        large = 3 * height, 4 * width
        return [large, self.still_tile] if 2 * prod(large) <= prod(self.tile) else [self.still_tile]

    def __str__(self) -> str:
        return f"block {self.blocks}, tile {tile_text(self.tile)}, {self.threads} thread{'s'[: self.threads - 1]}"


# Measured: x86-64 on the machine of docs/numbers.md; the others by counting instructions (tests/rigs/instructions.sh).
_INT8_BLOCKS = (
    ("avx512_vnni", "2x4-4x4"),
    ("avx_vnni", "2x4-4x4"),
    ("avx2", "2x4"),
    ("asimddp", "2x2-4x4"),
    (CORTEX_A53, "2x2-4x4"),
    ("asimd", "2x4"),
)
_OTHER_BLOCKS = "2x2"
_LARGE_FIRST_KERNEL_BLOCKS = "1x4-4x4"  # 9-3-5 and 9-5-5
_WINDOW = 8
"""Pixels of a window: the int8 units of most processors multiply groups of 4 or 8 channels."""
_NARROW_WINDOW = CORTEX_A53
"""Where XNNPACK's kernels do not pad input channels: the fewest zeros win, those of windows that give two results."""
_OUTPUT_LANES = (("avx512f", 16), ("avx2", 8), ("asimddp", 16), (CORTEX_A53, 16), ("asimd", 8))
"""Output channels that XNNPACK's int8 kernels compute at a time, by the processor's features; others: 8."""
_OUTER = ((1, 1), (1, 2), (2, 2), (1, 4), (2, 4))
_TILE = (128, 256)  # 64 bytes a pixel in the widest layer: 2 MiB, and little overlap
_SMALL_CACHE_TILE = (64, 128)
_SMALL_CACHE = 2 << 20
_LUMA_TILE = (512, 1024)
"""A camera's whole frame: layer after layer streams through memory as fast, and only the edge of it is halo."""
REUSE_TILE = {LUMA_PLANE: (32, 32), BICUBIC_PLANE: (96, 128)}
"""Small enough that a moving thing, and noise that settles, leave most tiles as they were; by what the network reads.

Over a whole frame they cost 1.6 to 1.9 times (camera's plane) and 1.3 times (bicubic one) what large tiles do.
"""


def default_plan(network: Network, processor: Processor, threads: int) -> Plan:
    """Choose a plan for a processor that was not tuned, by its features and caches, and by the network's shape."""
    tile = _TILE if max(processor.caches.values(), default=0) > _SMALL_CACHE else _SMALL_CACHE_TILE
    if network.plane == LUMA_PLANE:
        tile = _LUMA_TILE
    return Plan(_default_blocks(network.graph, processor), tile, threads)


def _default_blocks(graph: Graph, processor: Processor) -> Blocks:
    first, last, hidden = graph.layers[0], graph.layers[-1], graph.layers[1:-1]
    flags = processor.flags if graph.dtype == "int8" else frozenset[str]()
    channels = graph.input_shape[2], len(last.bias)
    if channels == (1, 1) and all(layer.kernel == (1, 1) for layer in hidden):
        return Blocks.parse(next((blocks for flag, blocks in _INT8_BLOCKS if flag in flags), _OTHER_BLOCKS))
    if channels == (1, 1) and first.kernel[1] > _WINDOW:
        return Blocks.parse(_LARGE_FIRST_KERNEL_BLOCKS)
    lanes = next((lanes for flag, lanes in _OUTPUT_LANES if flag in flags), 8)
    outer = min(_OUTER, key=lambda block: _last_layer_cost(last, block, lanes))
    windows = channels[0] == 1 and len(graph.layers) > 1 and first.kernel[1] < _WINDOW
    window = first.kernel[1] + 1 if _NARROW_WINDOW in flags else _WINDOW
    return Blocks((1, 1), outer, window if windows else 0)


def _last_layer_cost(layer: Convolution, block: tuple[int, int], lanes: int) -> float:
    """Count the multiplications for each cell of the output, those with zeros and unused lanes included."""
    area, outputs = block[0] * block[1], len(layer.bias)
    taps = (layer.kernel[0] + block[0] - 1) * (layer.kernel[1] + block[1] - 1)
    return taps * -(-area * outputs // lanes) * lanes / area


def parse_tile(text: str) -> tuple[int, int] | None:
    """Read ``128x256`` (height x width), ``whole``, or ``auto``, which gives None; ``UsageError`` for all else."""
    if text == AUTO:
        return None
    if text == WHOLE:
        return WHOLE_TILE
    match = _SIZE_TEXT.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"tile {text!r}: give height x width, such as 128x256, or {WHOLE} or {AUTO}")
    return check_tile((int(match[1]), int(match[2])))


def check_tile(tile: tuple[int, int]) -> tuple[int, int]:
    """Give ``tile`` back; ``UsageError`` where a side is below 1."""
    if min(tile) < 1:
        raise UsageError(f"tile {tile[0]}x{tile[1]}: sides must be 1 or more pixels")
    return tile


def tile_text(tile: tuple[int, int]) -> str:
    """Write a tile as ``parse_tile`` reads it: ``128x256``, or ``whole``."""
    return WHOLE if tile == WHOLE_TILE else f"{tile[0]}x{tile[1]}"

"""How a network is packed: the blocks of pixels that become channels, and how people write them."""

import re
from dataclasses import dataclass

from edge_srcnn.errors import UsageError

Block = tuple[int, int]
"""Height and width in pixels."""

MAX_SIDE = 16
_BLOCKS_TEXT = re.compile(r"(?:([0-9]{1,99})w|([0-9]{1,99})x([0-9]{1,99}))(?:-([0-9]{1,99})x([0-9]{1,99}))?")


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
        """Read ``2x4`` (one block for all layers), ``2x4-4x4`` (the last layer puts out larger ones), or ``8w-1x2``.

        ``8w``: the first layer reads windows of eight pixels.

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

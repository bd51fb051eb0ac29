"""Levels of channels, each a kernel over the level below: what a network is while it is rewritten as one chain."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.graph import FLOAT, Convolution
from edge_srcnn.errors import ModelUnsupported

Array = NDArray[np.float64]

MOST_CHANNELS, MOST_WEIGHTS, MOST_SIDE, MOST_LEVELS = 1024, 1 << 24, 65, 64
"""Of one layer, and their number; more asks for more memory than a network for live pictures needs."""

_ROOM = 4
"""Channels that are made while a network is rewritten, for each that may be left at its end."""


@dataclass(eq=False)
class _Level:
    """Hold the channels of a level: kernels ``[side, side, inputs]``, biases, and whether each is rectified."""

    kernels: list[Array] = field(default_factory=list)
    biases: list[float] = field(default_factory=list)
    rectified: list[bool] = field(default_factory=list)
    made: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, kernel: Array, bias: float, *, rectified: bool) -> int:
        self.kernels.append(kernel)
        self.biases.append(bias)
        self.rectified.append(rectified)
        if len(self.kernels) > _ROOM * MOST_CHANNELS:
            raise ModelUnsupported(f"needs more than {_ROOM * MOST_CHANNELS} channels; {MOST_CHANNELS} are known")
        return len(self.kernels) - 1


class Levels:
    """Hold all channels that were found; maps of them are arrays ``[channels of the level, channels of a value]``.

    Parameters
    ----------
    inputs
        Channels of level 0, which are never negative.
    """

    def __init__(self, inputs: int) -> None:
        source = _Level()
        for _ in range(inputs):
            source.add(np.zeros((1, 1, 0)), 0.0, rectified=True)
        self._levels = [source]

    def count(self, number: int) -> int:
        """Count the channels of a level."""
        return len(self._levels[number].kernels)

    def convolve(self, number: int, kernel: Array, biases: Array) -> Array:
        """Add convolutions of a level to the level above; give the map that selects them.

        Parameters
        ----------
        number
            The level that is read.
        kernel
            ``[side, side, inputs, outputs]``.
        biases
            ``[outputs]``.

        Returns
        -------
        ``[channels of the level above, outputs]``.
        """
        if number >= MOST_LEVELS:
            raise ModelUnsupported(f"is one more than {MOST_LEVELS} convolutions")
        if number + 1 == len(self._levels):
            self._levels.append(_Level())
        above = self._levels[number + 1]
        made = [above.add(kernel[..., o], float(bias), rectified=False) for o, bias in enumerate(biases)]
        return self._select(number + 1, made)

    def fold(self, number: int, mix: Array, shift: Array, *, rectified: bool) -> Array:
        """Add channels to a level that are a map of what stands before its rectifiers; give the map that selects them.

        Parameters
        ----------
        number
            The level.
        mix
            The map.
        shift
            What is added to it, ``[channels of the value]``.
        rectified
            Whether the new channels are rectified.

        Returns
        -------
        ``[channels of the level, channels of the value]``.
        """
        level, inputs, made = self._levels[number], self.count(number - 1), []
        for channel, start in enumerate(shift):
            used = np.flatnonzero(mix[:, channel])
            side = max((level.kernels[each].shape[0] for each in used), default=1)
            kernel, bias = np.zeros((side, side, inputs)), float(start)
            for each in used:
                kernel += mix[each, channel] * _framed(level.kernels[each], side, inputs)
                bias += float(mix[each, channel]) * level.biases[each]
            made.append(level.add(kernel, bias, rectified=rectified))
        return self._select(number, made)

    def carry(self, number: int, mix: Array, *, rectified: bool) -> Array:
        """Repeat what a map reads in the level above.

        Parameters
        ----------
        number
            The level that is read.
        mix
            The map.
        rectified
            Whether the channels that repeat it are rectified, as those beside them.

        Returns
        -------
        The map of the level above which is the same.
        """
        mix = self._rectified_pairs(number, mix)
        used, above, name = _used(mix), self._levels[number + 1], "rectified" if rectified else "linear"
        for channel in used:
            if (name, channel) not in above.made:
                kernel = np.zeros((1, 1, self.count(number)))
                kernel[0, 0, channel] = 1.0
                above.made[name, channel] = above.add(kernel, 0.0, rectified=rectified)
        carried = np.zeros((self.count(number + 1), mix.shape[1]))
        carried[[above.made[name, channel] for channel in used]] = mix[used]
        return carried

    def rectified(self, number: int, mix: Array) -> set[bool]:
        """Tell of the channels that a map reads whether they are rectified; both, where some are and some not."""
        return {self._levels[number].rectified[channel] for channel in _used(mix)} or {False}

    def layers(self, number: int, live: Iterable[int]) -> tuple[Convolution, ...]:
        """Write channels of a level, and all that they read, as convolutions in float32 with rectifiers between."""
        live, found = list(live), list[Convolution]()
        for depth in range(number, 0, -1):
            level = self._levels[depth]
            side = max(level.kernels[channel].shape[0] for channel in live)
            kernels = np.stack(
                [_framed(level.kernels[channel], side, self.count(depth - 1)) for channel in live], axis=-1
            )
            biases = np.array([level.biases[channel] for channel in live], np.float32)
            if depth > 1:
                kernels, live = self._without_the_dead(depth - 1, kernels)
            weights = np.ascontiguousarray(kernels.transpose(3, 0, 1, 2), np.float32)
            if max(weights.shape) > MOST_CHANNELS or weights.size > MOST_WEIGHTS:
                raise ModelUnsupported(
                    f"needs a kernel {list(weights.shape)}; up to {MOST_CHANNELS} channels are known"
                )
            if not (np.isfinite(weights).all() and np.isfinite(biases).all()):
                raise ModelUnsupported("a weight is no finite number")
            found.insert(0, Convolution(weights, biases, np.zeros(0, np.float32), FLOAT, relu=depth < number))
        return tuple(found)

    def _without_the_dead(self, number: int, kernels: Array) -> tuple[Array, list[int]]:
        """Drop the inputs that no kernel reads, and make those rectified that are not."""
        used = _used(kernels.transpose(2, 0, 1, 3).reshape(kernels.shape[2], -1)) or [0]
        mix = np.zeros((kernels.shape[2], len(used)))
        mix[used, range(len(used))] = 1.0
        if self.rectified(number, mix) == {True}:
            return kernels[:, :, used], used
        pairs = self._rectified_pairs(number, mix)
        rows = _used(pairs)
        return np.einsum("bc,hwco->hwbo", pairs[rows], kernels[:, :, used]), rows

    def _rectified_pairs(self, number: int, mix: Array) -> Array:
        """Write a map of a level as one of its rectified channels: ``x = relu(x) - relu(-x)``."""
        level = self._levels[number]
        linear = [channel for channel in _used(mix) if not level.rectified[channel]]
        for channel in linear:
            for name, sign in (("above 0", 1.0), ("below 0", -1.0)):
                if (name, channel) not in level.made:
                    kernel, bias = level.kernels[channel], level.biases[channel]
                    level.made[name, channel] = level.add(sign * kernel, sign * bias, rectified=True)
        found = grown(mix, self.count(number))
        for channel in linear:
            found[level.made["above 0", channel]] += found[channel]
            found[level.made["below 0", channel]] -= found[channel]
            found[channel] = 0.0
        return found

    def _select(self, number: int, channels: list[int]) -> Array:
        mix = np.zeros((self.count(number), len(channels)))
        mix[channels, range(len(channels))] = 1.0
        return mix


def grown(mix: Array, rows: int) -> Array:
    """Copy a map, with more channels to read, which it does not read."""
    return np.pad(mix, ((0, rows - len(mix)), (0, 0)))


def square(kernel: NDArray[Any]) -> Array:
    """Frame a kernel ``[height, width, ...]`` of odd sides with zeros, so that its sides are equal."""
    height, width = kernel.shape[:2]
    if height % 2 == 0 or width % 2 == 0:
        raise ModelUnsupported(f"has a kernel of {height}x{width}; odd sides are known")
    down, across = ((max(height, width) - side) // 2 for side in (height, width))
    return np.pad(kernel.astype(np.float64), ((down, down), (across, across), *[(0, 0)] * (kernel.ndim - 2)))


def _framed(kernel: Array, side: int, inputs: int) -> Array:
    """Frame a kernel ``[k, k, inputs]`` with zeros, and give it inputs that it does not read."""
    edge = (side - kernel.shape[0]) // 2
    return np.pad(kernel, ((edge, edge), (edge, edge), (0, inputs - kernel.shape[2])))


def _used(mix: Array) -> list[int]:
    return [int(channel) for channel in np.flatnonzero(np.abs(mix).sum(1))]

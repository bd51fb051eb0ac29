"""Rewrite a network of convolutions, skips and rectifiers as one chain, which computes the same.

The engine runs a chain of convolutions without branches. What others train has more: sums that skip layers, PReLU,
batch normalization, repeated input. All of these are linear maps around rectifiers, so that

- a linear map of channels (normalization, factors, concatenation) is multiplied into the kernel that reads it;
- PReLU is two rectifiers: ``x > 0 ? x : a x`` is ``relu(x) - a relu(-x)``;
- a sum that skips layers is carried past them: a rectifier leaves what is not negative as it is, and a kernel with one
  weight in its middle copies it. What may be negative goes as the pair ``relu(x)``, ``relu(-x)``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.graph import Convolution, Quantization
from edge_srcnn.errors import ModelUnsupported
from edge_srcnn.exchange.levels import MOST_CHANNELS, MOST_SIDE, MOST_WEIGHTS, Array, Levels, grown, square


@dataclass(frozen=True, eq=False)
class Value:
    """Describe a tensor as a linear map of channels.

    Attributes
    ----------
    terms
        By level: ``[channels of the level, channels of the value]``; the value is their sum.
    shift
        What is added, ``[channels]``.
    shuffle
        Side of the blocks whose pixels the channels are; 1: they are channels.
    base
        How often the bicubic picture is added.
    border
        Cells on each side by which it is larger than the input; smaller, where negative.
    white
        Where it was clipped, to 0 below and to this above; None: it was not.
    """

    terms: dict[int, Array]
    shift: Array
    shuffle: int = 1
    base: float = 0.0
    border: int = 0
    white: float | None = None

    @property
    def channels(self) -> int:
        """Count the channels, pixels of blocks among them."""
        return len(self.shift)

    @property
    def is_picture(self) -> bool:
        """Tell whether it is the upscaled picture already, which no layer reads."""
        return bool(self.base) or self.white is not None


@dataclass(frozen=True, eq=False)
class QuantizedChain:
    """Hold an int8 network, which is a chain already.

    Attributes
    ----------
    source
        How its input is quantized.
    layers
        Its convolutions.
    shuffle
        Side of the blocks of pixels that its last channels are; 1: nobody said it.
    residual
        Whether its result is to be added to the bicubic picture.
    """

    source: Quantization
    layers: tuple[Convolution, ...]
    shuffle: int
    residual: bool = False


class Chain:
    """Follow a network from its input to its output.

    Parameters
    ----------
    unshuffle
        Side of the blocks of pixels that are the channels of the first convolution.
    """

    def __init__(self, unshuffle: int = 1) -> None:
        self.unshuffle = unshuffle
        self._levels = Levels(unshuffle**2)

    def source(self) -> Value:
        """Give the input, a plane of luma."""
        return Value({0: np.eye(self.unshuffle**2)}, np.zeros(self.unshuffle**2), self.unshuffle)

    def convolve(self, value: Value, kernel: NDArray[Any], bias: NDArray[Any], border: int) -> Value:
        """Convolve with a kernel ``[height, width, inputs, outputs]``, which makes it larger by ``border`` cells."""
        kernel = square(kernel)
        side, inputs, outputs = kernel.shape[0], *kernel.shape[2:]
        if value.shuffle != 1 or value.is_picture:
            raise ModelUnsupported("reads the upscaled picture; convolutions on the input's grid are known")
        if inputs != value.channels:
            raise ModelUnsupported(f"reads {inputs} channels where there are {value.channels}")
        if side > MOST_SIDE or max(inputs, outputs) > MOST_CHANNELS or kernel.size > MOST_WEIGHTS:
            raise ModelUnsupported(
                f"has a kernel {side}x{side}x{inputs}x{outputs}; at most {MOST_SIDE}x{MOST_SIDE} and {MOST_CHANNELS}"
                " channels are known"
            )
        number, mix, value = self._on_one_level(value)
        folded = np.einsum("bc,hwco->hwbo", mix, kernel)
        biases = np.asarray(bias, np.float64) + np.einsum("c,hwco->o", value.shift, kernel)
        chosen = self._levels.convolve(number, folded, biases)
        return Value({number + 1: chosen}, np.zeros(outputs), border=value.border + border)

    def rectify(self, value: Value, slopes: NDArray[Any] | float = 0.0) -> Value:
        """Rectify: what is negative becomes 0, or is multiplied by slopes, one for each channel or one for all."""
        slopes = np.broadcast_to(np.asarray(slopes, np.float64).reshape(-1), (value.channels,))
        if value.is_picture and not slopes.any():
            return value  # pixels are never negative
        above = self._rectified(value)
        if not slopes.any():
            return above
        return self.add(above, self.scale(self._rectified(self.scale(value, -1.0)), -slopes))

    def scale(self, value: Value, gain: NDArray[Any] | float, shift: NDArray[Any] | float = 0.0) -> Value:
        """Multiply channels, then add to them; one number for each, or one for all."""
        gains, shifts = (
            np.broadcast_to(np.asarray(each, np.float64).reshape(-1), (value.channels,)) for each in (gain, shift)
        )
        if value.is_picture and len(set(gains.tolist())) > 1:
            raise ModelUnsupported("multiplies the pixels of the picture by different factors")
        if value.white is not None and shifts.any():
            raise ModelUnsupported("adds to a picture that was clipped")
        return replace(
            value,
            terms={number: mix * gains for number, mix in value.terms.items()},
            shift=value.shift * gains + shifts,
            base=value.base * float(gains[0]),
            white=None if value.white is None else value.white * float(gains[0]),
        )

    def limit(self, value: Value, white: float | None) -> Value:
        """Limit pixels to 0 below, and to ``white`` above; the bicubic picture is limited by the host."""
        return value if not value.terms or white is None else replace(value, white=white)

    def add(self, first: Value, second: Value) -> Value:
        """Add two values; one channel is added to each of many."""
        if first.white is not None or second.white is not None:
            raise ModelUnsupported("adds to a picture that was clipped")
        if not first.terms or not second.terms:  # one is the bicubic picture
            there = first if first.terms else second
            return replace(there, base=first.base + second.base)
        if first.shuffle != second.shuffle:
            raise ModelUnsupported("adds tensors of different sizes")
        if first.border != second.border:
            raise ModelUnsupported("adds tensors of which one lost its border; convolutions with padding are known")
        channels = max(first.channels, second.channels)
        first, second = (_repeated(value, channels) for value in (first, second))
        terms = self._sum(first.terms, second.terms)
        return replace(first, terms=terms, shift=first.shift + second.shift, base=first.base + second.base)

    def join(self, values: Sequence[Value]) -> Value:
        """Concatenate channels."""
        if len({(value.border, value.shuffle) for value in values}) > 1 or values[0].shuffle != 1:
            raise ModelUnsupported("concatenates tensors of different sizes")
        if any(value.is_picture for value in values):
            raise ModelUnsupported("concatenates the upscaled picture")
        total, before, terms = sum(value.channels for value in values), 0, dict[int, Array]()
        if total > MOST_CHANNELS:
            raise ModelUnsupported(f"gives {total} channels; up to {MOST_CHANNELS} are known")
        for value in values:
            sides = (before, total - before - value.channels)
            terms = self._sum(terms, {number: np.pad(mix, ((0, 0), sides)) for number, mix in value.terms.items()})
            before += value.channels
        return replace(values[0], terms=terms, shift=np.concatenate([value.shift for value in values]))

    def finish(self, value: Value) -> tuple[tuple[Convolution, ...], bool]:
        """End the chain.

        Parameters
        ----------
        value
            The network's result, white as 1.

        Returns
        -------
        The convolutions in float32, all but the last rectified, and whether their result is to be added to the bicubic
        picture.

        Raises
        ------
        ModelUnsupported
            Nothing is computed, or the sum with the bicubic picture is another than a residual.
        """
        skip = value.terms.get(0)
        if skip is not None and len(value.terms) > 1 and (factor := factor_of(skip)) is not None:
            rest = {number: mix for number, mix in value.terms.items() if number}
            value = replace(value, terms=rest, base=value.base + factor)
        if value.border > 0:
            raise ModelUnsupported(f"its result is {value.border} cells larger than its input on each side")
        if value.base and not np.isclose(value.base, 1.0, rtol=1e-5):
            raise ModelUnsupported(f"the picture is added {value.base:g} times to the result; once is known")
        if not any(value.terms):
            raise ModelUnsupported("there is no convolution in it")
        residual = bool(value.base)
        number, mix, value = self._on_one_level(replace(value, base=0.0, white=None))
        clipped = not residual and self._levels.rectified(number, mix) == {True} and _is_choice(mix, value.shift)
        if not clipped:  # else the rectifier does what the range of pixels does
            number, mix, value = self._linear(value)
        last = self._levels.fold(number, mix, value.shift, rectified=False)
        return self._levels.layers(number, np.argmax(last, axis=0).tolist()), residual

    def _rectified(self, value: Value) -> Value:
        if value.is_picture:
            raise ModelUnsupported("rectifies the picture; a rectifier belongs to a convolution")
        number, mix, value = self._linear(value)
        chosen = self._levels.fold(number, mix, value.shift, rectified=True)
        return replace(value, terms={number: chosen}, shift=np.zeros(value.channels))

    def _linear(self, value: Value) -> tuple[int, Array, Value]:
        """Make a value a map of results before any rectifier, by a convolution of 1x1 where it is none."""
        number, mix, value = self._on_one_level(value)
        if number and self._levels.rectified(number, mix) == {False}:
            return number, mix, value
        alone = self.convolve(
            replace(value, shuffle=1), np.eye(value.channels)[None, None], np.zeros(value.channels), 0
        )
        return self._on_one_level(replace(alone, shuffle=value.shuffle))

    def _on_one_level(self, value: Value) -> tuple[int, Array, Value]:
        """Carry the terms of lower levels up to the highest; give that, its map, and the value."""
        top, terms = max(value.terms), dict(value.terms)
        is_linear = self._levels.rectified(top, terms[top]) == {False}
        for number in range(min(terms), top):
            if number in terms:
                rectified = number + 1 < top or not is_linear  # a linear one costs no layer, where nothing else does
                carried = self._levels.carry(number, terms.pop(number), rectified=rectified)
                terms = self._sum(terms, {number + 1: carried})
        mix = grown(terms[top], self._levels.count(top))
        return top, mix, replace(value, terms={top: mix})

    def _sum(self, first: dict[int, Array], second: dict[int, Array]) -> dict[int, Array]:
        terms = dict(first)
        for number, mix in second.items():
            rows = self._levels.count(number)
            terms[number] = grown(mix, rows) + (grown(terms[number], rows) if number in terms else 0.0)
        return terms


def factor_of(mix: Array) -> float | None:
    """Give the factor by which a map multiplies each channel and keeps it in its place; None for any other map."""
    if mix.shape[0] != mix.shape[1] or not np.array_equal(mix, mix[0, 0] * np.eye(len(mix))):
        return None
    return float(mix[0, 0])


def _is_choice(mix: Array, shift: Array) -> bool:
    """Tell whether a map gives single channels, each times a factor above 0."""
    return not shift.any() and not (mix < 0).any() and bool(((mix > 0).sum(0) == 1).all())


def _repeated(value: Value, channels: int) -> Value:
    if value.channels == channels:
        return value
    if value.channels != 1:
        raise ModelUnsupported(f"adds {value.channels} channels to {channels}")
    terms = {number: np.repeat(mix, channels, axis=1) for number, mix in value.terms.items()}
    return replace(value, terms=terms, shift=np.repeat(value.shift, channels))

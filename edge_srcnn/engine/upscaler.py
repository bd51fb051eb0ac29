"""The way of the luma plane: bicubic, mirror halo, tiles, XOR, network, residual, clip."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.interpreter import Network, Quantization
from edge_srcnn.errors import ModelUnsupported
from edge_srcnn.imaging.bicubic import bands, upscale_band
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile, cut, mirror_pad

DEFAULT_TILE = (256, 512)
"""Height and width of a tile in pixels of the up-scaled picture."""

_UINT8_TO_INT8 = np.uint8(0x80)
_INT8_VALUES = np.arange(-128, 128)


class LumaUpscaler:
    """Luma in, sharper luma out.

    Parameters
    ----------
    network
        Runs the graph, or None for bicubic alone.
    scale
        Factor of up-scaling.
    halo_px
        Context that the graph uses up on each side.
    residual
        Whether the graph puts out what is to be added to the bicubic picture, or the picture itself.
    quantization
        How the graph's int8 output is to be read; None for a float32 graph in 0..1.
    tile
        Height and width of the tiles, in pixels of the output. The bytes do not depend on it.
    """

    def __init__(
        self,
        network: Network | None,
        *,
        scale: int,
        halo_px: int = 0,
        residual: bool = True,
        quantization: Quantization | None = None,
        tile: tuple[int, int] = DEFAULT_TILE,
    ) -> None:
        self.scale = scale
        self._network, self._halo_px, self._residual, self._tile = network, halo_px, residual, tile
        self._levels = None if quantization is None else _levels(quantization)

    def upscale(self, luma: UInt8Array) -> UInt8Array:
        """Up-scale a plane: uint8 ``[h, w]`` to uint8 ``[h * scale, w * scale]``."""
        out = np.empty((luma.shape[0] * self.scale, luma.shape[1] * self.scale), np.uint8)
        for top, band, _ in self.bands(luma):
            out[top : top + len(band)] = band
        return out

    def bands(self, luma: UInt8Array) -> Iterator[tuple[int, UInt8Array, UInt8Array]]:
        """The same from top to bottom: (first row, sharp band, bicubic band), each uint8 ``[rows, w * scale]``."""
        network = self._network
        if network is None:
            for start, stop in bands(*luma.shape):
                plain = upscale_band(luma, self.scale, start, stop)
                yield start * self.scale, plain, plain
            return
        halo, width = self._halo_px, luma.shape[1] * self.scale
        spans = list(bands(*luma.shape))
        for number, (start, stop) in enumerate(spans):
            near = spans[max(number - 1, 0) : number + 2]  # the neighbours lend the halo
            plane = np.vstack([upscale_band(luma, self.scale, *span) for span in near])
            top, rows = (start - near[0][0]) * self.scale, (stop - start) * self.scale
            above, below = min(halo, top), min(halo, len(plane) - top - rows)
            window = plane[top - above : top + rows + below]
            padded = mirror_pad(window, halo, lent_above=above, lent_below=below)
            yield start * self.scale, self._sharpen(network, padded), padded[halo : halo + rows, halo : halo + width]

    def sharpen(self, bicubic: UInt8Array) -> UInt8Array:
        """Run the network over a plane that is up-scaled already: uint8 ``[h, w]`` to uint8 ``[h, w]``."""
        network = self._network
        return bicubic if network is None else self._sharpen(network, mirror_pad(bicubic, self._halo_px))

    def _sharpen(self, network: Network, padded: UInt8Array) -> UInt8Array:
        halo = self._halo_px
        height, width = padded.shape[0] - 2 * halo, padded.shape[1] - 2 * halo
        out = np.empty((height, width), np.uint8)
        for tile in cut(height, width, *self._tile):
            rows, columns = slice(tile.top, tile.top + tile.height), slice(tile.left, tile.left + tile.width)
            out[rows, columns] = self._sharpen_tile(network, _with_halo(padded, tile, halo))
        return out

    def _sharpen_tile(self, network: Network, window: UInt8Array) -> UInt8Array:
        inner = window[self._halo_px : -self._halo_px or None, self._halo_px : -self._halo_px or None]
        if self._levels is None:
            raw = network.run(window.astype(np.float32) * np.float32(1 / 255))
        else:
            raw = network.run((window ^ _UINT8_TO_INT8).view(np.int8))
        if raw.shape != inner.shape:
            raise ModelUnsupported(
                f"the graph makes {list(raw.shape)} of {list(window.shape)}; a halo of {self._halo_px} px leaves"
                f" {list(inner.shape)}"
            )
        if self._levels is None:
            values: NDArray[np.float32] = raw * np.float32(255)
            return np.clip(np.rint(values + inner if self._residual else values), 0, 255).astype(np.uint8)
        change = self._levels[raw.view(np.uint8)]
        return np.clip(change + inner if self._residual else change, 0, 255).astype(np.uint8)


def _with_halo(padded: UInt8Array, tile: Tile, halo_px: int) -> UInt8Array:
    return padded[tile.top : tile.top + tile.height + 2 * halo_px, tile.left : tile.left + tile.width + 2 * halo_px]


def _levels(quantization: Quantization) -> NDArray[np.int16]:
    """Grey levels for each int8 value, in the order of its bits read as uint8: ``[256]`` int16."""
    real = (_INT8_VALUES - quantization.zero_point) * np.float64(quantization.scale) * 255.0
    by_value = np.rint(np.clip(real, -512, 512)).astype(np.int16)
    return np.roll(by_value, 128)

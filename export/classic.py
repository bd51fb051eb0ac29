"""Build the Keras SRCNN, load published weights, upscale a grey picture and save it: the classic recipe."""

from pathlib import Path

import keras
import numpy as np

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.frame import Metadata
from edge_srcnn.imaging.luma import UInt8Array, luma_full_range, to_8_bits
from edge_srcnn.imaging.tiles import mirror_pad
from edge_srcnn.sinks.images import Encoding, write_picture
from edge_srcnn.sources.images import read_picture
from export.architectures.srcnn import find, read_weights
from export.training.network import build_model, set_layers


class Srcnn:
    """Upscale by a Keras SRCNN in float32, by default in the paper's direct form.

    Parameters
    ----------
    name
        ``srcnn-915``, ``srcnn-935`` or ``srcnn-955``.
    filters
        Output channels of the first two layers.
    residual
        True for a network that adds its output to its input.

    Attributes
    ----------
    model
        The Keras model: luma ``[n, h, w, 1]`` in 0..1 to ``[n, h - 2 halo, w - 2 halo, 1]``.
    """

    def __init__(self, name: str = "srcnn-915", *, filters: tuple[int, int] = (64, 32), residual: bool = False) -> None:
        self.architecture = find(name, 2, filters=filters, residual=residual)  # its layers serve every scale
        self.model: keras.Model = build_model(self.architecture)

    def load_weights(self, path: str | Path) -> None:
        """Load weights as they are published.

        Parameters
        ----------
        path
            An HDF5 file of a ``Sequential`` of three Conv2D.

        Raises
        ------
        NoInput, BadData
            The file is missing; it holds no weights, or those of another network.
        """
        set_layers(self.model, read_weights(Path(path), self.architecture))

    def upscale(self, grey: UInt8Array, scale: int) -> UInt8Array:
        """Upscale a plane: uint8 ``[h, w]`` to uint8 ``[h * scale, w * scale]``, not a pixel lost at the borders."""
        padded = mirror_pad(upscale_bicubic(grey, scale), self.architecture.halo_px)
        luma = padded[None, :, :, None].astype(np.float32) / np.float32(255)
        sharp = keras.ops.convert_to_numpy(self.model(luma, training=False))[0, :, :, 0]
        levels: UInt8Array = np.clip(np.rint(sharp * 255), 0, 255).astype(np.uint8)
        return levels


def read_grey(path: str | Path) -> UInt8Array:
    """Read the luma of a picture file, uint8 ``[h, w]``; a grey picture is its own luma."""
    return luma_full_range(to_8_bits(read_picture(Path(path)).pixels))


def save_grey(path: str | Path, grey: UInt8Array, *, overwrite: bool = False) -> None:
    """Write uint8 ``[h, w]`` to a picture file; the suffix chooses the format."""
    write_picture(Path(path), grey.shape, [(0, grey)], Metadata(), Encoding(), overwrite=overwrite)

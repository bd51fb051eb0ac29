"""Whole pictures: luma through the network, colours and transparency by bicubic scaling."""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from edge_srcnn.engine.inference import Statistics
from edge_srcnn.engine.luma import Luma
from edge_srcnn.engine.self_test import check_golden
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.bicubic import upscale_band
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.luma import UInt8Array, luma_full_range
from edge_srcnn.imaging.planes import upscale_chroma
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.models.file import Model, ModelSpec


class Upscaler:
    """Makes pictures larger and sharper; made by ``load_model``. A context manager.

    Attributes
    ----------
    scale
        Factor of upscaling.
    engine
        The engine in use: what ``auto`` came to.
    spec
        The model's description, or None for bicubic alone.
    model
        Its name, or None.
    share
        The part of a picture that the network sees: all of it.
    """

    share = 1.0

    def __init__(self, luma: Luma, engine: str, model: Model | None) -> None:
        self.scale = luma.scale
        self.engine = engine
        self.spec: ModelSpec | None = model.spec if model else None
        self.model: str | None = model.spec.name if model else None
        self._luma: Luma | None = luma
        self._model = model

    def upscale(self, pixels: UInt8Array, out: UInt8Array | None = None, region: Tile | None = None) -> UInt8Array:
        """Upscale a picture.

        Parameters
        ----------
        pixels
            uint8: grey ``[h, w]``, grey and alpha ``[h, w, 2]``, RGB ``[h, w, 3]`` or RGBA ``[h, w, 4]``.
        out
            Where the result is to be written, for video: with a grey plane, nothing of a frame's size is then
            allocated from the second frame on. None makes a new array.
        region
            Of the result: what the network sees; the rest is bicubic. None: all of it.

        Returns
        -------
        uint8 ``[h * scale, w * scale]`` with the same channels. Nothing is lost at the borders.

        Raises
        ------
        UsageError
            Another dtype, shape or size; or the upscaler is closed.
        """
        pixels = _checked(pixels)
        shape = (pixels.shape[0] * self.scale, pixels.shape[1] * self.scale, *pixels.shape[2:])
        if out is None:
            out = np.empty(shape, np.uint8)
        elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous or not out.flags.writeable:
            raise UsageError(
                f"out must be a writable, contiguous uint8 {list(shape)}, this is {out.dtype} {list(out.shape)}"
            )
        if pixels.ndim == 2:
            return self._open().upscale(np.ascontiguousarray(pixels), out, region)
        for top, band in self.bands(pixels, region):
            out[top : top + len(band)] = band
        return out

    def upscale_frame(self, frame: Frame, region: Tile | None = None) -> Frame:
        """Upscale a frame of video: luma through the network, chroma by bicubic scaling; tags and times stay.

        Outside of ``region`` (in pixels of the result) luma is bicubic too; None: the network sees all of it.
        """
        luma = self._open().upscale(frame.luma, region=region)
        chroma = None
        if frame.chroma is not None:
            height, width = (-(-side // coarser) for side, coarser in zip(luma.shape, frame.subsampling, strict=True))
            chroma = upscale_chroma(frame.chroma, self.scale, height, width)
        return replace(frame, luma=luma, chroma=chroma)

    def bands(self, pixels: UInt8Array, region: Tile | None = None) -> Iterator[tuple[int, UInt8Array]]:
        """Upscale a picture band by band from top to bottom, (first row, band), for those that fill the memory."""
        pixels = _checked(pixels)
        grey = pixels.ndim == 2 or pixels.shape[2] == 2
        luma = (pixels if pixels.ndim == 2 else pixels[..., 0]) if grey else luma_full_range(pixels[..., :3])
        for top, sharp, bicubic in self._open().bands(np.ascontiguousarray(luma), region):
            if pixels.ndim == 2:
                yield top, sharp
                continue
            start, stop = top // self.scale, (top + len(sharp)) // self.scale
            band = upscale_band(pixels, self.scale, start, stop)
            if grey:
                band[..., 0] = sharp
            else:
                _shift_luma(band, sharp, bicubic)
            yield top, band

    def run_network(self, plane: UInt8Array) -> UInt8Array:
        """Run the network alone over a plane in its own grid.

        A ``srcnn`` network reads the luma of a picture that is upscaled already: uint8 ``[h, w]`` to ``[h, w]``. A
        ``fast`` one reads luma as the camera gave it, and adds its residual to that plane with its pixels repeated:
        uint8 ``[h, w]`` to ``[h * scale, w * scale]``.
        """
        plane = _checked(plane)
        if plane.ndim != 2:
            raise UsageError(f"a luma plane must be [h, w], this one is {list(plane.shape)}")
        return self._open().run_network(plane)

    @property
    def statistics(self) -> Statistics:
        """What the work so far cost, stage by stage."""
        return self._open().statistics

    def self_test(self) -> str:
        """Compute the model's golden input, and compare with what it must give.

        Returns
        -------
        ``identical``, or ``within 1 level`` (or a few, of a deep network) for interpreters with older kernels.

        Raises
        ------
        SelfTestFailed
            The engine computes something else.
        """
        return "identical" if self._model is None else check_golden(self._open(), self._model, self.engine)

    def close(self) -> None:
        """Let go of the interpreter; may be called twice."""
        if self._luma is not None:
            self._luma.close()
        self._luma = None

    def _open(self) -> Luma:
        if self._luma is None:
            raise UsageError("this upscaler is closed; load the model again")
        return self._luma

    def __enter__(self) -> "Upscaler":
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()


def _checked(pixels: UInt8Array) -> UInt8Array:
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8:
        raise UsageError(f"a picture must be uint8, this one is {pixels.dtype}")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (2, 3, 4)) or pixels.size == 0:
        raise UsageError(f"a picture must be [h, w] or [h, w, 2..4] and not empty, this one is {list(pixels.shape)}")
    return pixels


def _shift_luma(band: UInt8Array, sharp: UInt8Array, bicubic: UInt8Array) -> None:
    """Move R, G and B of the bicubic ``band`` by the change of luma, in place: the colours stay."""
    brighter = cv2.subtract(sharp, bicubic)
    darker = cv2.subtract(bicubic, sharp)
    for channel in range(3):
        plane = cv2.subtract(cv2.add(band[..., channel], brighter), darker)
        band[..., channel] = plane

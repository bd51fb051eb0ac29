"""Whole pictures: luma through the network, colours and transparency by bicubic scaling."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from edge_srcnn.engine.interpreter import BICUBIC, Interpreter, choose_engine
from edge_srcnn.engine.upscaler import DEFAULT_TILE, LumaUpscaler
from edge_srcnn.errors import SelfTestFailed, UsageError
from edge_srcnn.imaging.bicubic import upscale_band
from edge_srcnn.imaging.luma import UInt8Array, luma_full_range
from edge_srcnn.model import Model, ModelSpec, digest, find_model, golden_plane, read_model

SCALES = (2, 3, 4)
SELF_TEST_TOLERANCE = 1
"""Levels by which the older, non-XNNPACK kernels may differ from the golden output."""


class Upscaler:
    """Makes pictures larger and sharper; made by ``load_model``. A context manager.

    Attributes
    ----------
    scale
        Factor of up-scaling.
    engine
        The engine in use: what ``auto`` came to.
    spec
        The model's description, or None for bicubic alone.
    """

    def __init__(self, luma: LumaUpscaler, engine: str, model: Model | None) -> None:
        self.scale = luma.scale
        self.engine = engine
        self.spec: ModelSpec | None = model.spec if model else None
        self._luma: LumaUpscaler | None = luma
        self._model = model

    def upscale(self, pixels: UInt8Array) -> UInt8Array:
        """Up-scale a picture.

        Parameters
        ----------
        pixels
            uint8: grey ``[h, w]``, grey and alpha ``[h, w, 2]``, RGB ``[h, w, 3]`` or RGBA ``[h, w, 4]``.

        Returns
        -------
        uint8 ``[h * scale, w * scale]`` with the same channels. Nothing is lost at the borders.

        Raises
        ------
        UsageError
            Another dtype, shape or size; or the upscaler is closed.
        """
        pixels = _checked(pixels)
        h, w = pixels.shape[:2]
        out = np.empty((h * self.scale, w * self.scale, *pixels.shape[2:]), np.uint8)
        for top, band in self.bands(pixels):
            out[top : top + len(band)] = band
        return out

    def bands(self, pixels: UInt8Array) -> Iterator[tuple[int, UInt8Array]]:
        """The same as bands of rows from top to bottom, (first row, band), for pictures that fill the memory."""
        pixels = _checked(pixels)
        grey = pixels.ndim == 2 or pixels.shape[2] == 2
        luma = (pixels if pixels.ndim == 2 else pixels[..., 0]) if grey else luma_full_range(pixels[..., :3])
        for top, sharp, bicubic in self._open().bands(np.ascontiguousarray(luma)):
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

    def sharpen(self, luma: UInt8Array) -> UInt8Array:
        """Run the network alone over a luma plane that is up-scaled already, uint8 ``[h, w]`` to ``[h, w]``."""
        return self._open().sharpen(luma)

    def self_test(self) -> str:
        """Compute the model's golden input, and compare with what it must give.

        Returns
        -------
        ``identical``, or ``within 1 level`` for interpreters with older kernels.

        Raises
        ------
        SelfTestFailed
            The engine computes something else.
        """
        if self._model is None:
            return "identical"
        plane = golden_plane()
        out = self._open().sharpen(plane)
        if digest(plane) == self._model.spec.golden_input_sha256:
            if digest(out) == self._model.spec.golden_output_sha256:
                return "identical"
            worst = int(np.abs(out.astype(int) - self._model.golden).max())
            if worst <= SELF_TEST_TOLERANCE:
                return f"within {SELF_TEST_TOLERANCE} level"
            raise SelfTestFailed(
                f"engine {self.engine} computes {self._model.spec.name} wrongly (off by up to {worst} levels);"
                " choose another --engine"
            )
        raise SelfTestFailed(f"{self._model.spec.name}: made with another golden input; export it again")

    def close(self) -> None:
        """Let go of the interpreter; may be called twice."""
        self._luma = None

    def _open(self) -> LumaUpscaler:
        if self._luma is None:
            raise UsageError("this upscaler is closed; load the model again")
        return self._luma

    def __enter__(self) -> "Upscaler":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def load_model(
    name: str | Path | None = None,
    *,
    scale: int = 2,
    engine: str = "auto",
    threads: int | None = None,
    tile: tuple[int, int] = DEFAULT_TILE,
) -> Upscaler:
    """Load a network and make it ready.

    Parameters
    ----------
    name
        A bundled model (``srcnn-915-x2``), the path of a ``.tflite`` made by ``edge-srcnn export``, or None
        for the bundled default of ``scale``.
    scale
        Counts only without ``name``: a named model brings its own.
    engine
        ``auto``, ``litert``, ``tflite``, ``tensorflow`` or ``bicubic`` (no network).
    threads
        Threads of the interpreter; None means all processors that this process may use.
    tile
        Height and width in pixels of the up-scaled picture; it costs memory, and does not change the bytes.

    Raises
    ------
    UsageError, NoInput, ModelError, Unavailable
        See ``edge_srcnn.errors``.
    """
    if name is None and scale not in SCALES:
        raise UsageError(f"scale {scale}: the bundled models are for {', '.join(map(str, SCALES))}")
    if min(tile) < 1:
        raise UsageError(f"tile {tile[0]}x{tile[1]}: sides must be 1 or more pixels")
    if threads is not None and threads < 1:
        raise UsageError(f"threads {threads}: must be 1 or more")
    chosen = choose_engine(engine)
    if chosen == BICUBIC and name is None:
        return Upscaler(LumaUpscaler(None, scale=scale), BICUBIC, None)
    return open_model(read_model(find_model(name, scale)), engine=chosen, threads=threads, tile=tile)


def open_model(
    model: Model, *, engine: str = "auto", threads: int | None = None, tile: tuple[int, int] = DEFAULT_TILE
) -> Upscaler:
    """Make a model that is in memory ready; the arguments are those of ``load_model``."""
    chosen = choose_engine(engine)
    if chosen == BICUBIC:
        return Upscaler(LumaUpscaler(None, scale=model.spec.scale), BICUBIC, None)
    network = Interpreter(chosen, model.graph, threads or available_processors())
    luma = LumaUpscaler(
        network,
        scale=model.spec.scale,
        halo_px=model.spec.halo_px,
        residual=model.spec.residual,
        quantization=None if network.dtype == np.float32 else network.output_quantization,
        tile=tile,
    )
    return Upscaler(luma, chosen, model)


def upscale(pixels: UInt8Array, model: str | Path | None = None, *, scale: int = 2, engine: str = "auto") -> UInt8Array:
    """Up-scale one picture: ``load_model`` and ``Upscaler.upscale`` in one call."""
    with load_model(model, scale=scale, engine=engine) as upscaler:
        return upscaler.upscale(pixels)


def available_processors() -> int:
    """Processors that this process may run on."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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

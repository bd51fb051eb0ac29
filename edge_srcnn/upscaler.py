"""A model's name to an ``Upscaler`` that is ready, and whole pictures: luma through the network, the rest bicubic."""

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_srcnn.engine.backends import AUTO, BICUBIC, Delegate
from edge_srcnn.engine.build import check_golden
from edge_srcnn.engine.inference import Statistics
from edge_srcnn.engine.luma import Luma, LumaUpscaler, upscale_deep
from edge_srcnn.engine.options import EngineOptions, candidates, may_be_missing
from edge_srcnn.engine.parallel import open_engine
from edge_srcnn.engine.plan import Blocks
from edge_srcnn.engine.postprocess import AS_TRAINED
from edge_srcnn.engine.strength import Strength
from edge_srcnn.errors import Unavailable, UsageError
from edge_srcnn.imaging.alpha import upscale_with_alpha, visible_luma
from edge_srcnn.imaging.bicubic import bands, upscale_band
from edge_srcnn.imaging.colour import upscale_chroma
from edge_srcnn.imaging.frame import Frame, nearest_named
from edge_srcnn.imaging.luma import Samples, UInt8Array, checked_picture, checked_result, shift_luma, video_to_8_bits
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.models.bundled import checked_scale, find_model, is_auto
from edge_srcnn.models.file import Model, read_model

log = logging.getLogger(__name__)


def load_model(
    name: str | Path | None = None,
    *,
    scale: int = 2,
    camera: bool = False,
    strength: float | str | None = None,
    engine: str = AUTO,
    threads: int | None = None,
    block: str | Blocks = AUTO,
    tile: str | tuple[int, int] = AUTO,
    reuse: bool = False,
    isolate: bool = False,
    delegate: Delegate | None = None,
) -> "Upscaler":
    """Load a network and make it ready.

    Parameters
    ----------
    name
        A bundled model (``srcnn-915-x2``), the path of a ``.tflite`` made by ``edge-srcnn export``, or ``auto``
        (None is the same) for the bundled default of ``scale``.
    scale
        Counts only without ``name``: a named model brings its own. 1: clean (noise, blocks of compression, softness).
    camera
        Whether the pictures come from a camera, see ``edge_srcnn.sources.is_camera``. Without ``name``, the model
        trained for such pictures is then taken, where one is bundled for ``scale``.
    strength
        Factor on what the network changes: 0 is bicubic, 1 as trained, at most 1.5; ``auto`` is 1, and less where the
        noise of a picture is beyond what the model knows or, at scale 1, where there is little to clean. None: 1, and
        ``auto`` at scale 1.
    engine
        ``auto``, ``litert``, ``tflite``, ``tensorflow``, ``bicubic`` (no network), or ``edgetpu`` with a device behind
        a colon where there are several: ``edgetpu:usb``, ``edgetpu:pci``, ``edgetpu:0``; ``edgetpu:0,1`` lets two share
        each picture. ``auto`` takes an Edge TPU where the model is compiled for one and one is there.
    threads
        Threads of the interpreter; None leaves it to ``edge-srcnn tune``, or takes all processors.
    block
        The packing of pixels into channels: ``2x4``, ``2x4-4x4``, ``1x1`` for none; ``auto`` is what
        ``edge-srcnn tune`` found, or suits the processor. It does not change the bytes of an int8 network.
    tile
        Height and width in pixels that are worked on at a time, ``128x256``, ``whole``, or ``auto``: of the plane that
        the network reads, which is the upscaled one for ``srcnn``, and the camera's for ``fast``. It costs memory, and
        does not change the bytes.
    reuse
        For still cameras: do not compute a tile again whose input (halo included) is that of the last picture.
        The result is the same, always.
    isolate
        Run the engine in a process of its own: native code that crashes or hangs is then a ``DelegateLost``.
    delegate
        A shared library for the interpreter to work with; implies ``isolate``, and a self-test.

    Returns
    -------
    A context manager, or to be closed.

    Raises
    ------
    UsageError, NoInput, ModelError, Unavailable
        See ``edge_srcnn.errors``.
    """
    options = EngineOptions.parse(
        engine=engine, threads=threads, block=block, tile=tile, reuse=reuse, isolate=isolate, delegate=delegate
    )
    control = Strength(strength)
    upscaler = load(name, options, scale=scale, camera=camera)
    upscaler.strength_control = control
    return upscaler


def load(name: str | Path | None, options: EngineOptions, *, scale: int = 2, camera: bool = False) -> "Upscaler":
    """Load a network with options that are made already; other arguments and errors as those of ``load_model``."""
    if options.engine == BICUBIC and is_auto(name):
        return Upscaler(LumaUpscaler(None, checked_scale(scale)), BICUBIC, None)
    return open_model(read_named(name, scale, camera=camera), options)


def read_named(name: str | Path | None, scale: int, *, camera: bool = False) -> Model:
    """Read a model by name or path, or the bundled default; arguments and errors as those of ``load_model``."""
    return read_model(find_model(name, scale, camera=camera))


def open_model(model: Model, options: EngineOptions | None = None) -> "Upscaler":
    """Make a model that is in memory ready; an accelerator that ``auto`` came to may be missing."""
    options = options or EngineOptions()
    first, *others = candidates(options, model)
    if options.engine == AUTO and model.spec.scale == 1 and not first.backend().has_network:
        log.warning("scale 1 without a network: pictures stay as they are")
    try:
        return _opened(model, first)
    except Unavailable as error:
        if options.engine != AUTO or options.delegate is not None or not may_be_missing(first):
            raise
        log.warning("%s; the processor computes instead", error)
    return _opened(model, others[0])


def upscale(pixels: Samples, model: str | Path | None = None, *, scale: int = 2, engine: str = AUTO) -> Samples:
    """Upscale one picture: ``load_model`` and ``Upscaler.upscale`` in one call."""
    with load_model(model, scale=scale, engine=engine) as upscaler:
        return upscaler.upscale(pixels)


def _opened(model: Model, options: EngineOptions) -> "Upscaler":
    if not options.backend().has_network:
        return Upscaler(LumaUpscaler(None, model.spec.scale), options.engine, None)
    log.info("model %s, for %s pictures", model.spec.name, model.spec.degradation)
    return Upscaler(open_engine(model, options), options.label, model)


class Upscaler(AbstractContextManager["Upscaler"]):
    """Make pictures larger and sharper, at scale 1 clean them; threads may share one: they wait for each other.

    Parameters
    ----------
    luma
        The way of the luma plane.
    engine
        What ``auto`` came to.
    model
        The network; None for bicubic alone.

    Attributes
    ----------
    scale
        Factor of upscaling; 1: the size stays.
    spec, model
        The model's description and its name; None for bicubic alone.
    share, reused
        The part of a picture that the network sees: all of it; and the part of the last frame's tiles that were as
        before, and not computed (None: none is looked at).
    strength_control
        Chooses the strength of each picture; upscalers that take each other's place share one.
    """

    def __init__(self, luma: Luma, engine: str, model: Model | None) -> None:
        self.scale, self.engine, self.share = luma.scale, engine, 1.0
        self.spec = model.spec if model else None
        self.model = model.spec.name if model else None
        self.reused: float | None = None
        self._luma: Luma | None = luma
        self._lock = threading.Lock()  # an interpreter and its buffers are one picture's at a time
        self._model, self.strength_control = model, Strength(AS_TRAINED)

    @property
    def strength(self) -> float | str | None:
        """Factor on what the network changes, 0 to 1.5, ``auto`` or None; set, it holds from the next picture on."""
        return self.strength_control.asked

    @strength.setter
    def strength(self, asked: float | str | None) -> None:
        self.strength_control.asked = asked

    def upscale(self, pixels: Samples, out: Samples | None = None, region: Tile | None = None) -> Samples:
        """Upscale a picture.

        Parameters
        ----------
        pixels
            uint8 or uint16: grey ``[h, w]``, grey and alpha ``[h, w, 2]``, RGB ``[h, w, 3]`` or RGBA ``[h, w, 4]``.
            Of 16 bits the network reads 8; bicubic scaling reads all of them.
        out
            Where the result is to be written, not in the memory of ``pixels``: with a grey plane, nothing of a frame's
            size is then allocated from the second frame on. None makes a new array.
        region
            Of the result: what the network sees; the rest is bicubic. None: all of it.

        Returns
        -------
        ``[h * scale, w * scale]`` with the same channels and dtype. Nothing is lost at the borders.

        Raises
        ------
        UsageError
            Another dtype, shape or size; ``out`` and ``pixels`` share memory; or the upscaler is closed.
        """
        pixels = checked_picture(pixels)
        out = checked_result(out, pixels, self.scale)
        if pixels.ndim == 2 and pixels.dtype == np.uint8:
            luma = np.ascontiguousarray(pixels)
            strength = self.strength_control.of_picture(luma, self.spec)
            with self._lock:
                return self._open().upscale(luma, out, region, strength=strength)
        for top, band in self.bands(pixels, region):
            out[top : top + len(band)] = band
        return out

    def upscale_frame(self, frame: Frame, region: Tile | None = None) -> Frame:
        """Upscale a frame of video: luma through the network within ``region``, chroma bicubic; tags and times stay."""
        with self._lock:
            before = replace(self.statistics)
            luma = self._frame_luma(frame.luma, region)
            self.reused = self.statistics.reused_since(before)
        height, width = (-(-side // coarser) for side, coarser in zip(luma.shape, frame.subsampling, strict=True))
        chroma = upscale_chroma(frame, self.scale, height, width)
        return replace(frame, luma=luma, chroma=chroma, siting=nearest_named(frame.siting))

    def _frame_luma(self, plane: Samples, region: Tile | None) -> Samples:
        shallow = video_to_8_bits(plane)
        strength = self.strength_control.of_frame(shallow, self.spec)
        if plane.dtype == np.uint8:
            return self._open().upscale(shallow, region=region, strength=strength)
        return upscale_deep(self._open(), plane, shallow, region, strength)

    def bands(self, pixels: Samples, region: Tile | None = None) -> Iterator[tuple[int, Samples]]:
        """Upscale a picture band by band from top to bottom, (first row, band), for those that fill the memory."""
        pixels = checked_picture(pixels)
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        luma = visible_luma(pixels)
        strength = self.strength_control.of_picture(luma, self.spec)
        for number, (start, stop) in enumerate(bands(*luma.shape)):
            with self._lock:
                sharp, bicubic = self._open().band(luma, number, region, strength=strength)
                band: Samples = sharp
                if channels > 1 or pixels.dtype != np.uint8:
                    rows = upscale_with_alpha if channels in (2, 4) else upscale_band
                    band = shift_luma(rows(pixels, self.scale, start, stop), sharp, bicubic)
            yield start * self.scale, band

    def run_network(self, plane: UInt8Array) -> UInt8Array:
        """Run the network alone, at the strength that was trained, over a plane in its own grid: uint8 ``[h, w]``.

        For a ``srcnn`` network that is luma which is upscaled already, and so is the result. For a ``fast`` one it is
        the camera's, and the result ``[h * scale, w * scale]``: its residual, added to the plane with pixels repeated.
        """
        plane = checked_picture(plane)
        if plane.ndim != 2:
            raise UsageError(f"a luma plane must be [h, w], this one is {list(plane.shape)}")
        with self._lock:
            return self._open().run_network(plane)

    @property
    def statistics(self) -> Statistics:
        """Tell what the work so far cost, stage by stage."""
        return self._open().statistics

    def self_test(self) -> str:
        """Compute the model's golden input, and compare with what it must give; ``SelfTestFailed`` where it is wrong.

        Returns
        -------
        ``identical``, or ``within 1 level`` (or a few, of a deep network) for interpreters with older kernels.
        """
        with self._lock:
            return "identical" if self._model is None else check_golden(self._open(), self._model, self.engine)

    def close(self) -> None:
        """Let go of the interpreter; may be called twice."""
        with self._lock:
            if self._luma is not None:
                self._luma.close()
            self._luma = None

    def _open(self) -> Luma:
        if self._luma is None:
            raise UsageError("this upscaler is closed; load the model again")
        return self._luma

    def __reduce__(self) -> str:
        raise UsageError("an Upscaler cannot be pickled or copied; load the model in each process")

    def __exit__(self, *reason: object) -> None:
        self.close()

"""A stand-in for ``cv2.dnn_superres.DnnSuperResImpl`` of opencv-contrib: the same methods, and our networks.

There a script reads a network from a file, and the algorithm's name says how its input is prepared. Here the name
chooses the network: whoever asks for ``fsrcnn`` wants a fast one, and whoever asks for ``edsr`` the best.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.backends import AUTO
from edge_srcnn.errors import ModelUnsupported, NoInput, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.bundled import SCALES, STILL, bundled_models, checked_scale, find_model, is_auto, ladder_of
from edge_srcnn.python.options import Name
from edge_srcnn.upscaler import Upscaler, load_model, read_named

log = logging.getLogger(__name__)

FAMILIES = {"fsrcnn": "fast-s", "espcn": "fast-s", "lapsrn": "fast-l", "edsr": "fast-xl"}
"""OpenCV's algorithms and the families of ours that take their place, both from the fastest to the slowest."""

_GRAPHS = (".pb", ".pbtxt")
_SHAPES = ((), (1,), (3,))


class DnnSuperResImpl:
    """Upscale pictures as ``cv2.dnn_superres.DnnSuperResImpl`` does.

    ::

        sr = edge_srcnn.DnnSuperResImpl_create()
        sr.setModel("espcn", 2)
        large = sr.upsample(cv2.imread("photo.jpg"))

    Parameters
    ----------
    algo
        As for ``setModel``; empty: ``auto``, the best.
    scale
        As for ``setModel``.
    engine
        As for ``edge_srcnn.load_model``.
    threads
        As for ``edge_srcnn.load_model``.
    strength
        As for ``edge_srcnn.load_model``.
    """

    def __init__(
        self,
        algo: str = "",
        scale: int = 2,
        *,
        engine: str = AUTO,
        threads: int | None = None,
        strength: float | str | None = None,
    ) -> None:
        self._engine, self._threads, self._strength = engine, threads, strength
        self._file: str | None = None
        self._upscalers: dict[int, Upscaler] = {}
        self.setModel(algo, scale)

    @staticmethod
    def create() -> "DnnSuperResImpl":
        """Make one that has the best model for twice the size."""
        return DnnSuperResImpl()

    def readModel(self, path: Name, definition: Name = "") -> None:
        """Take a network of ours; without this, ``setModel`` chooses one.

        Parameters
        ----------
        path
            A ``.tflite`` made by ``edge-srcnn export``, or the name of a bundled model.
        definition
            Is not looked at.

        Raises
        ------
        ModelUnsupported
            It is a TensorFlow graph, as OpenCV reads them.
        NoInput
            There is none of that name.
        """
        name = os.fspath(path)
        if name.lower().endswith(_GRAPHS):
            raise ModelUnsupported(
                f"{name}: a TensorFlow graph for OpenCV, which is not read here; leave readModel out: setModel alone "
                f"takes a network of ours ({', '.join(f'{algo}: {family}' for algo, family in FAMILIES.items())})"
            )
        find_model(name, SCALES[0])
        self._file = name
        self._forget()

    def setModel(self, algo: str, scale: int) -> None:
        """Choose the network, where ``readModel`` has not, and the factor.

        Parameters
        ----------
        algo
            ``edsr``, ``espcn``, ``fsrcnn`` or ``lapsrn``: the network of ours that takes its place; a family or a model
            of ours (``fast-m``, ``fast-m-x2``); ``auto`` or empty: the best.
        scale
            Factor: 2, 3 or 4; 1 cleans.

        Raises
        ------
        UsageError, NoInput
            There is no such network, or it has another factor.
        """
        self._algorithm, self._scale = algo, scale
        self._forget()
        self._name(scale)

    def upsample(self, img: NDArray[Any], result: UInt8Array | None = None) -> UInt8Array:
        """Upscale a picture.

        Parameters
        ----------
        img
            ``[h, w, 3]`` in the order B, G, R, or ``[h, w]`` grey; uint8, or float32 from 0 to 255.
        result
            Where it is to be written, if it has the right size.

        Returns
        -------
        uint8 ``[h * scale, w * scale, 3]`` or ``[h * scale, w * scale]``.

        Raises
        ------
        UsageError
            It is no such picture.
        """
        return self._upscaled(img, self._scale, result)

    def upsampleMultioutput(
        self,
        img: NDArray[Any],
        imgs_new: list[UInt8Array] | None,
        scale_factors: Sequence[int],
        node_names: Sequence[str] = (),
    ) -> list[UInt8Array]:
        """Upscale a picture by several factors, each with its own network of the family that was chosen.

        Parameters
        ----------
        img
            As for ``upsample``.
        imgs_new
            The results are appended to it, if it is a list.
        scale_factors
            2, 3 or 4, or some of them.
        node_names
            Are not looked at.

        Returns
        -------
        A picture for each factor.

        Raises
        ------
        UsageError
            One model was named, which has one factor.
        """
        made = [self._upscaled(img, scale, None) for scale in scale_factors]
        if imgs_new is not None:
            imgs_new += made
        return made

    def getAlgorithm(self) -> str:
        """Give the name that ``setModel`` got."""
        return self._algorithm

    def getScale(self) -> int:
        """Give the factor that ``setModel`` got."""
        return self._scale

    def setPreferableBackend(self, backendId: int) -> None:
        """Warn that this changes nothing: ``engine`` says what computes."""
        log.warning(
            "setPreferableBackend(%d) changes nothing; DnnSuperResImpl(engine=...) says what computes", backendId
        )

    def setPreferableTarget(self, targetId: int) -> None:
        """Warn that this changes nothing: ``engine`` says what computes."""
        log.warning("setPreferableTarget(%d) changes nothing; DnnSuperResImpl(engine=...) says what computes", targetId)

    def _upscaled(self, img: NDArray[Any], scale: int, result: UInt8Array | None) -> UInt8Array:
        picture = _checked(img)
        if scale not in self._upscalers:
            self._upscalers[scale] = load_model(
                self._name(scale), scale=scale, engine=self._engine, threads=self._threads, strength=self._strength
            )
            log.info("%s: %s", self._algorithm or AUTO, self._upscalers[scale].model)
        upscaler = self._upscalers[scale]
        if picture.ndim == 2:
            large = np.asarray(upscaler.upscale(picture), np.uint8)
        else:
            rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
            large = np.asarray(cv2.cvtColor(upscaler.upscale(rgb), cv2.COLOR_RGB2BGR), np.uint8)
        if result is not None and result.shape == large.shape and result.dtype == np.uint8:
            result[:] = large
            return result
        return large

    def _name(self, scale: int) -> str:
        """Name the model for a factor; ``UsageError`` or ``NoInput`` where there is none."""
        name = self._file or _chosen(self._algorithm, checked_scale(scale))
        own = read_named(name, scale).spec.scale
        if own != scale:
            raise UsageError(f"{name}: is for x{own}, and x{scale} is asked for")
        return name

    def _forget(self) -> None:
        """Let go of the networks."""
        for upscaler in self._upscalers.values():
            upscaler.close()
        self._upscalers.clear()


def DnnSuperResImpl_create() -> DnnSuperResImpl:
    """Make what upscales pictures; ``cv2.dnn_superres.DnnSuperResImpl_create()`` is spelt so."""
    return DnnSuperResImpl()


def _chosen(algorithm: str, scale: int) -> str:
    """Choose the model for the name of an algorithm, a family or a model."""
    bundled = bundled_models()
    ladder = ladder_of(bundled, scale)
    if is_auto(algorithm or AUTO):
        return ladder[-1]
    family = FAMILIES.get(algorithm.lower(), algorithm)
    if algorithm.lower() in FAMILIES:
        return next((name for name in ladder if name.startswith(f"{family}-x")), ladder[-1])
    if f"{family}-x{scale}" in bundled:
        return f"{family}-x{scale}"
    try:
        find_model(algorithm, scale)
    except NoInput as error:
        known = ", ".join((*FAMILIES, *STILL, AUTO))
        raise UsageError(
            f"no algorithm or model is called {algorithm!r}; there are: {known}, and model files"
        ) from error
    return algorithm


def _checked(img: NDArray[Any] | None) -> UInt8Array:
    """Give a picture as uint8; ``UsageError`` where it is none."""
    if img is None:
        raise UsageError("there is no picture: cv2.imread gives None for a file that it cannot read")
    if (
        img.dtype not in (np.uint8, np.float32)
        or img.ndim not in (2, 3)
        or img.size == 0
        or img.shape[2:] not in _SHAPES
    ):
        raise UsageError(f"a picture must be uint8 or float32, [h, w] or [h, w, 3], not {img.dtype} {list(img.shape)}")
    if img.dtype == np.float32:
        img = np.clip(np.rint(img), 0, 255)
    return np.asarray(img[..., 0] if img.shape[2:] == (1,) else img, np.uint8)

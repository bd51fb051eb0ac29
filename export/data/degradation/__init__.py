"""Degrade a sharp picture to the low-resolution one, by the name of a degradation."""

from collections.abc import Callable, Sequence

import numpy as np

from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.spec import BICUBIC, CAMERA, CAMERA_VIDEO, SETTLED
from edge_srcnn.system.packages import need_pyav
from export.data.degradation.camera import camera
from export.data.degradation.resize import cv2_bicubic, imresize, matlab_bicubic, modcrop
from export.data.degradation.video import camera_video, settled

__all__ = [
    "DEGRADATIONS",
    "RANDOM",
    "RESIZING",
    "Degradation",
    "check_degradation",
    "cv2_bicubic",
    "degrade",
    "imresize",
    "matlab_bicubic",
    "modcrop",
]

Degradation = Callable[[UInt8Array, int, np.random.Generator], UInt8Array]

DEGRADATIONS: dict[str, Degradation] = {
    BICUBIC: matlab_bicubic,
    "cv2": cv2_bicubic,
    CAMERA: camera,
    CAMERA_VIDEO: camera_video,
    SETTLED: settled,
}
"""Degradations that a network can be trained against; each maps (plane, scale, generator) to the small plane."""

RANDOM = frozenset({CAMERA, CAMERA_VIDEO, SETTLED})
"""Those of them that draw from the generator: one picture has as many small ones as are asked for."""

CODED = frozenset({CAMERA_VIDEO, SETTLED})
"""Those of them that need x264, which PyAV brings."""

KINDS = {CAMERA_VIDEO: CAMERA}
"""Degradations that make models of a kind that another one has given its name to, and which are evaluated by that."""

RESIZING = frozenset({BICUBIC, "cv2"})
"""Those of them that do nothing but shrink: at scale 1 a picture stays as it is, and there is nothing to learn."""


def check_degradation(option: str, name: str, scale: int, degradation: str) -> None:
    """Refuse a degradation that changes nothing at a scale, or that needs PyAV where there is none.

    ``option`` and ``name`` are what the user gave.
    """
    if scale == 1 and degradation in RESIZING:
        others = " or ".join(each for each in DEGRADATIONS if each not in RESIZING)
        raise UsageError(f"{option} {name}: changes nothing at --scale 1; give {option} {others}")
    if degradation in CODED:
        need_pyav(f"{option} {name}")


def degrade(name: str, plane: UInt8Array, scale: int, seed: int | Sequence[int]) -> UInt8Array:
    """Degrade a uint8 plane ``[h, w]`` to ``[h // scale, w // scale]``; the same seed (0 or more) gives the same."""
    return DEGRADATIONS[name](plane, scale, np.random.default_rng(seed))

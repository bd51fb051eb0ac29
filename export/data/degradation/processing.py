"""What the image processor in a camera does to please the eye: noise smoothed away, edges sharpened."""

import cv2

from export.data.degradation.resize import Levels

_DENOISE_WIDTH_PX = 5
_DENOISE_SIGMA_PX = 1.0
_SHARPEN_SIGMA_PX = 1.0


def denoise(plane: Levels, strength: float) -> Levels:
    """Smooth differences of about ``strength`` grey levels between neighbours, and keep larger ones.

    Tomasi and Manduchi, "Bilateral filtering for gray and color images" (1998).
    """
    out: Levels = cv2.bilateralFilter(plane, _DENOISE_WIDTH_PX, strength, _DENOISE_SIGMA_PX)  # type: ignore[assignment]  # stubs: any dtype
    return out


def sharpen(plane: Levels, amount: float) -> Levels:
    """Unsharp mask: add ``amount`` of what a Gaussian blur of one pixel takes away; edges get their halo by it."""
    return plane + amount * (plane - cv2.GaussianBlur(plane, (0, 0), _SHARPEN_SIGMA_PX))

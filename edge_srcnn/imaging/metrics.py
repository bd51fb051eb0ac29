"""Measure quality against the ground truth: PSNR and SSIM, as the super-resolution literature computes them."""

import cv2
import numpy as np

from edge_srcnn.imaging.luma import UInt8Array

SSIM_WINDOW_PX = 11
SSIM_SIGMA_PX = 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03


def psnr(picture: UInt8Array, hr: UInt8Array) -> float:
    """Compute the peak signal-to-noise ratio in dB of two uint8 arrays of one shape, peak 255; infinite if equal."""
    difference = picture.astype(np.float64) - hr.astype(np.float64)
    mse = float(np.mean(difference * difference))
    return float("inf") if mse == 0.0 else float(10.0 * np.log10(255.0**2 / mse))


def ssim(picture: UInt8Array, hr: UInt8Array) -> float:
    """Compute the mean structural similarity of two luma planes, 1.0 for equal ones.

    Gaussian window of 11x11, sigma 1.5, K = (0.01, 0.03), only windows that lie wholly inside: Wang et al.,
    "Image quality assessment: from error visibility to structural similarity" (2004), section III-C, and
    its MATLAB reference.

    Parameters
    ----------
    picture
        uint8 ``[h, w]``; one smaller than the window is compared whole.
    hr
        The ground truth, of the same shape.

    Returns
    -------
    From -1 to 1.
    """
    x, y = picture.astype(np.float64), hr.astype(np.float64)
    window = min(SSIM_WINDOW_PX, *x.shape)
    window -= 1 - window % 2
    kernel = cv2.getGaussianKernel(window, SSIM_SIGMA_PX)
    r = window // 2

    def mean(plane: np.ndarray) -> np.ndarray:
        return cv2.sepFilter2D(plane, -1, kernel, kernel)[r : plane.shape[0] - r, r : plane.shape[1] - r]

    c1, c2 = (SSIM_K1 * 255) ** 2, (SSIM_K2 * 255) ** 2
    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    similarity = ((2 * mx * my + c1) * (2 * cov + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(np.mean(similarity))

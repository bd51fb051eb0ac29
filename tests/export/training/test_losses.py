"""What a training minimizes, against figures by hand."""

import keras
import numpy as np
import pytest

from export.training.losses import PSNR_FLOOR, mse, psnr

HR = np.zeros((2, 2, 2, 1), np.float32)


def errors(*levels: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Two patches, each off by one level."""
    return HR + np.array(levels, np.float32)[:, None, None, None]


def of_both(loss: object) -> list[float]:
    return keras.ops.convert_to_numpy(loss).tolist()  # type: ignore[no-any-return]  # Keras has no types


def test_mse_is_one_figure_a_picture() -> None:
    assert of_both(mse(HR, errors(0.1, 0.5))) == pytest.approx([0.01, 0.25])


def test_psnr_counts_halving_the_error_alike_where_it_is_large() -> None:
    large, half = of_both(psnr(HR, errors(0.8, 0.4)))
    larger, its_half = of_both(psnr(HR, errors(0.4, 0.2)))
    assert large - half == pytest.approx(np.log(4), abs=0.02)
    assert larger - its_half == pytest.approx(np.log(4), abs=0.1)


def test_psnr_lets_go_of_what_is_as_good_as_done() -> None:
    nothing, little = of_both(psnr(HR, errors(0.0, 1e-3)))
    assert nothing == pytest.approx(np.log(PSNR_FLOOR), abs=1e-4)
    assert little - nothing < 2e-3

"""What a training minimizes, against figures by hand."""

from typing import Any

import keras
import numpy as np
import pytest

from export.training.losses import PATTERN_FLOOR, PSNR_FLOOR, TOLERANCE, beside_edges, counted_mse, mse, psnr

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


def drawing(*means: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A picture of 4x4 pixels, whose places on a grid of 2x2 have these means."""
    picture: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = np.tile(np.float32(means).reshape(2, 2), (2, 2))
    return picture[None, :, :, None]


def test_of_a_drawing_counts_what_differs_between_places_of_the_grid() -> None:
    loss = beside_edges(psnr, 2)
    goal = np.zeros((1, 4, 4, 1), np.float32)
    goal[:, :, 3] = np.nan  # of each odd column, half is left
    alone = (0.2 - TOLERANCE) ** 2 * (1 / 4 - 1 / 16)
    for means, variance in (
        ((0.1, 0.1, 0.1, 0.1), 0.0),
        ((0.3, 0.1, 0.3, 0.1), 0.01),
        ((0.2, 0, 0, 0), alone),
        ((0.99 * TOLERANCE, 0, -0.99 * TOLERANCE, 0), 0.0),
    ):
        output = drawing(*means)
        output[:, :, 3] = 99
        assert of_both(loss(goal, output)) == pytest.approx([np.log(variance + PATTERN_FLOOR)], abs=1e-3)


def test_photographs_beside_drawings_count_as_ever() -> None:
    goal, output = np.concatenate([HR, HR]), np.concatenate([errors(0.1, 0.5), errors(0.2, 0.3)])
    goal[3, 0, 0] = np.nan
    mixed = of_both(beside_edges(psnr, 2)(goal, output))
    assert mixed[:3] == pytest.approx(of_both(psnr(HR, errors(0.1, 0.5))) + of_both(psnr(HR, errors(0.2, 0.3)))[:1])
    assert of_both(counted_mse(goal, output)) == pytest.approx([0.01, 0.25, 0.04, 0.09 * 3 / 4])


def test_no_gradient_comes_of_what_does_not_count() -> None:
    output = keras.Variable(drawing(0.4, 0.1, 0.2, 0.3))
    goal = np.zeros((1, 4, 4, 1), np.float32)
    goal[:, :2] = np.nan
    optimizer = keras.optimizers.SGD(1e-3)
    before = keras.ops.convert_to_numpy(output)
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Rescaling(0.0), Adding(output)])
    model.compile(optimizer, loss=beside_edges(psnr, 2))
    model.train_on_batch(np.zeros_like(goal), goal)
    moved = keras.ops.convert_to_numpy(output) - before
    assert np.isfinite(moved).all()
    assert not moved[:, :2].any()
    assert np.abs(moved[:, 2:]).min() > 0


class Adding(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Adds a variable to its input."""

    def __init__(self, variable: keras.Variable) -> None:
        super().__init__()
        self.variable = variable

    def call(self, inputs: Any) -> Any:
        return inputs + self.variable

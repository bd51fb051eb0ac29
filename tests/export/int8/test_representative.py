"""The representative dataset: what the converter sees of the training pictures."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge_srcnn.errors import BadData
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.file import GOLDEN_SHAPE
from export.architectures import find_architecture
from export.data.pair import Pair
from export.data.pairs import Float32Array
from export.int8 import convert as quantization
from export.int8.convert import representative_dataset

SMALL = find_architecture("srcnn-915")

Draw = Callable[..., UInt8Array]


def test_representative_inputs_are_pieces_of_the_training_pictures(small: Any) -> None:
    samples = small.representative
    assert len(samples) == quantization.N_REPRESENTATIVE + 1
    h, w = GOLDEN_SHAPE[0] + 12, GOLDEN_SHAPE[1] + 12
    assert all(sample.shape == (1, h, w, 1) and sample.dtype == np.float32 for sample in samples)
    piece = np.rint(samples[0][0, :, :, 0] * 255).astype(np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(small.split.train[0].plane, (h, w))
    assert any(np.array_equal(piece, window) for row in windows for window in row)


def test_one_representative_input_spans_the_whole_range(small: Any) -> None:
    last = small.representative[-1]
    assert (last.min(), last.max()) == (0.0, 1.0)
    assert max(sample.max() for sample in small.representative) == 1.0


def test_representative_inputs_are_the_same_for_a_seed(small: Any) -> None:
    def drawn(seed: int) -> Float32Array:
        return np.stack(representative_dataset(small.split.train, small.architecture, seed=seed))

    assert np.array_equal(drawn(0), np.stack(small.representative))
    assert not np.array_equal(drawn(0), drawn(1))


def test_pictures_that_are_too_small_are_passed_over_and_too_few_are_an_error(draw: Draw) -> None:
    little, enough = (Pair(plane, plane, plane) for plane in (draw(0, 59, 200), draw(1, 60, 76)))
    samples = representative_dataset((little, enough), SMALL)
    assert all(np.array_equal(np.rint(s[0, :, :, 0] * 255), enough.plane) for s in samples[:-1])
    with pytest.raises(BadData, match="no training picture is 76x60 pixels or more"):
        representative_dataset((little,), SMALL)

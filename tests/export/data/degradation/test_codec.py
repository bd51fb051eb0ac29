"""A camera's H.264: all frames in their size, worse with the rate factor, and intra frames where they belong."""

from itertools import pairwise

import numpy as np
import pytest

from edge_srcnn.imaging.luma import UInt8Array

av = pytest.importorskip("av")

from export.data.degradation.codec import H264, h264  # noqa: E402  # PyAV is optional


def ramp(height: int = 64, width: int = 96) -> UInt8Array:
    return np.broadcast_to(np.linspace(20, 230, width).round().astype(np.uint8), (height, width)).copy()


def noisy(n: int, sigma: float, shape: tuple[int, int] = (64, 96)) -> list[UInt8Array]:
    rng = np.random.default_rng(0)
    return [np.clip(np.rint(ramp(*shape) + rng.normal(0, sigma, shape)), 0, 255).astype(np.uint8) for _ in range(n)]


@pytest.mark.parametrize("shape", [(64, 96), (63, 95), (17, 33)])
@pytest.mark.parametrize("n", [1, 5])
def test_all_frames_come_back_in_their_size(shape: tuple[int, int], n: int) -> None:
    out = h264(noisy(n, 3, shape), H264(28))
    assert [(frame.shape, frame.dtype) for frame in out] == [(shape, np.dtype(np.uint8))] * n


def test_the_same_frames_give_the_same_bytes_and_are_not_touched() -> None:
    frames = noisy(6, 4)
    before = [frame.copy() for frame in frames]
    first, again = h264(frames, H264(30)), h264(frames, H264(30))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(frames, before, strict=True))


def test_levels_are_kept_over_their_whole_range() -> None:
    plane = np.repeat(np.repeat(np.array([[0, 255], [128, 16]], np.uint8), 32, axis=0), 32, axis=1)
    (out,) = h264([plane], H264(5))
    assert np.abs(out.astype(int) - plane)[8:-8, 8:24].max() <= 2, "neither clipped to studio range nor stretched"


def test_more_of_the_rate_factor_is_more_of_an_error() -> None:
    frames = noisy(1, 6)
    errors = [float(np.mean((h264(frames, H264(crf))[0].astype(float) - frames[0]) ** 2)) for crf in (18, 28, 38)]
    assert errors == sorted(errors)
    assert errors[0] < errors[2] / 4


def test_a_still_scene_changes_most_where_an_intra_frame_begins_a_group_anew() -> None:
    out = h264(noisy(1, 8) * 12, H264(32, gop=4))
    changes = [float(np.mean(np.abs(after.astype(int) - before))) for before, after in pairwise(out)]
    assert sorted(np.argsort(changes)[-2:].tolist()) == [3, 7], "from frame 3 to 4, and from 7 to 8"

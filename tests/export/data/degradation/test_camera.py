"""A whole camera: sizes, brightness, chance by the seed alone, and that each of its faults really occurs."""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation.camera import ORDINARY, CameraFaults, camera
from export.data.degradation.resize import matlab_bicubic

pytestmark = pytest.mark.slow

Draw = Callable[..., UInt8Array]

FAULTLESS = CameraFaults(
    blur_px=(0.05, 0.05),
    defocus_share=0,
    motion_share=0,
    area_share=0,
    fine_share=1,
    shot=(0, 0),
    read=(0, 0),
    denoise_share=0,
    sharpen_share=0,
    jpeg_share=0,
)
FAULTS = {
    "blur": replace(FAULTLESS, blur_px=(0.6, 0.6)),
    "defocus": replace(FAULTLESS, defocus_share=1, defocus_px=(0.8, 0.8)),
    "motion": replace(FAULTLESS, motion_share=1, motion_px=(1.5, 1.5)),
    "area": replace(FAULTLESS, area_share=1),
    "coarse mosaic": replace(FAULTLESS, fine_share=0),
    "shot": replace(FAULTLESS, shot=(1e-3, 1e-3)),
    "read": replace(FAULTLESS, read=(3e-3, 3e-3)),
    "denoise": replace(FAULTLESS, denoise_share=1, denoise=(20, 20)),
    "sharpen": replace(FAULTLESS, sharpen_share=1, sharpen=(0.6, 0.6)),
    "jpeg": replace(FAULTLESS, jpeg_share=1, jpeg_quality=(60, 60)),
}


def shot(plane: UInt8Array, seed: int = 0, scale: int = 2, faults: CameraFaults = ORDINARY) -> UInt8Array:
    return camera(plane, scale, np.random.default_rng(seed), faults)


def gradient_energy(plane: UInt8Array) -> float:
    return float(
        np.mean(np.diff(plane.astype(float), axis=1) ** 2) + np.mean(np.diff(plane.astype(float), axis=0) ** 2)
    )


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(48, 60), (49, 67), (50, 53), (9, 9)])
def test_the_picture_is_a_whole_part_of_the_scene(scale: int, shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for seed in range(8):
        out = shot(plane, seed, scale)
        assert out.shape == (shape[0] // scale, shape[1] // scale)
        assert out.dtype == np.uint8


def test_the_scene_is_not_touched(draw: Draw) -> None:
    plane = draw(0)
    before = plane.copy()
    shot(plane)
    assert np.array_equal(plane, before)


def test_a_seed_is_a_picture_and_another_one_another(draw: Draw) -> None:
    plane = draw(0)
    assert np.array_equal(shot(plane, 5), shot(plane, 5))
    assert len({shot(plane, seed).tobytes() for seed in range(20)}) == 20


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_brightness_is_kept_within_a_level(draw: Draw, scale: int) -> None:
    # the mosaic mixes light, not grey levels, and so brightens hard edges a little: a picture must not be full of them
    plane = draw(0, 384, 480)
    means = [float(shot(plane, seed, scale).mean()) for seed in range(30)]
    assert np.abs(np.array(means) - plane.mean()).max() < 1


def test_no_picture_is_ruined(draw: Draw) -> None:
    plane = draw(2)
    clean = matlab_bicubic(plane, 2).astype(float)
    errors = [float(np.sqrt(np.mean((shot(plane, seed) - clean) ** 2))) for seed in range(30)]
    assert max(errors) < 255 / 10 ** (20 / 20), "20 dB or more of what interpolation gives"
    assert np.ptp(errors) > 2, "and they differ in how good they are"


def test_a_camera_without_faults_is_nearly_interpolation(draw: Draw) -> None:
    y, x = np.indices((120, 120))
    smooth = (120 + 60 * np.sin(x / 9) * np.cos(y / 11)).astype(np.uint8)
    difference = shot(smooth, faults=FAULTLESS).astype(int) - matlab_bicubic(smooth, 2)
    assert np.abs(difference).max() <= 2


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_shows_when_it_is_alone(draw: Draw, fault: str) -> None:
    plane = draw(3)
    assert not np.array_equal(shot(plane, faults=FAULTS[fault]), shot(plane, faults=FAULTLESS))


@pytest.mark.parametrize("fault", ["blur", "defocus", "motion", "coarse mosaic"])
def test_what_blurs_leaves_less_of_the_gradients(draw: Draw, fault: str) -> None:
    plane = draw(3)
    assert gradient_energy(shot(plane, faults=FAULTS[fault])) < 0.9 * gradient_energy(shot(plane, faults=FAULTLESS))


@pytest.mark.parametrize("scale", [2, 4])
def test_the_lens_is_as_sharp_in_the_small_picture_at_any_scale(scale: int) -> None:
    # an edge of 200 levels under a Gaussian of s pixels is 200 / (s sqrt(2 pi)) steep; 2 pixels hide the sampling
    plane = np.repeat(np.array([[20] * 24 + [220] * 24], np.uint8), 32, axis=0).repeat(scale, axis=0).repeat(scale, 1)
    row = shot(plane, scale=scale, faults=replace(FAULTLESS, blur_px=(2.0, 2.0)))[16].astype(float)
    assert np.diff(row).max() == pytest.approx(200 / (2 * np.sqrt(2 * np.pi)), rel=0.05)


@pytest.mark.parametrize("fine_share", [0, 1])
def test_noise_grows_with_its_gain_on_either_kind_of_sensor(fine_share: int) -> None:
    plane = np.full((160, 160), 110, np.uint8)

    def deviation(gain: float) -> float:
        return float(shot(plane, faults=replace(FAULTLESS, fine_share=fine_share, shot=(gain, gain))).std())

    weak, middle, strong = (deviation(gain) for gain in (2.5e-4, 1e-3, 4e-3))
    assert deviation(0) == 0
    assert middle == pytest.approx(2 * weak, rel=0.1)
    assert strong == pytest.approx(2 * middle, rel=0.1)


@pytest.mark.parametrize("scale", [2, 4])
def test_a_finer_sensor_of_the_same_size_gathers_as_much_light(scale: int) -> None:
    # the mosaic's spreading lies once before and once behind the averaging, hence not the same to the last digit;
    # sites that were not noisier for being smaller would bring it down to 1/scale
    plane = np.full((100 * scale, 100 * scale), 110, np.uint8)
    coarse, fine = (
        float(
            shot(plane, scale=scale, faults=replace(FAULTLESS, fine_share=share, area_share=1, shot=(4e-3, 4e-3))).std()
        )
        for share in (0, 1)
    )
    assert coarse / 1.5 < fine < 2.5 * coarse


@pytest.mark.parametrize("fine_share", [0, 1])
def test_noise_is_alike_in_neighbours(fine_share: int) -> None:
    plane = np.full((400, 400), 110, np.uint8)
    noise = shot(plane, faults=replace(FAULTLESS, fine_share=fine_share, area_share=1, shot=(1e-3, 1e-3))) - 110.0
    assert np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1] > 0.05
    assert np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1] > 0.05


def test_flat_grey_stays_nearly_flat_without_noise() -> None:
    silent = replace(ORDINARY, shot=(0, 0), read=(0, 0))
    for seed in range(20):
        out = shot(np.full((64, 64), 137, np.uint8), seed, faults=silent)
        assert np.abs(out.astype(int) - 137).max() <= 1


def test_faults_begin_at_nearly_nothing_and_shares_are_shares() -> None:
    values = {field.name: getattr(ORDINARY, field.name) for field in fields(ORDINARY)}
    for name, value in values.items():
        if name.endswith("_share"):
            assert 0 < value < 1
        else:
            assert 0 <= value[0] < value[1]
    assert ORDINARY.shot[0] == ORDINARY.read[0] == ORDINARY.sharpen[0] == 0
    assert ORDINARY.defocus_share + ORDINARY.motion_share < 0.5, "most pictures are in focus and still"

"""The protocol of the literature: what is cut, what is shaved, what is averaged, and its published baselines."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.errors import BadData, BadPicture, NoInput, UsageError
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.metrics import psnr
from edge_srcnn.upscaler import load_model
from export.data.degradation import cv2_bicubic, degrade, imresize
from export.evaluation.evaluate import (
    baselines,
    bicubic_matlab,
    evaluate,
    method_of,
    read_ground_truths,
    read_sets,
)
from export.evaluation.metrics import flat_noise, gmsd

Draw = Callable[..., UInt8Array]

# Timofte et al., "A+" (2014), table 1: PSNR of bicubic on Y
PUBLISHED = {
    ("set5", 2): 33.66,
    ("set5", 3): 30.39,
    ("set5", 4): 28.42,
    ("set14", 2): 30.23,
    ("set14", 3): 27.54,
    ("set14", 4): 26.00,
}
PUBLISHED_SSIM = {("set5", 2): 0.9299, ("set5", 3): 0.8682, ("set5", 4): 0.8104}
"""Dong et al. (2015), table 2; Kim et al., "VDSR" (2016), table 3."""


def flat(level: int, height: int = 40, width: int = 40) -> UInt8Array:
    return np.full((height, width), level, np.uint8)


def always(picture: UInt8Array) -> Callable[[UInt8Array, int], UInt8Array]:
    return lambda small, scale: picture


# --- ground truths ---


def test_the_ground_truth_is_matlabs_y_channel(tmp_path: Path) -> None:
    # rgb2ycbcr: white 235, black 16; red 65.481 + 16 = 81.5 down, green 128.553 + 16 = 144.6, blue 24.966 + 16 = 41.0
    colours = {"a": "white", "b": "black", "c": (255, 0, 0), "d": (0, 255, 0), "e": (0, 0, 255)}
    for name, colour in colours.items():
        Image.new("RGB", (12, 12), colour).save(tmp_path / f"{name}.png")
    levels = [set(plane.ravel().tolist()) for plane in read_ground_truths(tmp_path, 2)]
    assert levels == [{235}, {16}, {81}, {145}, {41}]


@pytest.mark.parametrize(("scale", "shape"), [(1, (41, 47)), (2, (40, 46)), (3, (39, 45)), (4, (40, 44))])
def test_ground_truths_are_cut_to_a_multiple_of_the_scale(
    tmp_path: Path, draw: Draw, scale: int, shape: tuple[int, int]
) -> None:
    Image.fromarray(draw(0, 41, 47)).save(tmp_path / "odd.png")
    (hr,) = read_ground_truths(tmp_path, scale)
    assert np.array_equal(hr, draw(0, 41, 47)[: shape[0], : shape[1]])


def test_a_picture_that_is_all_border_is_too_small(tmp_path: Path) -> None:
    Image.fromarray(flat(9, 9, 30)).save(tmp_path / "low.png")
    assert len(read_ground_truths(tmp_path, 3)) == 1  # 9 rows less 3 above and below
    with pytest.raises(BadData, match=r"too small to be evaluated at x4 \(8 pixels\)"):
        read_ground_truths(tmp_path, 4)


def test_a_picture_of_one_pixel_is_too_small(tmp_path: Path) -> None:
    Image.fromarray(flat(9, 1, 1)).save(tmp_path / "dot.png")
    with pytest.raises(BadData, match="too small"):
        read_ground_truths(tmp_path, 2)


def test_missing_folders_and_damaged_pictures_are_told(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no such folder"):
        read_ground_truths(tmp_path / "nowhere", 2)
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(BadPicture, match=r"text\.png"):
        read_ground_truths(tmp_path, 2)


def test_sets_are_known_by_their_folders_names(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(flat(9)).save(other / "flat.png")
    monkeypatch.chdir(other)
    sets = read_sets([pictures, Path(".")], 2)
    assert {name: len(hr_planes) for name, hr_planes in sets.items()} == {pictures.name: 6, "other": 1}


def test_two_sets_of_one_name_are_refused(tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "set5").mkdir(parents=True)
        Image.fromarray(flat(9)).save(tmp_path / parent / "set5" / "flat.png")
    with pytest.raises(UsageError, match="two folders of pictures are called 'set5'"):
        read_sets([tmp_path / "a" / "set5", tmp_path / "b" / "set5"], 2)


# --- evaluation ---


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_a_border_as_wide_as_the_scale_is_shaved_and_nothing_more(scale: int) -> None:
    hr = flat(100, 48, 48)
    framed, too_wide = flat(0, 48, 48), flat(0, 48, 48)
    framed[scale:-scale, scale:-scale] = 100
    too_wide[scale + 1 : -scale - 1, scale + 1 : -scale - 1] = 100
    methods = {"framed": always(framed), "too wide": always(too_wide)}
    perfect, spoilt = evaluate("set", [hr], scale, methods)
    assert perfect.psnr == float("inf")
    assert perfect.ssim == pytest.approx(1.0)
    # a ring of one pixel, 100 levels off, in a square of 48 - 2 scale
    side = 48 - 2 * scale
    mse = 100**2 * (side**2 - (side - 2) ** 2) / side**2
    assert spoilt.psnr == pytest.approx(10 * np.log10(255**2 / mse))


def test_figures_are_means_over_the_pictures_not_over_the_pixels() -> None:
    hr_planes = [flat(100, 40, 40), flat(100, 400, 400)]
    # one level off is 20 log10(255) = 48.131 dB, two are 42.110 dB
    errors = {40: 1, 400: 2}
    (score,) = evaluate(
        "set",
        hr_planes,
        2,
        {"m": lambda small, scale: flat(100 + errors[small.shape[0] * 2], *[s * 2 for s in small.shape])},
    )
    assert score.psnr == pytest.approx((20 * np.log10(255) + 20 * np.log10(255 / 2)) / 2)


def test_every_method_gets_the_degraded_picture_and_the_scale(draw: Draw) -> None:
    hr = draw(0, 48, 60)
    seen: list[tuple[UInt8Array, int]] = []

    def method(small: UInt8Array, scale: int) -> UInt8Array:
        seen.append((small, scale))
        return hr

    evaluate("set", [hr], 3, {"m": method})
    evaluate("set", [hr], 3, {"m": method}, degrade="cv2")
    assert [scale for _, scale in seen] == [3, 3]
    assert np.array_equal(seen[0][0], imresize(hr, 16, 20))
    assert np.array_equal(seen[1][0], cv2_bicubic(hr, 3))
    assert not np.array_equal(seen[0][0], seen[1][0])


def test_scores_name_what_was_evaluated_in_the_order_of_the_methods(draw: Draw) -> None:
    steps: list[None] = []
    scores = evaluate("mine", [draw(0), draw(1)], 2, baselines(2), degrade="cv2", on_step=lambda: steps.append(None))
    assert [(s.set, s.scale, s.degrade, s.method) for s in scores] == [
        ("mine", 2, "cv2", "bicubic-matlab"),
        ("mine", 2, "cv2", "bicubic"),
    ]
    assert len(steps) == 2 * 2


@pytest.mark.slow
def test_psnr_and_ssim_are_the_means_of_scikit_images_without_the_border(draw: Draw) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    hr_planes = [draw(0, 48, 60), draw(1, 48, 60)]
    (score,) = evaluate("set", hr_planes, 3, {"m": bicubic_matlab})
    options = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pairs = [(bicubic_matlab(imresize(hr, 16, 20), 3)[3:-3, 3:-3], hr[3:-3, 3:-3]) for hr in hr_planes]
    psnrs = [metrics.peak_signal_noise_ratio(hr, result, data_range=255) for result, hr in pairs]
    ssims = [metrics.structural_similarity(result, hr, **options) for result, hr in pairs]
    assert score.psnr == pytest.approx(np.mean(psnrs))
    assert score.ssim == pytest.approx(np.mean(ssims), abs=1e-6)


def test_gmsd_and_flat_noise_are_means_without_the_border_too(draw: Draw) -> None:
    hr_planes = [draw(0, 48, 60), draw(1, 48, 60)]
    (score,) = evaluate("set", hr_planes, 3, {"m": bicubic_matlab})
    inner = (slice(3, -3), slice(3, -3))
    results = [bicubic_matlab(imresize(hr, 16, 20), 3)[inner] for hr in hr_planes]
    shaved = [hr[inner] for hr in hr_planes]
    assert score.gmsd == pytest.approx(np.mean(list(map(gmsd, results, shaved))))
    assert score.flat_noise == pytest.approx(np.mean(list(map(flat_noise, results, shaved))))


def test_a_camera_gives_all_methods_the_same_picture_and_each_picture_faults_of_its_own(draw: Draw) -> None:
    seen: list[UInt8Array] = []

    def method(small: UInt8Array, scale: int) -> UInt8Array:
        seen.append(small)
        return bicubic_matlab(small, scale)

    hr_planes = [draw(0), draw(0)]
    one, two = evaluate("set", hr_planes, 2, {"one": method, "two": method}, degrade="camera")
    assert one.psnr == two.psnr
    assert np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[2], seen[3])
    assert not np.array_equal(seen[0], seen[2])
    assert evaluate("another", hr_planes, 2, {"one": method}, degrade="camera")[0].psnr == one.psnr


def test_a_cameras_noise_shows_in_flat_regions(draw: Draw) -> None:
    clean, noisy = (
        evaluate("set", [draw(n) for n in range(3)], 2, {"m": bicubic_matlab}, degrade=degrade)[0]
        for degrade in ("matlab", "camera")
    )
    assert noisy.flat_noise > clean.flat_noise
    assert noisy.psnr < clean.psnr


def test_an_unknown_degradation_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no degradation is called 'blur'; there are matlab, cv2, camera"):
        evaluate("set", [flat(1)], 2, baselines(2), degrade="blur")


def test_the_baselines_are_matlabs_and_opencvs_bicubic(draw: Draw) -> None:
    small = draw(0, 20, 30)
    assert baselines(2).keys() == {"bicubic-matlab", "bicubic"}
    assert np.array_equal(bicubic_matlab(small, 3), imresize(small, 60, 90))
    assert np.array_equal(baselines(3)["bicubic"](small, 3), upscale_bicubic(small, 3))


def test_at_scale_1_the_baseline_is_the_input_as_it_comes(draw: Draw) -> None:
    hr = draw(0, 40, 60)
    spoiled = degrade("camera", hr, 1, 1)
    assert baselines(1).keys() == {"input"}
    (score,) = evaluate("set", [hr], 1, baselines(1), degrade="camera")
    assert (score.method, score.psnr) == ("input", psnr(spoiled[1:-1, 1:-1], hr[1:-1, 1:-1]))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), PUBLISHED)
def test_matlabs_bicubic_reaches_its_published_figure(data_folder: Path, name: str, scale: int) -> None:
    hr_planes = read_ground_truths(data_folder / "eval" / name, scale)
    (score,) = evaluate(name, hr_planes, scale, {"bicubic-matlab": bicubic_matlab})
    assert score.psnr == pytest.approx(PUBLISHED[name, scale], abs=0.02)
    if (name, scale) in PUBLISHED_SSIM:
        assert score.ssim == pytest.approx(PUBLISHED_SSIM[name, scale], abs=0.002)


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "least_db"), [(2, 36.30), (3, 32.30), (4, 30.00)])
def test_shipped_models_reach_the_original_srcnn_on_set5(data_folder: Path, scale: int, least_db: float) -> None:
    # Dong et al. (2015): the float 9-1-5 reaches 36.34 / 32.39 / 30.08 dB
    hr_planes = read_ground_truths(data_folder / "eval" / "set5", scale)
    (score,) = evaluate("set5", hr_planes, scale, {"int8": method_of(load_model(scale=scale))})
    assert score.psnr >= least_db

"""Folders of pictures to patches: what is read, what is left out, and that input and truth belong together."""

import builtins
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.errors import BadData, NoInput, Unavailable
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array, luma_full_range, luma_studio_range
from export.dataset import (
    Pair,
    PatchSampler,
    PatchSpec,
    Split,
    builtin_photographs,
    centre_crops,
    load_split,
    make_pairs,
)
from export.degradation import cv2_bicubic, degrade, imresize, matlab_bicubic

Draw = Callable[..., UInt8Array]

SPEC = PatchSpec(scale=2, halo_px=6)


def truths(split: Split) -> list[bytes]:
    return [pair.truth.tobytes() for pair in (*split.train, *split.held_out)]


def numbered(height: int, width: int, number: int) -> UInt8Array:
    """A flat picture whose grey level is its number: so it is known again after shuffling."""
    return np.full((height, width), number, np.uint8)


# --- what is read ---


def test_all_five_formats_are_read_from_nested_folders(tmp_path: Path, draw: Draw) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    names = ["one.png", "a/two.jpg", "a/three.jpeg", "a/four.webp", "a/b/five.bmp", "a/b/six.tiff", "a/b/seven.TIF"]
    for seed, name in enumerate(names):
        Image.fromarray(draw(seed, 64, 80)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    split = load_split([tmp_path], SPEC)
    assert (split.n_pictures, split.skipped) == (7, ())
    assert len(split.train) + len(split.held_out) == 7


def test_several_folders_count_together(tmp_path: Path, draw: Draw) -> None:
    for seed in range(4):
        folder = tmp_path / str(seed % 2)
        folder.mkdir(exist_ok=True)
        Image.fromarray(draw(seed, 64, 64)).save(folder / f"{seed}.png")
    assert load_split([tmp_path / "0", tmp_path / "1"], SPEC).n_pictures == 4


def test_a_picture_named_by_two_folders_is_used_once(tmp_path: Path, draw: Draw) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for seed in range(4):
        Image.fromarray(draw(seed, 64, 64)).save(inner / f"{seed}.png")
    split = load_split([tmp_path, inner, tmp_path / "inner" / ".." / "inner"], SPEC)
    assert split.n_pictures == 4
    assert len(set(truths(split))) == 4, "else a held-out picture would be trained on"


def test_damaged_and_tiny_pictures_are_skipped_and_listed(tmp_path: Path, draw: Draw) -> None:
    for seed in range(3):
        Image.fromarray(draw(seed, 64, 64)).save(tmp_path / f"good{seed}.png")
    whole = (tmp_path / "good0.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.bmp").touch()
    Image.fromarray(draw(9, 47, 200)).save(tmp_path / "tiny.png")
    split = load_split([tmp_path], SPEC)
    assert split.n_pictures == 3
    assert {line.split(":")[0] for line in split.skipped} == {
        str(tmp_path / name) for name in ("cut.png", "text.jpg", "empty.bmp", "tiny.png")
    }
    assert any("smaller than 48 pixels" in line for line in split.skipped)


def test_a_missing_folder_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no such folder"):
        load_split([tmp_path / "nowhere"], SPEC)


def test_a_folder_without_pictures_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no picture in it"):
        load_split([tmp_path], SPEC)


def test_one_picture_is_too_few_to_train_and_to_judge(tmp_path: Path, draw: Draw) -> None:
    Image.fromarray(draw(0)).save(tmp_path / "only.png")
    with pytest.raises(BadData, match="1 usable pictures of 1; training needs 2"):
        load_split([tmp_path], SPEC)


# --- what is held out ---


def test_the_same_seed_gives_the_same_split_and_another_one_another(pictures: Path) -> None:
    assert truths(load_split([pictures], SPEC, seed=3)) == truths(load_split([pictures], SPEC, seed=3))
    assert truths(load_split([pictures], SPEC, seed=3)) != truths(load_split([pictures], SPEC, seed=4))


@pytest.mark.parametrize(("share", "n"), [(0.06, 1), (0.0, 1), (0.25, 5), (0.5, 10)])
def test_the_held_out_share_is_kept_and_is_one_picture_at_least(tmp_path: Path, share: float, n: int) -> None:
    for number in range(20):
        Image.fromarray(numbered(50, 50, number)).save(tmp_path / f"{number}.png")
    split = load_split([tmp_path], SPEC, held_out=share)
    assert (len(split.held_out), len(split.train)) == (n, 20 - n)


def test_no_piece_of_a_held_out_picture_is_trained_on(tmp_path: Path) -> None:
    for number in range(12):  # large ones: each gives two pairs
        Image.fromarray(numbered(400, 400, number)).save(tmp_path / f"{number}.png")
    split = load_split([tmp_path], SPEC, held_out=0.25)
    trained, held_out = ({int(pair.truth[0, 0]) for pair in pairs} for pairs in (split.train, split.held_out))
    assert len(trained) == 9
    assert len(held_out) == 3
    assert trained.isdisjoint(held_out)
    assert (len(split.train), len(split.held_out)) == (18, 6)


def test_full_and_studio_range_alternate(tmp_path: Path) -> None:
    # White is 255 in full range (JFIF) and 235 in studio range (BT.601).
    for number in range(10):
        Image.new("RGB", (50, 50), "white").save(tmp_path / f"{number}.png")
    split = load_split([tmp_path], SPEC)
    whites = [int(pair.truth[0, 0]) for pair in (*split.held_out, *split.train)]
    assert whites == [235, 255] * 5


def test_colour_is_weighed_as_the_two_ranges_want_it(tmp_path: Path, draw: Draw) -> None:
    colour = np.stack([draw(seed, 64, 64) for seed in range(3)], axis=-1)
    for name in ("a.png", "b.png"):
        Image.fromarray(colour).save(tmp_path / name)
    split = load_split([tmp_path], SPEC)
    assert np.array_equal(split.held_out[0].truth, luma_studio_range(colour))
    assert np.array_equal(split.train[0].truth, luma_full_range(colour))


# --- pairs ---


def test_large_pictures_are_shrunk_twice(draw: Draw) -> None:
    luma = draw(0, 400, 500)
    half, two_thirds = make_pairs(luma, SPEC)
    assert np.array_equal(half.truth, imresize(luma, 200, 250))
    assert np.array_equal(two_thirds.truth, imresize(luma, 260, 325)[:, :324])


def test_small_pictures_stay_as_they_are(draw: Draw) -> None:
    luma = draw(0, 399, 600)
    (pair,) = make_pairs(luma, SPEC)
    assert np.array_equal(pair.truth, luma[:398])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_pair_is_a_picture_and_its_bicubic_shadow(draw: Draw, scale: int) -> None:
    (pair,) = make_pairs(draw(0, 101, 103), PatchSpec(scale, halo_px=6))
    assert pair.truth.shape == pair.bicubic.shape
    assert all(side % scale == 0 for side in pair.truth.shape)
    assert np.array_equal(pair.bicubic, upscale_bicubic(matlab_bicubic(pair.truth, scale), scale))


def test_the_degradation_is_the_one_that_was_asked_for(draw: Draw) -> None:
    (pair,) = make_pairs(draw(0), PatchSpec(2, halo_px=6, degradation="cv2"))
    assert np.array_equal(pair.bicubic, upscale_bicubic(cv2_bicubic(pair.truth, 2), 2))


CAMERA = PatchSpec(2, halo_px=6, degradation="camera")


def inputs(pairs: Iterable[Pair]) -> list[bytes]:
    return [pair.bicubic.tobytes() for pair in pairs]


def test_a_random_degradation_is_drawn_several_times_for_each_size(draw: Draw) -> None:
    pairs = list(make_pairs(draw(0, 400, 500), CAMERA))
    assert [pair.truth.shape for pair in pairs] == [(200, 250)] * 4 + [(260, 324)] * 4
    assert all(pair.truth is pairs[0].truth for pair in pairs[:4]), "one truth, not four copies of it"
    assert len(set(inputs(pairs))) == 8
    assert len(list(make_pairs(draw(0), replace(CAMERA, draws=7)))) == 7


@pytest.mark.parametrize("degradation", ["bicubic", "cv2"])
def test_a_degradation_without_chance_is_done_once(draw: Draw, degradation: str) -> None:
    assert len(list(make_pairs(draw(0), PatchSpec(2, halo_px=6, degradation=degradation)))) == 1


def test_what_is_drawn_hangs_on_the_seed_the_size_and_the_version(draw: Draw) -> None:
    luma = draw(0)
    assert inputs(make_pairs(luma, CAMERA, seed=(0, 3))) == inputs(make_pairs(luma, CAMERA, seed=(0, 3)))
    assert not {*inputs(make_pairs(luma, CAMERA, seed=(0, 3)))} & {*inputs(make_pairs(luma, CAMERA, seed=(0, 4)))}
    more = inputs(make_pairs(luma, replace(CAMERA, draws=6), seed=(0, 3)))
    assert more[:4] == inputs(make_pairs(luma, CAMERA, seed=(0, 3))), "a version is itself, however many follow"


def test_no_two_pairs_share_a_seed(draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        Image.fromarray(draw(number, 400, 400)).save(tmp_path / f"{number}.png")
    seeds: list[tuple[int, ...]] = []

    def degraded(name: str, plane: UInt8Array, scale: int, seed: tuple[int, ...]) -> UInt8Array:
        seeds.append(seed)
        return degrade(name, plane, scale, seed)

    monkeypatch.setattr("export.dataset.degrade", degraded)
    load_split([tmp_path], CAMERA)
    assert len(set(seeds)) == len(seeds) == 3 * 2 * 4


def test_a_whole_split_is_drawn_again_alike(pictures: Path) -> None:
    first, again, other = (load_split([pictures], CAMERA, seed=seed) for seed in (3, 3, 4))
    assert inputs(first.train) == inputs(again.train)
    assert inputs(first.held_out) == inputs(again.held_out)
    assert inputs(first.train) != inputs(other.train)


def test_pictures_of_one_scene_draw_faults_of_their_own(tmp_path: Path, draw: Draw) -> None:
    for number in range(3):
        Image.fromarray(draw(0)).save(tmp_path / f"{number}.png")
    split = load_split([tmp_path], CAMERA)
    assert len(set(inputs((*split.train, *split.held_out)))) == 2 * 4 + 1


def test_held_out_pictures_have_one_version_of_each_size(tmp_path: Path, draw: Draw) -> None:
    for number in range(4):
        Image.fromarray(draw(number, 400, 400)).save(tmp_path / f"{number}.png")
    split = load_split([tmp_path], CAMERA)
    assert [pair.truth.shape for pair in split.held_out] == [(200, 200), (260, 260)]
    assert len(split.train) == 3 * 2 * 4


@pytest.mark.parametrize("degradation", ["bicubic", "camera"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_input_and_truth_lie_on_top_of_each_other(draw: Draw, scale: int, degradation: str) -> None:
    pair, *_ = make_pairs(draw(5, 120, 120), PatchSpec(scale, halo_px=6, degradation=degradation))
    truth, blurred = pair.truth.astype(float)[8:-8, 8:-8], pair.bicubic.astype(float)

    def error(dy: int, dx: int) -> float:
        return float(np.mean((blurred[8 + dy : 112 + dy, 8 + dx : 112 + dx] - truth) ** 2))

    errors = {(dy, dx): error(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
    assert min(errors, key=lambda shift: errors[shift]) == (0, 0)


def test_pictures_that_hold_no_whole_patch_give_no_pair(draw: Draw) -> None:
    assert list(make_pairs(draw(0, 48, 47), SPEC)) == []
    assert len(list(make_pairs(draw(0, 48, 48), SPEC))) == 1
    wide = PatchSpec(2, halo_px=6, patch_px=64)  # 64 + 2 * 6 = 76
    assert list(make_pairs(draw(0, 75, 90), wide)) == []
    assert len(list(make_pairs(draw(0, 76, 90), wide))) == 1


# --- patches ---


def identity_pair(plane: UInt8Array) -> Pair:
    return Pair(bicubic=plane, truth=plane)


def test_a_patch_is_its_input_without_the_halo(draw: Draw) -> None:
    x, y = PatchSampler((identity_pair(draw(0)),), SPEC, batch=64).batch(0)
    assert x.shape == (64, 44, 44, 1)
    assert y.shape == (64, 32, 32, 1)
    assert x.dtype == y.dtype == np.float32
    assert np.array_equal(x[:, 6:-6, 6:-6], y), "input and truth are turned alike"


@pytest.mark.parametrize("halo_px", [0, 6, 8])
def test_a_network_of_any_halo_gets_its_context(draw: Draw, halo_px: int) -> None:
    spec = PatchSpec(2, halo_px, patch_px=16)
    x, y = PatchSampler((identity_pair(draw(0)),), spec, batch=8).batch(0)
    assert x.shape[1:] == (16 + 2 * halo_px, 16 + 2 * halo_px, 1)
    inner = slice(halo_px, halo_px + 16)
    assert np.array_equal(x[:, inner, inner], y)


def test_values_span_zero_to_one(draw: Draw) -> None:
    plane = draw(0)
    plane[::2], plane[1::2] = 0, 255
    x, y = PatchSampler((identity_pair(plane),), SPEC).batch(0)
    assert (x.min(), x.max(), y.min(), y.max()) == (0.0, 1.0, 0.0, 1.0)


def test_all_eight_symmetries_occur_and_nothing_else() -> None:
    # One place alone: a picture of the size of a window.
    window = np.random.default_rng(0).integers(0, 256, (44, 44), dtype=np.uint8)
    x, _ = PatchSampler((identity_pair(window),), SPEC, batch=200).batch(0)
    seen = {np.rint(patch[..., 0] * 255).astype(np.uint8).tobytes() for patch in x}
    turned = [np.rot90(plane, quarter) for plane in (window, window[:, ::-1]) for quarter in range(4)]
    assert seen == {plane.tobytes() for plane in turned}


def test_flat_patches_are_never_drawn() -> None:
    # Left half flat, right half a checkerboard of 100 and 156: standard deviation 28 there, 0 in flat places.
    y, x = np.indices((200, 200))
    plane = np.where(x < 100, 128, np.where((y + x) % 2 == 0, 100, 156)).astype(np.uint8)
    _, truth = PatchSampler((identity_pair(plane),), PatchSpec(2, halo_px=6), batch=256).batch(0)
    # The filter looks before the jitter of up to 7 pixels; 12 of 28 is a fifth of the patch at least.
    textured = np.mean(truth[..., 0] * 255 != 128, axis=(1, 2))
    assert textured.min() > 0.15


def test_patches_are_drawn_by_the_slope_of_their_truth() -> None:
    # Stripes of one contrast, 2 pixels wide on the left and 16 on the right: as textured, an eighth as steep.
    x = np.indices((88, 176))[1]
    plane = np.where(np.where(x < 88, x // 2, x // 16) % 2 == 0, 90, 160).astype(np.uint8)
    shares = {}
    for sampling in ("uniform", "gradient"):
        sampler = PatchSampler((identity_pair(plane),), replace(SPEC, sampling=sampling), batch=400)
        slopes = np.abs(np.diff(sampler.batch(0)[1][..., 0] * 255, axis=1)).mean(axis=(1, 2))
        slopes = np.maximum(slopes, np.abs(np.diff(sampler.batch(0)[1][..., 0] * 255, axis=2)).mean(axis=(1, 2)))
        shares[sampling] = float(np.mean(slopes > 20))
    assert shares["gradient"] > shares["uniform"] + 0.2
    assert np.array_equal(sampler.batch(1)[0], sampler.batch(1)[0])


def test_the_texture_threshold_is_in_grey_levels() -> None:
    def checkerboard(contrast: int) -> Pair:
        y, x = np.indices((64, 64))
        return identity_pair(np.where((y + x) % 2 == 0, 128 - contrast, 128 + contrast).astype(np.uint8))

    assert len(PatchSampler((checkerboard(13),), SPEC)) > 0  # standard deviation 13
    with pytest.raises(BadData, match="standard deviation of 12 or more: the pictures are flat"):
        PatchSampler((checkerboard(11),), SPEC)
    assert len(PatchSampler((checkerboard(11),), PatchSpec(2, halo_px=6, min_std=10))) > 0


def test_places_lie_on_a_grid_of_half_a_patch() -> None:
    y, x = np.indices((44 + 3 * 16, 44 + 16))
    plane = np.where((y + x) % 2 == 0, 60, 200).astype(np.uint8)
    assert len(PatchSampler((identity_pair(plane),), SPEC)) == 4 * 2


def test_batches_depend_on_the_seed_and_the_number_alone(draw: Draw) -> None:
    pairs = (identity_pair(draw(0)), identity_pair(draw(1)))

    def drawn(seed: int, n: int) -> bytes:
        return PatchSampler(pairs, SPEC, seed=seed).batch(n)[0].tobytes()

    assert drawn(0, 7) == drawn(0, 7)
    assert len({drawn(0, 7), drawn(0, 8), drawn(1, 7)}) == 3


def test_patches_come_from_every_picture() -> None:
    y, x = np.indices((64, 64))
    pairs = tuple(identity_pair(np.where((y + x) % 2 == 0, a, a + 40).astype(np.uint8)) for a in (0, 100, 200))
    _, truth = PatchSampler(pairs, SPEC).batch(0)
    assert set(np.rint(np.mean(truth * 255, axis=(1, 2, 3)))) == {20, 120, 220}


def test_places_are_jittered() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (44 + 16, 44 + 16), dtype=np.uint8)
    sampler = PatchSampler((identity_pair(noise),), SPEC, batch=200)
    x, _ = sampler.batch(0)
    assert len(sampler) == 4
    assert len({patch.tobytes() for patch in x}) > 4 * 8, "four places in eight symmetries would be all"


# --- crops for judging ---


def test_centre_crops_are_central_and_fit(draw: Draw) -> None:
    plane = draw(0, 180, 200)
    x, y = centre_crops((identity_pair(plane),), halo_px=6)
    assert (x.shape, y.shape) == ((1, 140, 140, 1), (1, 128, 128, 1))
    assert np.array_equal(np.rint(x[0, ..., 0] * 255), plane[20:160, 30:170])
    assert np.array_equal(x[:, 6:-6, 6:-6], y)
    assert y.max() <= 1.0


def test_the_smallest_picture_sets_the_size_of_the_crops(draw: Draw) -> None:
    x, y = centre_crops((identity_pair(draw(0)), identity_pair(draw(1, 60, 90))), halo_px=6)
    assert (x.shape, y.shape) == ((2, 60, 60, 1), (2, 48, 48, 1))


# --- without --data ---


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was tried")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield


@pytest.mark.usefixtures("no_network")
def test_scikit_image_brings_photographs_without_a_network() -> None:
    found = builtin_photographs()
    assert len(found) >= 6
    assert all(path.is_file() for path in found)
    assert {"astronaut.png", "coffee.png", "chelsea.png"} <= {path.name for path in found}


@pytest.mark.usefixtures("no_network")
def test_without_folders_those_photographs_are_the_data() -> None:
    split = load_split([], PatchSpec(3, halo_px=6))
    assert split.n_pictures == len(builtin_photographs())
    assert split.skipped == ()
    assert len(PatchSampler(split.train, PatchSpec(3, halo_px=6))) > 1000


def test_without_scikit_image_the_message_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "skimage":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unavailable, match=r"pip install 'edge-srcnn\[export\]'"):
        builtin_photographs()


def test_a_scikit_image_without_photographs_asks_for_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import skimage

    monkeypatch.setattr(skimage, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(NoInput, match="give --data DIR"):
        builtin_photographs()

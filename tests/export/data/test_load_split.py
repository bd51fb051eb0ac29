"""Folders of pictures: what is read, what is left out, and what is held out of the training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.errors import BadData, NoInput
from edge_srcnn.imaging.luma import UInt8Array, luma_full_range, luma_studio_range
from export.data.pairs import Split, load_split
from export.data.patch_spec import PatchSpec

Draw = Callable[..., UInt8Array]

SPEC = PatchSpec(scale=2, halo_px=6)


def hr_planes(split: Split) -> list[bytes]:
    return [pair.hr.tobytes() for pair in (*split.train, *split.held_out)]


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
    assert len(set(hr_planes(split))) == 4, "else a held-out picture would be trained on"


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


def test_one_picture_is_too_few_to_train_and_to_evaluate(tmp_path: Path, draw: Draw) -> None:
    Image.fromarray(draw(0)).save(tmp_path / "only.png")
    with pytest.raises(BadData, match="1 usable pictures of 1; training needs 2"):
        load_split([tmp_path], SPEC)


# --- what is held out ---


def test_the_same_seed_gives_the_same_split_and_another_one_another(pictures: Path) -> None:
    assert hr_planes(load_split([pictures], SPEC, seed=3)) == hr_planes(load_split([pictures], SPEC, seed=3))
    assert hr_planes(load_split([pictures], SPEC, seed=3)) != hr_planes(load_split([pictures], SPEC, seed=4))


@pytest.mark.parametrize(("share", "n"), [(0.06, 1), (0.0, 1), (0.25, 5), (0.5, 10)])
def test_the_held_out_share_is_kept_and_is_one_picture_at_least(tmp_path: Path, share: float, n: int) -> None:
    for number in range(20):
        Image.fromarray(numbered(50, 50, number)).save(tmp_path / f"{number}.png")
    split = load_split([tmp_path], SPEC, held_out=share)
    assert (len(split.held_out), len(split.train)) == (n, 20 - n)


@pytest.mark.slow
def test_no_piece_of_a_held_out_picture_is_trained_on(tmp_path: Path) -> None:
    for number in range(12):  # large ones: each gives two pairs
        Image.fromarray(numbered(400, 400, number)).save(tmp_path / f"{number}.png")
    split = load_split([tmp_path], SPEC, held_out=0.25)
    trained, held_out = ({int(pair.hr[0, 0]) for pair in pairs} for pairs in (split.train, split.held_out))
    assert len(trained) == 9
    assert len(held_out) == 3
    assert trained.isdisjoint(held_out)
    assert (len(split.train), len(split.held_out)) == (18, 6)


def test_full_and_studio_range_alternate(tmp_path: Path) -> None:
    # White is 255 in full range (JFIF) and 235 in studio range (BT.601).
    for number in range(10):
        Image.new("RGB", (50, 50), "white").save(tmp_path / f"{number}.png")
    split = load_split([tmp_path], SPEC)
    whites = [int(pair.hr[0, 0]) for pair in (*split.held_out, *split.train)]
    assert whites == [235, 255] * 5


def test_colour_is_weighed_as_the_two_ranges_want_it(tmp_path: Path, draw: Draw) -> None:
    colour = np.stack([draw(seed, 64, 64) for seed in range(3)], axis=-1)
    for name in ("a.png", "b.png"):
        Image.fromarray(colour).save(tmp_path / name)
    split = load_split([tmp_path], SPEC)
    assert np.array_equal(split.held_out[0].hr, luma_studio_range(colour))
    assert np.array_equal(split.train[0].hr, luma_full_range(colour))

"""Prepared pictures on the disk are those in memory; what is damaged or stale is made anew; a full disk is told."""

import json
import logging
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.errors import CannotWrite
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.spec import LUMA_PLANE
from export.data import pairs
from export.data.pair import Pair
from export.data.pairs import Split, load_split
from export.data.patch_spec import PatchSpec
from export.data.patches import PatchSampler
from export.data.plane_cache import PlaneCache
from export.training.train import fingerprint
from tests.export.trainings import PLAN, TINY

SPECS = {
    "bicubic plane": PatchSpec(scale=2, halo_px=6, patch_px=16),
    "luma plane": PatchSpec(scale=3, halo_px=2, patch_px=16, plane=LUMA_PLANE),
    "versions of one ground truth": PatchSpec(scale=2, halo_px=2, plane=LUMA_PLANE, degradation="camera", draws=2),
}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., UInt8Array]) -> Path:
    """Five pictures, one of them large enough to be shrunk, one too small, and one that is none."""
    folder = tmp_path_factory.mktemp("photographs")
    sizes = [(430, 500), (120, 140), (120, 130), (96, 100), (30, 30)]
    for number, size in enumerate(sizes):
        Image.fromarray(draw(number, *size)).save(folder / f"{number}.png")
    (folder / "broken.png").write_text("hello")
    return folder


def cached(folder: Path) -> PlaneCache:
    return PlaneCache(folder, above=0, is_kept=True)


def planes(split: Split) -> list[UInt8Array]:
    return [plane for pair in (*split.train, *split.held_out) for plane in (pair.plane, pair.hr, pair.base)]


def never(*_: object, **__: object) -> list[Pair]:
    pytest.fail("a picture was prepared again")


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_batches_and_fingerprint_are_those_from_memory(
    spec: PatchSpec, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = load_split([photographs], spec)
    written = load_split([photographs], spec, cache=cached(tmp_path))
    monkeypatch.setattr(pairs, "make_pairs", never)
    read = load_split([photographs], spec, cache=cached(tmp_path))
    for disk in (written, read):
        assert (disk.n_pictures, disk.skipped) == (memory.n_pictures, memory.skipped)
        for mine, its in zip(planes(disk), planes(memory), strict=True):
            assert np.array_equal(mine, its)
        for number in (0, 7):
            ours, theirs = (PatchSampler(split.train, spec, batch=8, seed=5).batch(number) for split in (disk, memory))
            assert [each.tobytes() for each in ours] == [each.tobytes() for each in theirs]
        assert fingerprint(TINY, spec, disk, PLAN, b"") == fingerprint(TINY, spec, memory, PLAN, b"")
    (data,) = tmp_path.glob("*.u8")
    if spec.versions == 1:  # else those of held-out pictures lie there too, and one of them is used
        assert data.stat().st_size == sum({id(plane): plane.nbytes for plane in planes(memory)}.values())


def test_few_pictures_stay_in_memory_and_many_go_to_the_disk(photographs: Path, tmp_path: Path) -> None:
    spec = SPECS["bicubic plane"]
    load_split([photographs], spec, cache=PlaneCache(tmp_path))
    assert not list(tmp_path.iterdir())
    total = sum({id(plane): plane.nbytes for plane in planes(load_split([photographs], spec))}.values())
    load_split([photographs], spec, cache=PlaneCache(tmp_path, above=total))
    assert not list(tmp_path.iterdir())
    load_split([photographs], spec, cache=PlaneCache(tmp_path, above=total - 1))
    assert {path.suffix for path in tmp_path.iterdir()} == {".u8", ".json"}


Damage = Callable[[Path, Path], None]


def flip_a_bit(data: Path, index: Path) -> None:
    pixels = bytearray(data.read_bytes())
    pixels[len(pixels) // 2] ^= 1
    data.write_bytes(pixels)


DAMAGE: dict[str, Damage] = {
    "a bit": flip_a_bit,
    "the end": lambda data, index: os.truncate(data, data.stat().st_size - 1),
    "no planes": lambda data, index: data.unlink(),
    "nothing in it": lambda data, index: data.write_bytes(b"") and None,
    "no JSON": lambda data, index: index.write_text("{") and None,
    "another JSON": lambda data, index: index.write_text("[1]") and None,
    "no digest": lambda data, index: index.write_text(json.dumps({"planes": []})) and None,
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cache_is_told_and_made_again(
    damage: Damage, photographs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = SPECS["luma plane"]
    first = load_split([photographs], spec, cache=cached(tmp_path))
    whole = [plane.copy() for plane in planes(first)]
    (data,), (index,) = tmp_path.glob("*.u8"), tmp_path.glob("*.json")
    kept = data.read_bytes()
    del first
    damage(data, index)
    with caplog.at_level(logging.WARNING):
        again = load_split([photographs], spec, cache=cached(tmp_path))
    assert "the pictures are prepared again" in caplog.text
    assert data.read_bytes() == kept
    for mine, its in zip(planes(again), whole, strict=True):
        assert np.array_equal(mine, its)


@pytest.mark.parametrize("change", ["picture", "seed", "scale"])
def test_what_changes_the_pictures_makes_another_cache(change: str, photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    shutil.copytree(photographs, folder)
    spec, cache = SPECS["luma plane"], PlaneCache(tmp_path / "out", above=0)
    load_split([folder], spec, cache=cache)
    before = {path.name for path in cache.folder.iterdir()}
    if change == "picture":
        Image.fromarray(np.full((120, 140), 9, np.uint8)).save(folder / "1.png")
    other = replace(spec, scale=2) if change == "scale" else spec
    split = load_split([folder], other, seed=change == "seed", cache=cache)
    after = {path.name for path in cache.folder.iterdir()}
    assert len(after) == 2
    assert not before & after, "what nobody needs any more is removed from the output folder"
    for mine, its in zip(planes(split), planes(load_split([folder], other, seed=change == "seed")), strict=True):
        assert np.array_equal(mine, its)


def test_a_folder_of_the_users_keeps_every_cache_and_drop_leaves_it(photographs: Path, tmp_path: Path) -> None:
    for scale in (2, 3):
        load_split([photographs], replace(SPECS["luma plane"], scale=scale), cache=cached(tmp_path))
    cached(tmp_path).drop()
    assert len(list(tmp_path.glob("*.u8"))) == 2
    (tmp_path / "planes-and-trees.txt").write_text("not ours")
    PlaneCache(tmp_path).drop()
    assert [path.name for path in tmp_path.iterdir()] == ["planes-and-trees.txt"]


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_leaves_nothing(photographs: Path, tmp_path: Path) -> None:
    with no_file_above(100_000), pytest.raises(CannotWrite, match=r"planes-\w+\.u8: cannot be written \(.+\)"):
        load_split([photographs], SPECS["luma plane"], cache=cached(tmp_path))
    assert not list(tmp_path.iterdir())


GROWTH = """
import sys
from pathlib import Path
from edge_srcnn.system.memory import return_free_memory
from export.architectures import find_architecture
from export.data.pairs import load_split
from export.data.patch_spec import patch_spec
from export.data.patches import PatchSampler
from export.data.plane_cache import PlaneCache

def anonymous():
    return_free_memory()  # what is taken next would fill it, unseen: 30 MB where modules had to be compiled
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon")) * 1024

spec = patch_spec(find_architecture("fast-s", 2))
cache = PlaneCache(Path(sys.argv[2]), above=0, is_kept=True) if sys.argv[2] else None
load_split([Path(sys.argv[3])], spec)  # what decoders and arithmetic take once
before = anonymous()
split = load_split([Path(sys.argv[1])], spec, cache=cache)
sampler = PatchSampler(split.train, spec)
sampler.batch(0)
print(anonymous() - before, sum({id(p): p.nbytes for pair in split.train for p in (pair.hr, pair.plane)}.values()))
"""


@pytest.mark.slow
def test_mapped_pictures_take_hardly_any_memory(tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    for folder, count in ((few, 2), (many, 10)):
        folder.mkdir()
        for number in range(count):
            noise = np.random.default_rng(number).integers(0, 256, (1000, 1600), dtype=np.uint8)
            Image.fromarray(noise).save(folder / f"{number}.png", compress_level=0)

    environment = os.environ | {"MALLOC_ARENA_MAX": "1"}

    def growth(cache: str) -> tuple[int, int]:
        words = [sys.executable, "-c", GROWTH, str(many), cache, str(few)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=200)
        grown, planes_bytes = map(int, done.stdout.split())
        return grown, planes_bytes

    in_memory, size = growth("")
    mapped, _ = growth(str(tmp_path / "cache"))
    assert in_memory > size > 10_000_000
    assert mapped < size / 3

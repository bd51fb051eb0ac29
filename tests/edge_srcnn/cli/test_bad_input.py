"""Bad input: the right exit status, one line for each file that failed, and nothing half-written."""

import os
import resource
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.engine.backends import INTERPRETERS, backend_named
from tests.edge_srcnn.cli.rights import without_override

pytestmark = pytest.mark.slow

USAGE, BAD_DATA, NO_INPUT, UNAVAILABLE, CANNOT_WRITE = 2, 65, 66, 69, 73  # sysexits.h, and argparse's 2
FAST = ("-e", "bicubic")


@pytest.fixture
def good(tmp_path: Path, texture) -> Path:
    Image.fromarray(texture(16, 12, 3)).save(tmp_path / "good.png")
    return tmp_path / "good.png"


@pytest.fixture
def fails(run_cli, tmp_path):
    """Run ``upscale``, which must fail with ``status``, one line, and no new file; gives the line."""

    def check(*arguments: object, status: int, **options) -> str:
        before = sorted(tmp_path.rglob("*"))
        done = run_cli("upscale", *arguments, **options)
        assert (done.returncode, done.stdout) == (status, ""), done.stderr
        assert done.stderr.startswith("edge-srcnn: ")
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr
        assert "bug of ours" not in done.stderr
        assert sorted(tmp_path.rglob("*")) == before
        return done.stderr

    return check


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG whose header promises more than there is (PNG specification, 5.3 and 11.2.2)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def test_a_truncated_jpeg(fails, tmp_path, texture):
    Image.fromarray(texture(64, 64, 3)).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:-500])
    assert "cut.jpg: damaged picture" in fails("cut.jpg", "-o", "out.png", *FAST, status=BAD_DATA)


def test_a_truncated_tiff_whose_library_would_talk(fails, tmp_path, texture):
    path = tmp_path / "cut.tif"
    Image.fromarray(texture(64, 64, 3)).save(path, compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    data[200:400] = bytes(200)
    path.write_bytes(data)
    fails("cut.tif", "-o", "out.png", *FAST, status=BAD_DATA)


def test_text_renamed_to_png(fails, tmp_path):
    (tmp_path / "text.png").write_text("This is no picture.\n")
    assert "not a picture" in fails("text.png", "-o", "out.png", *FAST, status=BAD_DATA)


def test_an_empty_file(fails, tmp_path):
    (tmp_path / "empty.png").touch()
    assert "empty" in fails("empty.png", "-o", "out.png", *FAST, status=BAD_DATA)


def test_a_header_that_claims_sixty_thousand_squared(fails, tmp_path):
    (tmp_path / "huge.png").write_bytes(png_that_claims(60_000, 60_000))
    assert "megapixels" in fails("huge.png", "-o", "out.png", *FAST, status=BAD_DATA)


def test_a_missing_file(fails):
    assert "none.png: no such file" in fails("none.png", "-o", "out.png", *FAST, status=NO_INPUT)


def test_a_missing_file_whose_result_exists(fails, good):
    assert "none.png: no such file" in fails("none.png", "-o", good.name, *FAST, status=NO_INPUT)


def test_a_missing_folder(fails):
    assert "none: no such file or folder" in fails("none/", "-o", "out", *FAST, status=NO_INPUT)


def test_an_empty_folder(fails, tmp_path):
    (tmp_path / "photos").mkdir()
    assert "no picture in it" in fails("photos", "-o", "out", *FAST, status=NO_INPUT)


def test_a_glob_that_matches_nothing(fails):
    assert "no picture or video matches" in fails("*.webp", "-o", "out", *FAST, status=NO_INPUT)


def test_a_dangling_link(fails, tmp_path):
    (tmp_path / "link.png").symlink_to("nowhere.png")
    fails("link.png", "-o", "out.png", *FAST, status=NO_INPUT)


def test_an_unreadable_file(fails, good):
    good.chmod(0)
    line = fails(good.name, "-o", "out.png", *FAST, status=NO_INPUT, preexec_fn=without_override)
    assert "cannot be read (Permission denied)" in line


@pytest.mark.parametrize("suffix", [".png", ".mp4"])
def test_a_file_in_an_unreadable_folder(fails, tmp_path, good, suffix):
    (tmp_path / "private").mkdir()
    shutil.move(good, tmp_path / "private" / f"good{suffix}")
    (tmp_path / "private").chmod(0)
    try:
        names = (f"private/good{suffix}", "-o", f"out{suffix}")
        done = fails(*names, *FAST, status=NO_INPUT, preexec_fn=without_override)
        assert "Permission denied" in done
    finally:
        (tmp_path / "private").chmod(0o700)


def test_an_output_folder_that_may_not_be_written(fails, tmp_path, good):
    (tmp_path / "locked").mkdir(mode=0o500)
    line = fails(good.name, "-o", "locked/new/out.png", *FAST, status=CANNOT_WRITE, preexec_fn=without_override)
    assert "Permission denied" in line


def test_a_name_that_is_too_long(fails, good):
    fails(f"{'x' * 300}.png", "-o", "out.png", *FAST, status=NO_INPUT)
    fails(good.name, "-o", f"{'x' * 300}.png", *FAST, status=CANNOT_WRITE)


def test_an_existing_output(fails, tmp_path, good):
    (tmp_path / "out.png").write_text("mine")
    assert "--overwrite" in fails(good.name, "-o", "out.png", *FAST, status=CANNOT_WRITE)
    assert (tmp_path / "out.png").read_text() == "mine"


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_full_disk(run_cli, tmp_path, small_disk, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    done = run_cli("upscale", "noise.png", "-o", small_disk / f"out.{suffix}", *FAST)
    assert (done.returncode, done.stdout) == (CANNOT_WRITE, "")
    assert done.stderr.count("\n") == 1
    assert list(small_disk.iterdir()) == []


@pytest.mark.skipif("COVERAGE_PROCESS_CONFIG" in os.environ, reason="coverage writes a file of its own at the end")
def test_a_file_larger_than_the_system_allows(fails, tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99, 3), dtype=np.uint8)).save(tmp_path / "noise.png")
    line = fails(
        *("noise.png", "-o", "out.png", *FAST),
        status=CANNOT_WRITE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert "cannot be written" in line


@pytest.mark.parametrize("place", [6000, -3000, -30], ids=["graph", "metadata", "seal"])
def test_a_damaged_model(fails, tmp_path, good, model_bytes, place):
    damaged = bytearray(model_bytes)
    damaged[place] ^= 0xFF
    (tmp_path / "mine.tflite").write_bytes(damaged)
    assert "copy it again" in fails(good.name, "-o", "out.png", "-m", "mine.tflite", status=BAD_DATA)


def test_a_truncated_model(fails, tmp_path, good, model_bytes):
    (tmp_path / "mine.tflite").write_bytes(model_bytes[:6000])
    assert "ends too early" in fails(good.name, "-o", "out.png", "-m", "mine.tflite", status=BAD_DATA)


def test_a_file_that_is_no_model(fails, good):
    assert "not a TFLite model" in fails(good.name, "-o", "out.png", "-m", good.name, status=BAD_DATA)


def test_an_unknown_model(fails, good):
    assert "srcnn-915-x2" in fails(good.name, "-o", "out.png", "-m", "srcnn-915-x9", status=NO_INPUT)


def test_an_unknown_engine(fails, good):
    assert "litert" in fails(good.name, "-o", "out.png", "-e", "onnx", status=USAGE)


def test_an_engine_that_is_not_installed(fails, good):
    missing = [name for name in INTERPRETERS if backend_named(name).version() is None]
    if not missing:
        pytest.skip("every engine is installed")
    assert "pip install" in fails(good.name, "-o", "out.png", "-e", missing[0], status=UNAVAILABLE)


@pytest.mark.parametrize("tile", ["256", "0x5", "²x3", ""])
def test_a_tile_that_is_none(fails, good, tile):
    assert "tile" in fails(good.name, "-o", "out.png", "--tile", tile, status=USAGE)


@pytest.mark.parametrize("scale", ["7", "0"])
def test_a_scale_without_a_model(fails, good, scale):
    line = fails(good.name, "-o", "out.png", "--scale", scale, status=USAGE)
    assert f"scale {scale}: the bundled models are for 1, 2, 3, 4" in line


def test_a_scale_that_the_model_does_not_have(fails, good):
    line = fails(good.name, "-o", "out.png", "--scale", "3", "-m", "srcnn-915-x2", status=USAGE)
    assert "leave one of the two out" in line


def test_a_format_that_cannot_be_written(fails, good):
    assert ".png" in fails(good.name, "-o", "out.tga", *FAST, status=USAGE)
    assert "png" in fails(good.name, "-o", "out", "--format", "tga", *FAST, status=USAGE)


def test_a_file_as_output_for_a_folder_of_pictures(fails, tmp_path, good):
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(good, tmp_path / "photos" / name)
    assert "name a folder" in fails("photos", "-o", good.name, *FAST, status=USAGE)


def test_two_pictures_with_one_result(fails, tmp_path, good):
    (tmp_path / "other").mkdir()
    shutil.copy(good, tmp_path / "other")
    assert "name them apart" in fails(good.name, "other", "-o", "out", *FAST, status=USAGE)


def test_a_result_that_would_replace_its_source(fails, good):
    before = good.read_bytes()
    assert "replace its source" in fails(good.name, "-o", ".", *FAST, "--overwrite", status=USAGE)
    assert "replace its source" in fails(good.name, "-o", good.name, *FAST, "--overwrite", status=USAGE)
    assert good.read_bytes() == before


def test_bad_pictures_do_not_stop_the_others_and_are_listed_at_the_end(run_cli, tmp_path, good):
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "c.png", "e.png"):
        shutil.copy(good, tmp_path / "photos" / name)
    (tmp_path / "photos/b.png").write_text("no picture")
    (tmp_path / "photos/d.png").touch()
    done = run_cli("upscale", "photos", "-o", "large", *FAST)
    assert done.returncode == BAD_DATA
    assert [line.split(" ")[0] for line in done.stdout.splitlines()] == ["photos/a.png", "photos/c.png", "photos/e.png"]
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == [
        "photos/b.png",
        "photos/d.png",
        "2 of 5 pictures failed; the others are written",
    ]
    assert sorted(path.name for path in (tmp_path / "large").iterdir()) == ["a.png", "c.png", "e.png"]


def test_failures_of_different_kinds_are_bad_data_together(run_cli, tmp_path, good):
    (tmp_path / "text.png").write_text("no picture")
    done = run_cli("upscale", "text.png", "none.png", good.name, "-o", "large", *FAST)
    assert done.returncode == BAD_DATA
    assert done.stderr.count("\n") == 3
    assert (tmp_path / "large" / "good.png").is_file()

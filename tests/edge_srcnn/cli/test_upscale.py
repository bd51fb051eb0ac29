"""Pictures in, larger pictures out, as a user calls it."""

import os
import resource
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.sources.images import read_picture
from edge_srcnn.upscaler import load_model


@pytest.fixture
def photos(tmp_path: Path, texture) -> Path:
    for number, name in enumerate(("a.png", "b.bmp", "deep/c.webp")):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(texture(12, 16, 3, seed=number)).save(path, **({"lossless": True} if number == 2 else {}))
    return tmp_path / "photos"


@pytest.mark.slow
def test_a_picture_becomes_the_one_that_the_api_computes(run_cli, tmp_path, photos):
    done = run_cli("upscale", "photos/a.png", "-o", "large.png", "--scale", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("photos/a.png 16x12 -> large.png 48x36 (")
    with load_model(scale=3) as upscaler:
        expected = upscaler.upscale(np.asarray(Image.open(photos / "a.png")))
    assert (read_picture(tmp_path / "large.png").pixels == expected).all()


@pytest.mark.slow
def test_a_folder_becomes_a_folder_of_the_same_structure(run_cli, tmp_path, photos):
    done = run_cli("upscale", "photos", "-o", "large", "--format", "png", "--quiet", "-e", "bicubic")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for name in ("a.png", "b.png", "deep/c.png"):
        assert read_picture(tmp_path / "large" / name).pixels.shape == (24, 32, 3)


@pytest.mark.slow
def test_files_and_globs_may_be_mixed(run_cli, tmp_path, photos):
    done = run_cli("upscale", "photos/a.png", "photos/deep/*.webp", "photos/*.bmp", "-o", "large", "-e", "bicubic")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "large").iterdir()) == ["a.png", "b.bmp", "c.webp"]
    assert done.stdout.count("\n") == 3


@pytest.mark.slow
def test_tiny_pictures_work(run_cli, tmp_path, texture):
    Image.fromarray(texture(1, 1, 3)).save(tmp_path / "1x1.png")
    Image.fromarray(texture(2, 3, 3)).save(tmp_path / "3x2.png")
    done = run_cli("upscale", "1x1.png", "3x2.png", "-o", "large", "-s", "4")
    assert (done.returncode, done.stderr) == (0, "")
    assert read_picture(tmp_path / "large/1x1.png").pixels.shape == (4, 4, 3)
    assert read_picture(tmp_path / "large/3x2.png").pixels.shape == (8, 12, 3)


@pytest.mark.slow
def test_options_reach_the_network_and_the_encoder(run_cli, tmp_path, photos, model_bytes):
    (tmp_path / "mine.tflite").write_bytes(model_bytes)
    done = run_cli(
        *("upscale", "photos/a.png", "-o", "out.webp", "--model", "mine.tflite", "--lossless"),
        *("--threads", "1", "--tile", "7x640"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    with load_model("srcnn-915-x2") as upscaler:
        expected = upscaler.upscale(np.asarray(Image.open(photos / "a.png")))
    assert (read_picture(tmp_path / "out.webp").pixels == expected).all()


@pytest.mark.slow
def test_overwriting_replaces_and_quality_reaches_the_encoder(run_cli, tmp_path, photos):
    (tmp_path / "out.jpg").write_text("mine")
    done = run_cli("upscale", "photos/a.png", "-o", "out.jpg", "-e", "bicubic", "--overwrite", "-q", "100")
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.size == (32, 24)
        # quality 100 divides by 1 everywhere (libjpeg: scale factor 0)
        assert {step for table in image.quantization.values() for step in table} == {1}


@pytest.mark.slow
def test_metadata_goes_from_file_to_file(run_cli, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"  # orientation: turn right; maker
    Image.new("RGB", (6, 4), (9, 99, 199)).save(tmp_path / "in.jpg", exif=exif, icc_profile=b"profile", dpi=(300, 300))
    assert run_cli("upscale", "in.jpg", "-o", "out.png", "-e", "bicubic").returncode == 0
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (8, 12)
        assert image.info["icc_profile"] == b"profile"
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.02)
        assert dict(image.getexif()) == {0x010F: "Maker"}


@pytest.mark.slow
def test_file_names_that_are_no_text_are_served(run_cli, tmp_path):
    source = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Image.new("L", (3, 3)).save(source)
    done = run_cli(
        *("upscale", os.fsdecode(source), "-o", "large", "-e", "bicubic"),
        extra_env={"PYTHONIOENCODING": "utf-8:strict"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(os.fsencode(tmp_path / "large")) == [b"caf\xe9.png"]


@pytest.mark.slow
def test_an_interrupt_leaves_whole_files_and_nothing_else(tmp_path, texture, cli_environment):
    (tmp_path / "many").mkdir()
    for number in range(150):
        Image.fromarray(texture(60, 80, 3, seed=number % 5)).save(tmp_path / "many" / f"{number:03}.png")
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_srcnn", "upscale", "many", "-o", "large", "-s", "4"],
        cwd=tmp_path,
        env=cli_environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with process:
        deadline = time.monotonic() + 60
        while len(list((tmp_path / "large").glob("*.png"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Traceback" not in errors
    finished = sorted((tmp_path / "large").iterdir())
    assert 3 <= len(finished) < 150
    assert [path.name for path in finished] == [f"{number:03}.png" for number in range(len(finished))]  # no .part
    for path in finished:
        assert read_picture(path).pixels.shape == (240, 320, 3)


@pytest.mark.skipif(not os.environ.get("EDGE_SRCNN_SLOW"), reason="takes minutes; set EDGE_SRCNN_SLOW=1")
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_fifty_megapixels_stay_below_one_and_a_half_gigabytes(run_cli, tmp_path, suffix):
    width, height = 8660, 5774
    random = np.random.default_rng(0)
    with Image.new("RGB", (width, height)) as picture:
        for top in range(0, height, 1000):
            rows = random.integers(0, 256, (min(1000, height - top), width // 4 + 1, 3), dtype=np.uint8)
            picture.paste(Image.fromarray(np.repeat(rows, 4, axis=1)[:, :width]), (0, top))
        picture.save(tmp_path / f"in{suffix}", compress_level=1)
    done = run_cli("upscale", f"in{suffix}", "-o", "out.png", "--compression", "1", timeout=1200)
    assert (done.returncode, done.stderr) == (0, "")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    header = (tmp_path / "out.png").read_bytes()[16:24]  # Pillow refuses to open 200 megapixels
    assert struct.unpack(">II", header) == (2 * width, 2 * height)
    assert peak < 1.5e9, f"{peak / 1e6:.0f} MB"

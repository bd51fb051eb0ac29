"""Pictures of 16 bits: nothing of them is lost, and what the network adds is what it adds to 8."""

import cv2
import numpy as np
import pytest
import tifffile

from edge_srcnn.batch.jobs import Job
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.luma import to_8_bits
from edge_srcnn.imaging.metrics import psnr
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.upscaler import Upscaler, load_model
from tests.edge_srcnn.sources.raw_files import png


@pytest.fixture(scope="module")
def upscaler():
    with load_model("fast-s-x2") as loaded:
        yield loaded


def test_a_ramp_keeps_its_levels(upscaler: Upscaler):
    """1,024 levels of 10 bits, which are no more than 256 of 8."""
    ramp = np.tile(np.arange(1024, dtype=np.uint16) * 64, (24, 1))
    result = upscaler.upscale(ramp)
    assert len(np.unique(result[16])) >= 1024
    assert (
        np.abs(result[16].astype(float) - np.interp((np.arange(2048) - 0.5) / 2, np.arange(1024), ramp[0])).max()
        <= 2 * 257
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_the_network_adds_to_16_bits_what_it_adds_to_8(upscaler: Upscaler, texture, channels):
    """16 bits that hold nothing but 8 (times 257): the result is that of 8 bits, but for bicubic's own rounding."""
    picture = texture(20, 30, None if channels == 1 else channels)
    deep = upscaler.upscale(picture.astype(np.uint16) * np.uint16(257))
    assert np.abs(deep / 257 - upscaler.upscale(picture)).max() <= 1.5


def test_16_bits_are_no_worse_than_8(upscaler: Upscaler, texture):
    scene = cv2.resize(texture(64, 80, 1), (160, 128), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    fine = np.clip(scene + np.linspace(-0.5, 0.5, 160, dtype=np.float32), 0, 255)
    small = cv2.resize(fine, (80, 64), interpolation=cv2.INTER_AREA)
    deep = upscaler.upscale(np.rint(small * 257).astype(np.uint16))
    shallow = upscaler.upscale(np.rint(small).astype(np.uint8))
    reference = np.rint(fine).astype(np.uint8)
    assert psnr(to_8_bits(deep), reference) >= psnr(shallow, reference) - 0.01


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_files_of_16_bits_become_files_of_16_bits(tmp_path, suffix, channels):
    shape = (9, 14) if channels == 1 else (9, 14, channels)
    picture = np.random.default_rng(channels).integers(0, 65536, shape, dtype=np.uint16)
    if channels in (2, 4):
        picture[..., -1] = 65535
    (tmp_path / "a.png").write_bytes(png(picture))
    with load_model(scale=2, engine="bicubic") as bicubic:
        job = Job(tmp_path / "a.png", tmp_path / f"b{suffix}")
        (outcome,) = run_jobs([job], bicubic, Encoding(), overwrite=False)
        expected = bicubic.upscale(picture)
    assert outcome.error is None
    if suffix == ".tif":
        written = tifffile.imread(job.target)
    else:
        written = cv2.imread(str(job.target), cv2.IMREAD_UNCHANGED)
        if channels > 1:
            written = written[..., [2, 1, 0, 3][: written.shape[2]]]
        if channels == 2:
            written = written[..., [0, 3]]
    assert written.dtype == np.uint16
    assert np.array_equal(written, expected)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp"])
def test_other_formats_get_8_bits_with_a_warning(tmp_path, suffix, caplog):
    picture = np.full((9, 14, 3), 257 * 100, np.uint16)
    (tmp_path / "a.png").write_bytes(png(picture))
    with load_model(scale=2, engine="bicubic") as bicubic:
        job = Job(tmp_path / "a.png", tmp_path / f"b{suffix}")
        (outcome,) = run_jobs([job], bicubic, Encoding(), overwrite=False)
    assert outcome.error is None
    assert [record.getMessage() for record in caplog.records] == [
        f"{job.target}: 16 bits a sample, reduced to 8 for {suffix[1:].upper().replace('JPG', 'JPEG')}"
    ]
    assert np.abs(cv2.imread(str(job.target)).astype(int) - 100).max() <= 1


def test_video_of_10_bits_is_no_worse_than_of_8(upscaler: Upscaler, texture):
    """A frame in levels of 10 bits beside the same one rounded to 8, both against what they were made of."""
    scene = cv2.resize(texture(64, 80, 1), (160, 128), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    fine = np.clip(scene + np.linspace(-0.5, 0.5, 160, dtype=np.float32), 16, 235)
    small = cv2.resize(fine, (80, 64), interpolation=cv2.INTER_AREA)
    deep_luma = (np.rint(small * 4) * 64).astype(np.uint16)
    deep = upscaler.upscale_frame(Frame(deep_luma, None, Colour(), 0, 0.0, 0.0)).luma / 256
    shallow = upscaler.upscale_frame(Frame(np.rint(small).astype(np.uint8), None, Colour(), 0, 0.0, 0.0)).luma
    errors = [np.mean((each.astype(np.float64) - fine) ** 2) for each in (deep, shallow)]
    assert errors[0] <= errors[1] * 1.002

"""What ``bench`` measures, as a table and as JSON, and what it refuses."""

import json
import re

import numpy as np
import pytest

from edge_srcnn.cli.options import read_option
from edge_srcnn.engine.backends import INTERPRETERS, backend_named
from edge_srcnn.errors import UsageError
from edge_srcnn.models.bundled import find_model
from edge_srcnn.uri import frame_size
from tests.edge_srcnn.noise import SIGMA, NoisyScene

pytestmark = pytest.mark.slow

SMALL = ("--size", "64x48", "--seconds", "0.1")
USAGE, NO_INPUT, UNAVAILABLE = 2, 66, 69  # sysexits.h, and argparse's 2

BAD = [
    (("--size", "abc"), USAGE, "--size abc"),
    (("--size", "0x5"), USAGE, "--size"),
    (("--block", "3"), USAGE, "block '3'"),
    (("--block", "2x4-3x3"), USAGE, "block 2x4-3x3"),
    (("--tile", "x"), USAGE, "tile 'x'"),
    (("--threads", str(1 << 31)), USAGE, "threads"),
    (("--engine", "bicubic"), USAGE, "no network"),
    (("--engine", "edgetpu"), USAGE, "process of its own"),
    (("--engine", "onnx"), USAGE, "onnx"),
    (("--model", "srcnn-915-x9"), NO_INPUT, "srcnn-915-x2"),
    (("--scale", "7"), USAGE, "scale 7"),  # as upscale has it
]
"""Arguments, exit status, and what the one line says."""


@pytest.fixture
def fails(run_cli, tmp_path):
    """Run ``bench``, which must fail with ``status``, one line, and no new file; gives the line."""

    def check(*arguments: object, status: int, **options) -> str:
        before = sorted(tmp_path.rglob("*"))
        done = run_cli("bench", *arguments, **options)
        assert (done.returncode, done.stdout) == (status, ""), done.stderr[:1000]
        assert done.stderr.startswith("edge-srcnn: ")
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr
        assert "bug of ours" not in done.stderr
        assert sorted(tmp_path.rglob("*")) == before
        return done.stderr

    return check


def test_the_json_document_tells_all_that_was_measured(run_cli):
    done = run_cli("bench", *SMALL, "--json", "--block", "2x4-4x4", "--tile", "40x56", "--threads", "1")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["size"] == [64, 48]
    assert document["output"] == [128, 96]
    assert document["setting"]["block"] == "2x4-4x4"
    assert document["setting"]["tile"] == [40, 56]
    assert document["setting"]["threads"] == 1
    assert document["identical"] is True
    assert min(document[name] for name in ("plain_ms", "packed_ms", "frame_ms", "ceiling_gmacs", "gmacs")) > 0
    assert document["temporal_ms"] > 0 and document["temporal_ratio"] > 0
    assert document["ratio"] == pytest.approx(document["plain_ms"] / document["packed_ms"])
    assert document["ceiling_fraction"] == pytest.approx(document["gmacs"] / document["ceiling_gmacs"])
    assert list(document["stages"]) == ["resize", "pack", "invoke", "unpack"]
    assert 0 < document["around_invoke"] < 1
    assert document["model"] == f"{find_model('auto', 2).stem} int8"
    assert document["processor"]
    assert document["reuse"] is None


def test_the_table_tells_it_to_people(run_cli):
    done = run_cli("bench", *SMALL, "--scale", "3", "--block", "1x1", "--tile", "whole", "--threads", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{find_model('auto', 3).stem} int8" in done.stdout
    assert "64x48 -> 192x144, block 1x1, tile whole, 2 threads" in done.stdout
    for row in ("plain", "packed", "ceiling", "resize", "pack", "invoke", "unpack", "whole frame"):
        assert re.search(rf"^{row}\b.* \d", done.stdout, re.MULTILINE), row
    assert "the same bytes" in done.stdout
    assert re.search(r"^\d+\.\d frames/s\b", done.stdout, re.MULTILINE)
    assert "Lanczos" not in done.stdout
    assert "reuse" not in done.stdout


def test_other_ways_and_still_pictures_when_they_are_asked_for(run_cli):
    done = run_cli("bench", *SMALL, "--compare", "--reuse")
    assert (done.returncode, done.stderr) == (0, "")
    for row in ("int8 TFLite, plain", "float32 TFLite", r"bicubic \(cv2\)", r"Lanczos \(cv2\)"):
        assert re.search(rf"^{row} +\d", done.stdout, re.MULTILINE), row
    assert re.search(r"^still picture +\d.* 100%$", done.stdout, re.MULTILINE)
    assert re.search(r"^a tenth changed +\d.* \d+%$", done.stdout, re.MULTILINE)


def test_the_smallest_frame_is_measured_too(run_cli):
    done = run_cli("bench", "--size", "1x1", "--seconds", "0.1", "--reuse", "--compare", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["identical"] is True
    assert set(document["others"]) == {"float32 TFLite", "bicubic (cv2)", "Lanczos (cv2)", "edge-srcnn, isolated"}
    assert document["reuse"]["still_tiles_reused"] == 1


def test_the_whole_way_from_a_video_to_a_viewer_is_measured_when_it_is_asked_for(run_cli):
    source = ("--source", "test:size=64x48,fps=max,frames=30")
    done = run_cli("bench", *SMALL, *source)
    assert (done.returncode, done.stderr) == (0, "")
    for row in ("engine alone", "source to null:", "source to one viewer"):
        assert re.search(rf"^{row} +\d.* \d+%$", done.stdout, re.MULTILINE), row
    found = json.loads(run_cli("bench", *SMALL, *source, "--json").stdout)["throughput"]
    assert min(found["engine"], found["null"], found["http"]) > 0
    assert found["http_share"] == pytest.approx(found["http"] / found["engine"])


def test_noise_and_stillness_of_a_source_that_is_averaged_are_told(run_cli, tmp_path):
    pytest.importorskip("av")
    from tests.edge_srcnn.clips import encode

    scene, grey = NoisyScene(), np.full((48, 64), 128, np.uint8)
    encode(tmp_path / "noisy.mkv", ((scene.luma(), grey, grey) for _ in range(60)), tags=(2, 2, 2, 2))
    done = run_cli("bench", *SMALL, "--reuse", "--source", "noisy.mkv?temporal=auto", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)["throughput"]
    assert found["noise"] == pytest.approx(SIGMA, rel=0.2)
    assert found["still_share"] > 0.1
    said = run_cli("bench", *SMALL, "--reuse", "--source", "noisy.mkv?temporal=auto").stdout
    assert re.search(r"^noise \d\.\d, \d+ % still$", said, re.MULTILINE)


def test_each_engine_can_be_asked_for(run_cli, engine):
    done = run_cli("bench", *SMALL, "--engine", engine, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["engine"].startswith(engine)
    assert document["identical"] is True


def test_a_model_may_be_a_file(run_cli, tmp_path, model_bytes):
    (tmp_path / "mine.tflite").write_bytes(model_bytes)
    done = run_cli("bench", *SMALL, "--model", "mine.tflite", "--json")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("arguments", "status", "says"), BAD, ids=lambda value: str(value)[:30])
def test_what_makes_no_sense_ends_in_one_line(fails, arguments, status, says):
    assert says in fails(*arguments, status=status)


@pytest.mark.parametrize(
    "arguments", [("--threads", "0"), ("--threads", "two"), ("--seconds", "0"), ("--seconds", "nan")], ids=" ".join
)
def test_what_the_parser_refuses_is_a_usage_error_without_a_traceback(run_cli, arguments):
    done = run_cli("bench", *arguments)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert "Usage:" in done.stderr
    assert arguments[0] in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "size"), [("640x480", (640, 480)), ("1X2", (1, 2)), ("16384x1", (16384, 1)), ("007x3", (7, 3))]
)
def test_a_size_is_width_x_height(text, size):
    assert read_option("--size", text, frame_size) == size


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "64", "64x", "x48", "64x48x3", "64 x 48", "²x5", "٣x5", "-5x5", "6.4x48", "1e3x48"),
        *("0x5", "5x0", "16385x5", "5x16385", "9" * 400 + "x5", "9" * 5000 + "x5"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_size_is_a_usage_error(text):
    with pytest.raises(UsageError, match="--size"):
        read_option("--size", text, frame_size)


def test_a_damaged_model(fails, tmp_path, model_bytes):
    (tmp_path / "mine.tflite").write_bytes(model_bytes[:6000])
    assert "ends too early" in fails("--model", "mine.tflite", status=65)


def test_an_engine_that_is_not_installed(fails):
    missing = [name for name in INTERPRETERS if backend_named(name).version() is None]
    if not missing:
        pytest.skip("every engine is installed")
    assert "pip install" in fails("--engine", missing[0], status=UNAVAILABLE)

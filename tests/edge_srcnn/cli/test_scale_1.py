"""``--scale 1`` at the command line: the same size, other words, the models that clean; all are of the tests."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.engine.strength import Strength
from edge_srcnn.imaging.luma import luma_full_range
from edge_srcnn.imaging.metrics import psnr
from edge_srcnn.measure.demonstration import GAP, JPEG_QUALITY, LABEL_ROWS, NOISE_LEVELS
from edge_srcnn.models.file import read_model
from edge_srcnn.sources.images import read_picture
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.bundles import environment_of
from tests.edge_srcnn.cleaning import adding, cleaning_model, make_cleaning_bundle, write_model

pytestmark = pytest.mark.slow

BEST = "fast-m-x1-camera"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_cleaning_bundle(tmp_path_factory.mktemp("cleaning") / "models")


@pytest.fixture
def run(run_cli, bundle, tmp_path_factory):
    """Run a command where the models of ``bundle`` are those that are bundled."""
    environment = environment_of(bundle, tmp_path_factory.mktemp("site"))
    return lambda *arguments: run_cli(*arguments, extra_env=environment)


@pytest.fixture
def brighter(tmp_path):
    """A model that adds 7 grey levels."""
    return write_model(tmp_path / "brighter.tflite", cleaning_model(adding(7)))


@pytest.fixture
def photo(tmp_path, texture):
    Image.fromarray(texture(60, 81, 3)).save(tmp_path / "photo.png", dpi=(300, 300))
    return tmp_path / "photo.png"


def test_auto_cleans_any_picture_by_the_best_model_for_cameras(run, bundle, photo, tmp_path):
    done = run("upscale", "photo.png", "-o", "clean.png", "--scale", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("photo.png 81x60 -> clean.png 81x60 (")
    with load_model(bundle / f"{BEST}.tflite") as upscaler:
        expected = upscaler.upscale(read_picture(photo).samples)
    assert (read_picture(tmp_path / "clean.png").pixels == expected).all()
    with Image.open(tmp_path / "clean.png") as clean:
        assert clean.info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_a_named_model_brings_its_scale_and_another_one_is_refused(run_cli, brighter, tmp_path):
    grey = np.full((9, 14), 100, np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    asked = ("upscale", "grey.png", "-o", "clean.png", "--overwrite", "--model", brighter)
    for options, expected in (("--strength=1", 107), ("--strength=1 --scale=1", 107), ("--scale=1", 100)):
        done = run_cli(*asked, *options.split())
        assert (done.returncode, done.stderr) == (0, "")
        assert (read_picture(tmp_path / "clean.png").pixels == expected).all()  # what is clean stays, unless asked for
    done = run_cli("upscale", "grey.png", "-o", "no.png", "--model", brighter, "--scale", "2")
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        [f"edge-srcnn: --scale 2: model {brighter} is for x1; leave one of the two out"],
    )
    done = run_cli("upscale", "grey.png", "-o", "no.png", "--model", "fast-s-x2", "--scale", "1")
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        ["edge-srcnn: --scale 1: model fast-s-x2 is for x2; leave one of the two out"],
    )
    assert not (tmp_path / "no.png").exists()


def test_a_stream_keeps_its_size_and_steps_between_the_models_that_clean(run, tmp_path):
    source = "test:size=63x47,fps=max,frames=10"
    done = run("run", "--source", source, "--sink", "y4m:out.y4m", "--scale", "1", "--json")
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    assert (state["size_in"], state["size_out"], state["model"]) == ([63, 47], [63, 47], BEST)
    assert (tmp_path / "out.y4m").read_bytes().startswith(b"YUV4MPEG2 W63 H47 ")
    live = run(
        "run", "--source", "test:size=64x48,fps=10", "--sink", "null:", "--scale", "1", "--seconds", "2", "--json"
    )
    assert live.returncode == 0, live.stderr
    assert json.loads(live.stdout)["ladder"]["models"] == ["fast-s-x1-camera", BEST]


def test_a_region_of_a_stream_is_cleaned_and_the_rest_stays(run_cli, brighter, tmp_path):
    for name, options in {
        "all.y4m": (),
        "part.y4m": ("--roi", "8,4,16,20"),
        "off.y4m": ("--engine", "bicubic"),
    }.items():
        source = ("run", "--source", "test:size=64x48,fps=max,frames=3", "--sink", f"y4m:{name}")
        assert run_cli(*source, "--model", brighter, "--strength", "1", *options).returncode == 0
    cleaned, part, plain = (_first_luma(tmp_path / f"{name}.y4m", 48, 64) for name in ("all", "part", "off"))
    assert (cleaned == np.minimum(plain.astype(int) + 7, 255)).all()
    expected = plain.copy()
    expected[4:24, 8:24] = cleaned[4:24, 8:24]
    assert (part == expected).all()


def _first_luma(path, height, width):
    data = path.read_bytes()
    begins = data.index(b"FRAME\n") + len(b"FRAME\n")
    return np.frombuffer(data, np.uint8, height * width, begins).reshape(height, width)


def test_models_tells_what_they_are_for(run):
    done = run("models", "--no-time")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf"^{BEST} +x1 +camera +32\.25 \+2\.25 ", done.stdout, re.MULTILINE)
    assert "and at x1 for all pictures" in done.stdout
    assert "x1: of pictures that a camera spoiled; over these." in " ".join(done.stdout.split())
    one = run("models", BEST).stdout
    assert re.search(r"^scale +x1 \(cleans, at the same size\)$", one, re.MULTILINE)
    assert re.search(r"^set5 camera +32\.25 \+2\.25 dB over input, SSIM 0\.8900$", one, re.MULTILINE)


def test_bench_times_filters_that_clean_beside_it(run):
    done = run("bench", "--scale", "1", "--size", "64x48", "--seconds", "0.1", "--compare", "--reuse", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["model"], found["size"], found["output"]) == (f"{BEST} int8", [64, 48], [64, 48])
    assert found["identical"] is True
    assert set(found["others"]) == {
        *("float32 TFLite", "bilateral filter (cv2)", "non-local means (cv2)", "edge-srcnn, isolated"),
    }
    assert found["reuse"]["still_tiles_reused"] == 1
    table = run("bench", "--scale", "1", "--size", "64x48", "--seconds", "0.1").stdout
    assert "64x48 -> 64x48, block" in table


def test_tune_finds_a_setting_for_the_models_that_clean(run):
    done = run("tune", "--scale", "1", "--size", "48x32", "--block", "8w-1x2", "--threads", "1", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    models = json.loads(done.stdout)["models"]
    assert [each["holds_for"] for each in models] == [["fast-s-x1-camera"], [BEST]]
    assert {(each["height"], each["width"]) for each in models} == {(32, 48)}
    run("tune", "--forget")


def test_demo_spoils_its_card_and_cleans_it(run_cli, brighter, tmp_path):
    done = run_cli("demo", "--scale", "1", "--model", brighter, "-o", "demo.png", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["input"] == told["output"] == [640, 480]
    shown = np.asarray(Image.open(tmp_path / "demo.png"))
    columns = [shown[LABEL_ROWS : LABEL_ROWS + 480, left : left + 640] for left in (0, 640 + GAP, 2 * (640 + GAP))]
    spoiled, cleaned, hr = (luma_full_range(column) for column in columns)
    assert told["spoiled"]["psnr"] == pytest.approx(psnr(spoiled, hr))
    assert told["edge-srcnn"]["psnr"] == pytest.approx(psnr(cleaned, hr))
    # noise of 6 levels alone would be 20 log10(255 / 6) = 32.6 dB; black and white cut it off, JPEG adds to it
    assert (NOISE_LEVELS, JPEG_QUALITY) == (6, 60)
    assert 29 < told["spoiled"]["psnr"] < 34
    strength = Strength().of_picture(spoiled, read_model(brighter).spec)
    assert strength > 0.5
    assert np.median(cleaned.astype(int) - spoiled) == round(7 * strength)
    lines = run_cli("demo", "--scale", "1", "--model", brighter, "-o", "demo.png").stdout.splitlines()
    assert [line.split()[0] for line in lines if " dB " in line] == ["spoiled", "edge-srcnn"]
    assert lines[-1] == f"spoiled | edge-srcnn | ground truth: {tmp_path / 'demo.png'}"


@pytest.mark.parametrize("suffix", ["png", "html"])
def test_compare_shows_the_picture_as_it_is_beside_what_cleans_it(run, photo, tmp_path, suffix):
    done = run("compare", photo, "-o", f"side.{suffix}", "--scale", "1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["input", "fast-s-x1-camera", BEST]
    assert lines[0].endswith("(no network)")
    if suffix == "html":
        page = (tmp_path / "side.html").read_text()
        assert "right.selectedIndex = 2;" in page
        assert "bicubic" not in page


def test_compare_needs_no_bundled_model_where_one_is_named(run_cli, photo, brighter, tmp_path):
    done = run_cli("compare", photo, "-o", "side.html", "--scale", "1", "--model", brighter)
    assert (done.returncode, done.stderr) == (0, "")
    assert "right.selectedIndex = 1;" in (tmp_path / "side.html").read_text()
    done = run_cli("compare", photo, "-o", "other.html", "--scale", "1", "--model", "fast-s-x2")
    assert (done.returncode, done.stderr) == (2, "edge-srcnn: fast-s-x2: is for x2, not x1; give --scale 2\n")


@pytest.mark.parametrize(
    "command", [["upscale", "photo.png", "-o", "no.png"], ["bench"], ["tune"], ["demo", "-o", "no.png"]]
)
def test_where_no_model_cleans_it_says_how_to_make_one(run_cli, camera_environment, photo, tmp_path, command):
    done = run_cli(*command, "--scale", "1", extra_env=camera_environment)
    assert (done.returncode, done.stdout) == (66, "")
    assert done.stderr == (
        "edge-srcnn: no model that cleans at scale 1 is bundled here: train one ('edge-srcnn export --arch fast-m"
        " --scale 1 --degradation camera'), and give it to --model\n"
    )
    assert not (tmp_path / "no.png").exists()

"""``edge-srcnn models`` in a process of its own: the table, the same as JSON, and one model's card."""

import json
import re
import shutil

import pytest

from edge_srcnn.engine.backends import backend_named
from edge_srcnn.models.bundled import bundled_models, find_model
from tests.edge_srcnn.bundles import CAMERA_MODEL, CARD, COMMAND, environment_of

pytestmark = pytest.mark.slow

NO_INPUT, BAD_DATA = 66, 65  # sysexits.h
NAMES = ["srcnn-915-x2", CAMERA_MODEL, "srcnn-915-x3", "srcnn-915-x4"]


@pytest.fixture
def run(run_cli, camera_environment):
    """``edge-srcnn models``, with a model for cameras among those that are bundled."""

    def start(*arguments, columns=120):
        return run_cli("models", *arguments, extra_env={**camera_environment, "COLUMNS": str(columns)})

    return start


@pytest.fixture
def run_slow(run_cli, camera_bundle, tmp_path_factory):
    """``edge-srcnn models`` on a machine that takes twelve seconds for the first frame."""
    slow = "from edge_srcnn.measure import model_table\nmodel_table.time_frame_ms = lambda *a, **options: 12345.6\n"
    environment = environment_of(camera_bundle, tmp_path_factory.mktemp("slow"), slow)

    def start(*arguments, columns=120):
        return run_cli("models", *arguments, extra_env={**environment, "COLUMNS": str(columns)})

    return start


def table(done):
    """The lines above the notes, without the blanks at their ends."""
    assert (done.returncode, done.stderr) == (0, "")
    return [line.rstrip() for line in done.stdout.partition("\n\n")[0].splitlines()]


def test_the_table_has_a_line_for_each_model_and_a_column_for_each_set(run, camera_bundle):
    head, *rows = table(run("--no-time"))
    assert re.split(" {2,}", head) == ["model", "scale", "for", "set5", "set14", "MAC/px", "kB"]
    cells = [re.split(" {2,}", row) for row in rows]
    assert [row[:3] for row in cells] == [
        ["srcnn-915-x2", "x2", "bicubic"],
        [CAMERA_MODEL, "x2", "camera"],
        ["srcnn-915-x3", "x3", "bicubic"],
        ["srcnn-915-x4", "x4", "bicubic"],
    ]
    assert cells[0][3:5] == ["36.51 +2.57", "32.38 +1.95"]
    assert cells[1][3:5] == ["29.25 +2.15", "–"]  # noqa: RUF001 - a dash, where it was not measured
    assert {row[5] for row in cells} == {"8,032"}
    sizes = [(camera_bundle / f"{name}.tflite").stat().st_size for name in NAMES]
    assert [float(row[6]) for row in cells] == pytest.approx([size / 1000 for size in sizes], abs=0.05)


def test_the_notes_say_what_the_columns_are_and_whose_the_training_pictures_were(run):
    done = run("--no-time")
    _, notes, licences = done.stdout.split("\n\n")
    assert "set5, set14: PSNR of luma in dB" in notes
    assert "ms:" not in notes
    assert f"{CAMERA_MODEL}: CC0 for cameras" in licences
    assert "srcnn-915-x2, srcnn-915-x3, srcnn-915-x4: CC0 for all" in licences


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(run_slow, columns):
    done = run_slow(columns=columns)
    lines = table(done)
    assert max(map(len, done.stdout.splitlines())) <= columns
    for name in NAMES:
        assert any(line.startswith(f"{name} ") for line in lines), name
    text = "\n".join(lines)
    for word in ("set5", "MAC/px", "36.51", "+2.57", "bicubic", "camera"):
        assert re.search(rf"(^|\s){re.escape(word)}(\s|$)", text), word


@pytest.mark.skipif(backend_named("litert").version() is None, reason="needs an interpreter")
def test_a_frame_is_timed_with_each_model(run, run_slow):
    document = json.loads(run("--json").stdout)
    assert document["timing"]["frame_px"] == [640, 480]
    assert document["timing"]["engine"].startswith("litert ")
    times = {model["name"]: model["frame_ms"] for model in document["models"]}
    assert list(times) == NAMES
    assert all(ms > 1 for ms in times.values()), times  # 8,032 multiplications for each of 1.2 million pixels
    assert times["srcnn-915-x4"] > times["srcnn-915-x2"], "four times the pixels"
    head, *rows = table(run_slow())
    assert head.endswith(" ms")
    # the first alone is measured; the others are expected to take as long for each pixel: 3^2 / 2^2 and 4^2 / 2^2
    assert [row.split(" ")[-1] for row in rows] == ["12,346", "~12,346", "~27,778", "~49,382"]


def test_json_has_everything_and_units_in_its_names(run, camera_bundle):
    done = run("--json", "--no-time")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["timing"] is None
    plain, camera, *_ = document["models"]
    assert (plain["name"], plain["scale"], plain["degradation"], plain["frame_ms"]) == (
        "srcnn-915-x2",
        2,
        "bicubic",
        None,
    )
    assert (plain["kernels_px"], plain["filters"], plain["macs_per_pixel"]) == ([9, 1, 5], [64, 32], 8032)
    assert plain["file_size_bytes"] == (camera_bundle / "srcnn-915-x2.tflite").stat().st_size
    assert [row["set"] for row in plain["quality"]] == ["set5", "set14"]
    (quality,) = camera["quality"]
    assert quality == {
        "set": "set5 camera",
        "bicubic_psnr_db": 27.1,
        "float32_psnr_db": 29.3,
        "psnr_db": 29.25,
        "gain_db": 2.15,
        "bicubic_ssim": 0.8,
        "float32_ssim": 0.85,
        "ssim": 0.849,
    }
    assert camera["training"] == {
        "data": ["a set"],
        "licence": "CC0 for cameras",
        "pictures": 7,
        "steps": 90,
        "minutes": 1.5,
        "seed": 0,
        "weights": None,
        "command": COMMAND,
        "held_out_psnr_db": None,
        "qat_steps": 0,
        "differs": None,
        "degradation": None,
    }


def test_what_is_shipped_is_listed(run_cli):
    done = run_cli("models", "--no-time")
    lines = table(done)
    for name in bundled_models():
        assert any(line.startswith(f"{name}  ") for line in lines), name


# ---- one model


def test_a_bundled_model_shows_its_card(run):
    done = run("srcnn-915-x3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == CARD


def test_a_model_without_a_card_tells_what_it_knows_of_itself(run):
    done = run(CAMERA_MODEL)
    assert (done.returncode, done.stderr) == (0, "")
    told = dict(re.split(" {2,}", line, maxsplit=1) for line in done.stdout.splitlines())
    assert (told["model"], told["scale"], told["for"]) == (CAMERA_MODEL, "x2", "camera pictures")
    assert told["set5 camera"].startswith("29.25 +2.15 dB")
    assert told["licence of those"] == "CC0 for cameras"
    assert told["train it again"] == COMMAND


def test_every_model_that_is_shipped_has_a_card(run_cli):
    for name, path in bundled_models().items():
        assert path.with_suffix(".md").read_text(encoding="utf-8").startswith(f"# {name}\n"), name
    assert run_cli("models", name).stdout == path.with_suffix(".md").read_text(encoding="utf-8")


def test_a_file_tells_what_it_is_even_beside_a_card(run, tmp_path, camera_bundle):
    for suffix in (".tflite", ".md"):
        shutil.copy(camera_bundle / f"srcnn-915-x3{suffix}", tmp_path / f"mine{suffix}")
    done = run("mine.tflite")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^file +mine\.tflite, 1[0-9]\.[0-9] kB$", done.stdout, re.MULTILINE)
    assert re.search(r"^trained on +42 pictures of kodak, holidays$", done.stdout, re.MULTILINE)
    assert re.search(r"^set14 +32\.38 \+1\.95 dB over bicubic, SSIM 0\.9010$", done.stdout, re.MULTILINE)
    assert "train it again" not in done.stdout, "it is not known"


def test_one_model_as_json(run):
    document = json.loads(run(CAMERA_MODEL, "--json").stdout)
    assert [(model["name"], model["training"]["command"]) for model in document["models"]] == [(CAMERA_MODEL, COMMAND)]


def test_an_unknown_name_lists_the_known_ones_and_guesses(run):
    done = run("srcnn-915-x2-camra")
    assert (done.returncode, done.stdout) == (NO_INPUT, "")
    assert done.stderr == (
        "edge-srcnn: srcnn-915-x2-camra: neither a file nor one of the bundled models "
        f"({', '.join(NAMES)}); did you mean {CAMERA_MODEL}?\n"
    )


def test_a_file_that_is_no_model_is_bad_data(run, tmp_path):
    (tmp_path / "mine.tflite").write_bytes(b"not a model")
    done = run("mine.tflite")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (BAD_DATA, "", 1)


# ---- the other commands


def test_upscale_takes_the_model_for_pictures_unless_another_is_named(run_cli, camera_environment):
    run_cli("demo", "-o", "card.png", extra_env=camera_environment)
    for options, model in (
        ((), "srcnn-915-x2"),
        (("--model", "auto"), "srcnn-915-x2"),
        (("-m", CAMERA_MODEL), CAMERA_MODEL),
    ):
        done = run_cli(
            "-v", "upscale", "card.png", "-o", "large.png", "--overwrite", *options, extra_env=camera_environment
        )
        assert done.returncode == 0, done.stderr
        assert f"INFO: model {model}, for " in done.stderr


def test_run_takes_the_model_for_cameras_from_a_network_camera_only(run_cli, camera_environment):
    pytest.importorskip("av")
    from tests.edge_srcnn.service.faulty_camera import FaultyCamera

    run_cli("run", "-i", "test:size=64x48,fps=max,frames=2", "-o", "frames/?format=png", "-e", "bicubic")
    with FaultyCamera() as camera:
        for source, options, model in (
            (camera.uri(), ("--seconds", "1"), CAMERA_MODEL),
            (camera.uri(), ("--seconds", "1", "--isolate"), CAMERA_MODEL),
            (camera.uri(), ("--seconds", "1", "--scale", "3"), "srcnn-915-x3"),
            ("test:size=64x48,fps=max,frames=5", (), "srcnn-915-x2"),
            ("frames/", (), "srcnn-915-x2"),
        ):
            done = run_cli("run", "-i", source, "-o", "null:", "--json", *options, extra_env=camera_environment)
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["model"] == model, (source, options)


def test_a_person_is_told_which_model_it_was(run_cli):
    done = run_cli("run", "-i", "test:size=64x48,fps=max,frames=5", "-o", "null:")
    assert done.stderr.splitlines()[0].endswith(f", {find_model('auto', 2).stem}")
    done = run_cli("run", "-i", "test:size=64x48,fps=max,frames=5", "-o", "null:", "-e", "bicubic")
    assert done.stderr.splitlines()[0].endswith(", bicubic")

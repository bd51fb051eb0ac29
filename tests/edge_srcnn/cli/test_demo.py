"""The demonstration as a user starts it."""

import json

import pytest

from edge_srcnn.sources.images import read_picture

pytestmark = pytest.mark.slow


def test_the_demonstration_writes_a_picture_and_tells_what_it_shows(run_cli, tmp_path):
    done = run_cli("demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path / "edge-srcnn-demo.png") in done.stdout
    assert done.stdout.startswith("test card 320x240 -> 640x480 in ")
    assert done.stdout.count(" dB") == 2
    # three pictures of 640 and two gaps of 8; caption 36, picture 480, gap 8, detail 480
    assert read_picture(tmp_path / "edge-srcnn-demo.png").pixels.shape == (1004, 1936, 3)


def test_as_json_it_is_one_document(run_cli, tmp_path):
    done = run_cli("demo", "--json", "-o", "new/card.png")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["picture"] == str(tmp_path / "new" / "card.png")
    assert (told["input"], told["output"]) == ([320, 240], [640, 480])
    assert told["edge-srcnn"]["psnr"] > told["bicubic"]["psnr"]
    assert told["milliseconds"] > 0
    assert told["engine"] in ("litert", "tflite", "tensorflow")
    assert (tmp_path / "new" / "card.png").is_file()


def test_the_bicubic_engine_needs_no_network(run_cli, tmp_path):
    done = run_cli("demo", "--json", "-e", "bicubic", "-s", "4", "-o", "card.png")
    told = json.loads(done.stdout)
    assert (done.returncode, told["engine"], told["model"]) == (0, "bicubic", "no network")
    assert told["edge-srcnn"] == told["bicubic"]
    assert told["input"] == [160, 120]


@pytest.mark.parametrize(
    ("options", "status"),
    [(["-s", "7"], 2), (["-m", "nowhere"], 66)],
)
def test_options_that_make_no_sense_end_in_one_line(run_cli, tmp_path, options, status):
    done = run_cli("demo", *options)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("edge-srcnn: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []

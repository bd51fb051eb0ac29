"""``edge-srcnn compare``: a picture by all models, as a sheet or as a page."""

import re

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.measure.comparison import Entry, names_for, page, sheet
from edge_srcnn.models.bundled import bundled_models

pytestmark = pytest.mark.slow


@pytest.fixture
def photo(tmp_path, texture):
    Image.fromarray(texture(60, 80, 3)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_all_models_of_a_scale_are_named_once_after_bicubic(scale):
    names = names_for(scale)
    assert names[0] == "bicubic"
    assert sorted(names[1:]) == sorted(name for name in bundled_models() if re.search(rf"-x{scale}\b", name))


def test_a_sheet_is_written_and_each_model_told_with_its_time(run_cli, photo, tmp_path):
    done = run_cli("compare", photo, "-o", tmp_path / "sheet.png", "--cut", "10,20,32,24")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == names_for(2)
    assert all(re.search(r"  [\d.e+]+ ms  \(", line) for line in lines[:-1])
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.width == 3 * 640 + 2 * 10


def test_a_sheet_shows_each_result_under_its_name():
    results = [Entry(str(n), "", 2, np.full((20, 30, 3), 40 * n, np.uint8), 1.0) for n in range(4)]
    picture = sheet(results)
    width = 30 * (640 // 30)
    for number in range(4):
        left, top = number % 3 * (width + 10), number // 3 * (20 * (640 // 30) + 34 + 10)
        assert (picture[top + 34 : top + 34 + 50, left : left + width] == 40 * number).all()


def test_a_page_holds_every_result_and_no_markup_of_a_name():
    results = [Entry(f"<b>{n}</b>", "", 2, np.full((20, 30, 3), n, np.uint8), 1.0) for n in range(3)]
    text = page(results, "<script>alert(1)</script>")
    assert text.count("data:image/png;base64,") == 3
    assert "<b>" not in text
    assert "<script>alert" not in text


@pytest.mark.parametrize(
    ("arguments", "says", "status"),
    [
        (["--cut", "1,2,3"], "--cut 1,2,3: give X,Y,W,H in pixels, or all", 2),
        (["--cut", "70,0,20,20"], "not inside of the picture, which has 80x60 pixels", 2),
        (["--model", "fast-s-x3"], "fast-s-x3: is for x3, not x2; give --scale 3", 2),
        (["--model", "fast-z-x2"], "neither a file nor one of the bundled models", 66),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line(run_cli, photo, tmp_path, arguments, says, status):
    done = run_cli("compare", photo, "-o", tmp_path / "sheet.png", *arguments)
    assert done.returncode == status
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "sheet.png").exists()


def test_a_result_that_is_there_is_kept(run_cli, photo, tmp_path):
    (tmp_path / "sheet.html").write_text("mine")
    done = run_cli("compare", photo, "-o", tmp_path / "sheet.html", "--model", "fast-s-x2")
    assert done.returncode == 73
    assert (tmp_path / "sheet.html").read_text() == "mine"
    done = run_cli(
        "compare", photo, "-o", tmp_path / "sheet.html", "--model", "fast-s-x2", "--overwrite", "--cut", "all"
    )
    assert done.returncode == 0
    assert "photo.png" in (tmp_path / "sheet.html").read_text()

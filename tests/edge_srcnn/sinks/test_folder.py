"""Folders of pictures: numbers go on after earlier runs, the oldest make room, colours are those of the frame."""

import re
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.errors import CannotWrite
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.sinks import Result, Stream, open_sink


def result_of(index, luma=None, time_s=None):
    luma = np.full((6, 8), index % 256, np.uint8) if luma is None else luma
    frame = Frame(luma, None, Colour(), index, index / 25 if time_s is None else time_s, 0.0)
    return Result(frame, frame, 2)


def write(name, results):
    sink = open_sink(name)
    sink.begin(Stream(None, None, None, lambda: None))
    for result in results:
        sink.write(result)
    sink.close()
    sink.close()
    return sink


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def levels(folder):
    return [int(np.asarray(Image.open(folder / name))[0, 0]) for name in names(folder)]


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
def test_each_frame_is_a_picture_whose_name_sorts(tmp_path, format):
    write(f"{tmp_path}/new/deep/?format={format}", map(result_of, range(12)))
    folder = tmp_path / "new/deep"
    found = names(folder)
    assert len(found) == 12
    assert {path.rsplit(".", 1)[1] for path in found} == {format}
    assert len({len(name) for name in found}) == 1
    shown = [int(np.asarray(Image.open(folder / name).convert("L"))[0, 0]) for name in found]
    assert shown == pytest.approx(list(range(12)), abs=2)


def test_png_has_the_frames_own_levels(tmp_path, texture):
    luma = texture(30, 40)
    write(f"{tmp_path}/?format=png", [result_of(0, luma)])
    assert (np.asarray(Image.open(tmp_path / names(tmp_path)[0])) == luma).all()


def test_numbers_go_on_after_earlier_runs(tmp_path):
    write(f"{tmp_path}/?format=png", map(result_of, range(3)))
    first = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    write(f"{tmp_path}/?format=png", map(result_of, range(100, 103)))
    assert all((tmp_path / name).read_bytes() == data for name, data in first.items())
    assert levels(tmp_path) == [0, 1, 2, 100, 101, 102]


def test_numbers_go_on_after_gaps_and_strangers(tmp_path):
    for name in ("00000007.png", "holiday.png", "12x.png"):
        Image.new("L", (2, 2)).save(tmp_path / name)
    (tmp_path / "00000099.txt").touch()
    write(f"{tmp_path}/?format=png", [result_of(5)])
    assert "00000008.png" in names(tmp_path)
    assert len(names(tmp_path)) == 5


def test_names_that_are_times(tmp_path):
    before = datetime.now()
    write(f"{tmp_path}/?format=png&names=time", map(result_of, range(4)))
    after = datetime.now()
    assert levels(tmp_path) == [0, 1, 2, 3]  # the names sort by time
    for name in names(tmp_path):
        assert re.fullmatch(r"\d{8}-\d{6}-\d{6}\.png", name)
        assert before <= datetime.strptime(name, "%Y%m%d-%H%M%S-%f.png") <= after


def test_the_oldest_make_room(tmp_path):
    sink = open_sink(f"{tmp_path}/?format=png&keep=3")
    for index in range(10):
        sink.write(result_of(index))
        assert len(names(tmp_path)) == min(index + 1, 3)
    assert levels(tmp_path) == [7, 8, 9]


def test_pictures_of_earlier_runs_make_room_those_of_others_do_not(tmp_path):
    write(f"{tmp_path}/?format=png", map(result_of, range(3)))
    for name in ("holiday.png", "2026.png"):
        Image.new("L", (8, 6), 77).save(tmp_path / name)
    write(f"{tmp_path}/?format=png&keep=2", map(result_of, range(100, 101)))
    assert sorted(levels(tmp_path)) == [2, 77, 77, 100]


def test_room_in_megabytes(tmp_path):
    noise = np.random.default_rng(0).integers(
        0, 256, (500, 600), dtype=np.uint8
    )  # 300 000 bytes that no PNG makes smaller
    sink = open_sink(f"{tmp_path}/?format=png&keep_mb=1")
    for index in range(6):
        sink.write(result_of(index, noise))
        total = sum(path.stat().st_size for path in tmp_path.iterdir())
        assert total <= 1_000_000
        assert len(names(tmp_path)) == min(index + 1, 3)
    assert names(tmp_path)[-1] == "00000005.png"


def test_one_picture_stays_even_if_it_is_too_large(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (1100, 1000), dtype=np.uint8)
    write(f"{tmp_path}/?format=png&keep_mb=1", [result_of(index, noise) for index in range(2)])
    assert names(tmp_path) == ["00000001.png"]


@pytest.mark.parametrize(("every", "rate", "expected"), [("1", 25, 4), ("2", 25, 2), ("0.2", 25, 20), ("0.1", 30, 40)])
def test_one_picture_every_so_often(tmp_path, every, rate, expected):
    # 4 s of video; the first picture at 0, then one each time so many seconds have gone
    results = [result_of(index, time_s=index / rate) for index in range(4 * rate)]
    write(f"{tmp_path}/?format=png&every={every}", results)
    assert len(names(tmp_path)) == expected


def test_one_picture_every_so_often_by_the_frames_times(tmp_path):
    times = [0, 0.5, 0.9, 1.2, 2.1, 2.3, 9, 9.5, 10.1]
    write(f"{tmp_path}/?format=png&every=1", [result_of(i, time_s=time) for i, time in enumerate(times)])
    # on a grid of seconds, which begins anew after a pause: 0, 1.2 (for 1), 2.1 (for 2), 9, 10.1 (for 10)
    assert levels(tmp_path) == [0, 3, 4, 6, 8]


def test_a_file_that_comes_up_under_the_next_name_is_not_replaced(tmp_path):
    sink = open_sink(f"{tmp_path}/?format=png")
    sink.write(result_of(0))
    (tmp_path / "00000001.png").write_text("mine")
    sink.write(result_of(1))
    assert (tmp_path / "00000001.png").read_text() == "mine"
    assert (tmp_path / "00000002.png").exists()


def test_a_full_disk_is_one_line_and_leaves_whole_pictures(small_disk):
    noise = np.random.default_rng(0).integers(0, 256, (100, 200), dtype=np.uint8)
    sink = open_sink(f"{small_disk}/pictures/?format=png")
    with pytest.raises(CannotWrite) as raised:
        for index in range(10):
            sink.write(result_of(index, noise))
    assert "\n" not in str(raised.value)
    sink.close()
    for path in (small_disk / "pictures").iterdir():
        assert (np.asarray(Image.open(path)) == noise).all()


def test_room_is_made_before_a_small_disk_is_full(small_disk):
    noise = np.random.default_rng(0).integers(0, 256, (100, 100), dtype=np.uint8)
    write(f"{small_disk}/pictures/?format=png&keep=2", [result_of(index, noise) for index in range(20)])
    assert len(names(small_disk / "pictures")) == 2


def test_a_folder_that_vanishes_is_made_again(tmp_path):
    sink = open_sink(f"{tmp_path}/pictures/?format=png")
    (tmp_path / "pictures").rmdir()
    sink.write(result_of(0))
    assert names(tmp_path / "pictures") == ["00000000.png"]

"""Folders, globs and single pictures as a stream of frames; a watched folder."""

import gc
import io
import os
import threading
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.errors import NoInput, UsageError
from edge_srcnn.imaging.frame import Colour
from edge_srcnn.sources import open_source


@pytest.fixture
def folder(tmp_path):
    """``photos`` with grey pictures whose level is their place in the order of names, in two levels."""
    (tmp_path / "photos/deep").mkdir(parents=True)
    for level, name in enumerate(["a.png", "b.bmp", "deep/c.png", "e.webp"]):
        picture = Image.new("RGB" if name.endswith("webp") else "L", (8, 6), (level,) * 3 if "webp" in name else level)
        picture.save(tmp_path / "photos" / name, **({"lossless": True} if "webp" in name else {}))
    (tmp_path / "photos/notes.txt").write_text("notes")
    return tmp_path / "photos"


def levels(source):
    return [int(frame.luma[0, 0]) for frame in source]


def test_pictures_come_sorted_by_path(folder):
    source = open_source(f"{folder}/")
    assert (source.live, source.rate, source.frames) == (False, 25, 4)
    frames = list(source)
    assert levels(frames) == [0, 1, 2, 3]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.time_s for frame in frames] == [0, 0.04, 0.08, 0.12]
    assert {frame.size for frame in frames} == {(8, 6)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", [0, 1, 2, 3]),
        ("/*.png", [0]),
        ("/**/*.png", [0, 2]),
        ("/[ab].*", [0, 1]),
        ("/b.bmp", [1]),
        ("/*", [0, 1, 3]),
    ],
)
def test_folders_globs_and_single_pictures(folder, name, expected):
    scheme = "folder:" if name.endswith("*") else ""  # by its end it could be a video
    source = open_source(f"{scheme}{folder}{name}")
    assert source.frames == len(expected)
    assert levels(source) == expected


def test_the_rate_is_that_of_a_video_of_them(folder):
    source = open_source(f"{folder}?fps=5")
    assert source.rate == 5
    assert [frame.time_s for frame in source] == [0, 0.2, 0.4, pytest.approx(0.6)]


# JFIF: Y = 0.299 R + 0.587 G + 0.114 B, Cb = 128 + (B - Y) / 1.772, Cr = 128 + (R - Y) / 1.402
@pytest.mark.parametrize("rgb", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 60, 30)])
def test_colours_become_those_of_jpeg_in_full_resolution(tmp_path, rgb):
    Image.new("RGB", (7, 5), rgb).save(tmp_path / "a.png")
    (frame,) = open_source(str(tmp_path / "a.png"))
    y = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]
    expected = (y, 128 + (rgb[2] - y) / 1.772, 128 + (rgb[0] - y) / 1.402)
    for plane, value in zip((frame.luma, *frame.chroma), expected, strict=True):
        assert plane.shape == (5, 7)
        assert np.abs(plane - min(value, 255)).max() <= 1
    assert frame.colour == Colour()


def test_grey_pictures_have_no_chroma(folder):
    (frame,) = open_source(str(folder / "a.png"))
    assert frame.chroma is None


def test_bad_pictures_are_left_out_with_a_warning_each(folder, caplog):
    (folder / "aa.png").write_text("no picture")
    (folder / "b2.png").touch()
    frames = list(open_source(f"{folder}/"))
    assert levels(frames) == [0, 1, 2, 3]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "aa.png" in caplog.messages[0]
    assert "b2.png" in caplog.messages[1]


def test_a_picture_that_vanishes_is_left_out_with_a_warning(folder, caplog):
    frames = iter(open_source(f"{folder}/"))
    next(frames)
    (folder / "b.bmp").unlink()
    assert levels(frames) == [2, 3]
    assert "b.bmp" in caplog.text


def test_a_name_with_the_characters_of_a_glob_that_exists_is_that_file(folder):
    Image.new("L", (8, 6), 77).save(folder / "odd [1]*.png")
    assert levels(open_source(str(folder / "odd [1]*.png"))) == [77]


@pytest.mark.parametrize("name", ["none/", "none.png", "photos/*.jpg", "empty/"])
def test_what_holds_no_picture_is_no_input(folder, name):
    (folder.parent / "empty").mkdir()
    with pytest.raises(NoInput) as raised:
        open_source(str(folder.parent / name))
    assert "\n" not in str(raised.value)


def test_only_a_folder_can_be_watched(folder):
    with pytest.raises(NoInput, match="no folder that could be watched"):
        open_source(f"{folder}/a.png?watch=yes")
    with pytest.raises(UsageError, match="yes or no"):
        open_source(f"{folder}?watch=maybe")
    with pytest.raises(UsageError, match="seconds"):
        open_source(f"{folder}?watch=yes&poll=0")


def test_closing_ends_it(folder):
    source = open_source(f"{folder}/")
    frames = iter(source)
    next(frames)
    source.close()
    assert list(frames) == []


class Watching:
    """A thread that takes frames of a watched folder."""

    def __init__(self, source):
        self.source, self.frames, self.error = source, [], None
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self):
        try:
            for frame in self.source:
                self.frames.append(frame)
        except BaseException as error:
            self.error = error

    def wait_for(self, count):
        end = monotonic() + 15
        while len(self.frames) < count and self.thread.is_alive():
            assert monotonic() < end
            sleep(0.01)
        assert self.error is None
        assert len(self.frames) == count

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.source.wake()
        self.thread.join(15)
        assert not self.thread.is_alive()
        assert self.error is None


@pytest.mark.slow
def test_a_watched_folder_gives_what_is_there_and_what_comes(folder):
    with Watching(open_source(f"{folder}?watch=yes&poll=0.05&fps=10")) as watching:
        assert watching.source.frames is None
        watching.wait_for(4)
        for level, name in ((50, "z.png"), (51, "a0.png")):  # the newer one sorts before the older
            Image.new("L", (8, 6), level).save(folder / name)
            watching.wait_for(level - 45)
        sleep(0.3)
        assert levels(watching.frames) == [0, 1, 2, 3, 50, 51]
        assert [frame.index for frame in watching.frames] == [0, 1, 2, 3, 4, 5]
        assert watching.frames[5].time_s == 0.5


def test_a_watched_folder_may_be_empty_at_first(tmp_path):
    with Watching(open_source(f"{tmp_path}?watch=yes&poll=0.05")) as watching:
        sleep(0.3)
        Image.new("L", (8, 6), 5).save(tmp_path / "first.png")
        watching.wait_for(1)


def test_a_watched_folder_may_be_emptied(folder):
    with Watching(open_source(f"{folder}?watch=yes&poll=0.05")) as watching:
        watching.wait_for(4)
        for path in folder.rglob("*.*"):
            path.unlink()
        sleep(0.3)
        Image.new("L", (8, 6), 5).save(folder / "new.png")
        watching.wait_for(5)


@pytest.mark.slow
def test_a_file_that_still_grows_is_waited_for(tmp_path, texture, caplog):
    Image.new("L", (8, 6), 1).save(tmp_path / "a.png")
    buffer = io.BytesIO()
    pixels = texture(120, 160)
    Image.fromarray(pixels).save(buffer, "PNG")
    data = buffer.getvalue()
    with Watching(open_source(f"{tmp_path}?watch=yes&poll=0.6")) as watching:
        with open(tmp_path / "slow.png", "wb", buffering=0) as file:
            for start in range(0, len(data), len(data) // 25 + 1):
                file.write(data[start : start + len(data) // 25 + 1])
                sleep(0.06)
        watching.wait_for(2)
        assert (watching.frames[1].luma == pixels).all()
    assert caplog.records == []


def in_place(path, level):
    """The same inode, size and name; only its contents and its time differ."""
    buffer = io.BytesIO()
    Image.new("L", (8, 6), level).save(buffer, "BMP")
    path.write_bytes(buffer.getvalue())


def in_its_place(path, level):
    """A complete neighbour takes its name."""
    neighbour = path.with_name(f".{path.name}.new")
    in_place(neighbour, level)
    os.replace(neighbour, path)


def after_removal(path, level):
    """Another file of its name."""
    path.unlink()
    in_place(path, level)


@pytest.mark.parametrize("write", [in_place, in_its_place, after_removal])
def test_a_picture_that_is_written_anew_is_read_again(tmp_path, write):
    in_place(tmp_path / "latest.bmp", 1)
    in_place(tmp_path / "other.bmp", 9)
    with Watching(open_source(f"{tmp_path}?watch=yes&poll=0.02")) as watching:
        watching.wait_for(2)
        for level in (2, 3):
            write(tmp_path / "latest.bmp", level)
            watching.wait_for(level + 1)
    assert levels(watching.frames) == [1, 9, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("write", [in_place, in_its_place])
def test_a_picture_that_is_written_anew_more_often_than_somebody_looks_is_read(tmp_path, write):
    in_place(tmp_path / "latest.bmp", 1)
    with Watching(open_source(f"{tmp_path}?watch=yes&poll=0.3")) as watching:
        watching.wait_for(1)
        end = monotonic() + 15
        level = 1
        while len(watching.frames) < 4:
            level += 1
            write(tmp_path / "latest.bmp", level)
            assert monotonic() < end
            sleep(0.15)
    assert levels(watching.frames) == sorted(set(levels(watching.frames)))


def test_what_is_gone_from_a_watched_folder_is_forgotten(tmp_path):
    def remembered():
        return sum(isinstance(each, Path) and each.name.startswith("event-") for each in gc.get_objects())

    with Watching(open_source(f"{tmp_path}?watch=yes&poll=0.02")) as watching:
        for number in range(20):
            in_place(tmp_path / f"event-{number}.bmp", 1)
        watching.wait_for(20)
        assert remembered() >= 20
        for number in range(20):
            os.unlink(f"{tmp_path}/event-{number}.bmp")
        end = monotonic() + 15
        while remembered() > 3:  # the last one has names within the source
            assert monotonic() < end
            sleep(0.02)


def test_a_watched_folder_that_may_not_be_looked_into_for_a_while_is_not_read_again(tmp_path):
    folder = tmp_path / "incoming"
    folder.mkdir()
    in_place(folder / "a.bmp", 1)
    with Watching(open_source(f"{folder}?watch=yes&poll=0.02")) as watching:
        watching.wait_for(1)
        folder.rename(tmp_path / "away")
        sleep(0.1)
        in_place(tmp_path / "away" / "b.bmp", 2)
        (tmp_path / "away").rename(folder)
        watching.wait_for(2)
    assert levels(watching.frames) == [1, 2]


def test_closing_ends_a_watch_at_once(folder):
    with Watching(open_source(f"{folder}?watch=yes&poll=600")) as watching:
        sleep(0.1)
        began = monotonic()
        watching.source.wake()
        watching.thread.join(15)
        assert monotonic() - began < 10

"""What was measured is remembered, for this machine alone; a file that makes no sense is only a cache."""

import json
import os
from dataclasses import replace

import pytest

from edge_srcnn.engine.blocks import Blocks
from edge_srcnn.engine.plan import WHOLE_TILE, Setting
from edge_srcnn.engine.tuning_cache import Tuned, cache_file, forget, recall, remember
from edge_srcnn.errors import CannotWrite
from tests.edge_srcnn.engine.tunings import ENTRY, OCCASION, SETTING, WINNER, warnings


@pytest.mark.parametrize(
    "setting",
    [
        SETTING,
        Setting(Blocks((1, 1), (1, 1)), WHOLE_TILE, 1),
        Setting(Blocks((4, 4), (4, 4)), (1, 1), 1),
        Setting(Blocks((1, 4), (16, 16)), (7, 100_000), 1024),
    ],
    ids=str,
)
def test_what_is_remembered_is_recalled(tunings_file, setting, caplog):
    assert recall(OCCASION, tunings_file) is None
    assert remember(Tuned(OCCASION, setting, 3), tunings_file) == tunings_file
    assert recall(OCCASION, tunings_file) == setting
    assert warnings(caplog) == []


def test_the_file_is_json_with_a_format(tunings_file):
    remember(WINNER, tunings_file)
    assert json.loads(tunings_file.read_bytes()) == {"format": 1, "tuned": [ENTRY]}


def test_a_file_that_is_written_by_hand_is_read(store):
    assert recall(OCCASION, store({"format": 1, "tuned": [ENTRY]})) == SETTING


def test_a_later_winner_replaces_the_earlier_one_of_the_same_occasion_alone(tunings_file):
    other = replace(OCCASION, height=480)
    remember(WINNER, tunings_file)
    remember(Tuned(other, replace(SETTING, threads=1), 9), tunings_file)
    remember(Tuned(OCCASION, replace(SETTING, threads=2), 20), tunings_file)
    assert recall(OCCASION, tunings_file) == replace(SETTING, threads=2)
    assert recall(other, tunings_file) == replace(SETTING, threads=1)
    assert len(json.loads(tunings_file.read_bytes())["tuned"]) == 2


@pytest.mark.parametrize(
    "other",
    [{"model": "b" * 64}, {"processor": "Cortex-A76, 3 processors"}, {"interpreter": "tflite 2.14.0"}],
    ids=["model", "processor", "interpreter"],
)
def test_another_model_processor_or_interpreter_does_not_match(tunings_file, other):
    remember(WINNER, tunings_file)
    assert recall(replace(OCCASION, **other), tunings_file) is None


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ((480, 640), (480, 640)),
        ((1, 1), (480, 640)),
        ((9000, 9000), (1440, 1920)),
        ((640, 480), (480, 640)),  # as many pixels
        ((959, 1281), (960, 1280)),
        ((720, 960), (960, 1280)),  # 960 x 1280 is 1.78 times as large, 480 x 640 is smaller by 2.25
        ((1280, 960), (960, 1280)),
    ],
)
def test_of_another_size_the_nearest_in_pixels_is_taken(tunings_file, asked, nearest):
    for threads, (height, width) in enumerate([(480, 640), (960, 1280), (1440, 1920)], 1):
        remember(
            Tuned(replace(OCCASION, height=height, width=width), replace(SETTING, threads=threads), 1), tunings_file
        )
    expected = recall(replace(OCCASION, height=nearest[0], width=nearest[1]), tunings_file)
    assert recall(replace(OCCASION, height=asked[0], width=asked[1]), tunings_file) == expected
    assert expected.threads == {480: 1, 960: 2, 1440: 3}[nearest[0]]


def test_the_very_size_goes_before_one_with_as_many_pixels(tunings_file):
    upright = replace(OCCASION, height=1280, width=960)
    for occasion, threads in ((OCCASION, 1), (upright, 2)):
        remember(Tuned(occasion, replace(SETTING, threads=threads), 1), tunings_file)
    assert recall(OCCASION, tunings_file).threads == 1
    assert recall(upright, tunings_file).threads == 2


def test_the_file_lies_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    assert cache_file() == tmp_path / "mine" / "edge-srcnn" / "tuned.json"
    assert remember(WINNER) == cache_file()
    assert cache_file().is_file()
    assert recall(OCCASION) == SETTING
    assert forget()
    assert recall(OCCASION) is None


@pytest.mark.parametrize("folder", [None, "", "relative", "./relative", "~/cache"])
def test_a_cache_folder_that_is_not_absolute_does_not_count(monkeypatch, tmp_path, folder):
    # XDG Base Directory Specification: "All paths set in these environment variables must be absolute. If an
    # implementation encounters a relative path [...] it should consider the path invalid and ignore it."
    monkeypatch.setenv("HOME", str(tmp_path))
    if folder is None:
        monkeypatch.delenv("XDG_CACHE_HOME")
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", folder)
    assert cache_file() == tmp_path / ".cache" / "edge-srcnn" / "tuned.json"


def test_an_existing_file_survives_a_write_that_fails(tunings_file, monkeypatch):
    remember(WINNER, tunings_file)
    before = tunings_file.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="No space left on device"):
        remember(Tuned(replace(OCCASION, height=1), SETTING, 1), tunings_file)
    assert tunings_file.read_bytes() == before
    assert os.listdir(tunings_file.parent) == ["tuned.json"]


def test_a_folder_that_cannot_be_made_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="cannot be written"):
        remember(WINNER, tmp_path / "file" / "tuned.json")


def test_what_is_forgotten_is_gone_and_a_second_time_there_is_nothing(tunings_file):
    assert not forget(tunings_file)
    remember(WINNER, tunings_file)
    assert forget(tunings_file)
    assert not tunings_file.exists()
    assert not forget(tunings_file)
    assert recall(OCCASION, tunings_file) is None


def test_what_cannot_be_removed_says_so(tunings_file):
    tunings_file.mkdir(parents=True)
    with pytest.raises(CannotWrite, match="cannot be removed"):
        forget(tunings_file)


def test_a_whole_picture_as_the_tile_of_another_size_is_no_larger_than_what_was_measured(tmp_path):
    tunings_file = tmp_path / "tuned.json"
    remember(Tuned(OCCASION, Setting(Blocks.parse("2x4"), WHOLE_TILE, 1), 1.0), tunings_file)
    larger = replace(OCCASION, height=OCCASION.height * 4, width=OCCASION.width * 4)
    found = recall(larger, tunings_file)
    assert found is not None
    assert found.tile == (OCCASION.height, OCCASION.width)

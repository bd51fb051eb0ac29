"""What was measured is remembered, for this machine alone; a file that makes no sense is only a cache."""

import json
import os
from dataclasses import replace

import pytest

from edge_srcnn.engine.plan import WHOLE_TILE, Blocks, Plan
from edge_srcnn.engine.tuning_cache import TuningCache, cache_file
from edge_srcnn.errors import CannotWrite
from tests.edge_srcnn.engine.tunings import ENTRY, KEY, SETTING, WINNER, warnings


@pytest.mark.parametrize(
    "setting",
    [
        SETTING,
        Plan(Blocks((1, 1), (1, 1)), WHOLE_TILE, 1),
        Plan(Blocks((4, 4), (4, 4)), (1, 1), 1),
        Plan(Blocks((1, 4), (16, 16)), (7, 100_000), 1024),
    ],
    ids=str,
)
def test_what_is_remembered_is_recalled(tunings_file, setting, caplog):
    assert TuningCache(tunings_file).get(KEY) is None
    TuningCache(tunings_file).put(KEY, 3, setting)
    assert TuningCache(tunings_file).get(KEY) == setting
    assert warnings(caplog) == []


def test_the_file_is_json_with_a_format(tunings_file):
    TuningCache(tunings_file).put(*WINNER)
    assert json.loads(tunings_file.read_bytes()) == {"format": 1, "tuned": [ENTRY]}


def test_a_file_that_is_written_by_hand_is_read(store):
    assert TuningCache(store({"format": 1, "tuned": [ENTRY]})).get(KEY) == SETTING


def test_a_later_winner_replaces_the_earlier_one_of_the_same_key_alone(tunings_file):
    other = replace(KEY, height=480)
    TuningCache(tunings_file).put(*WINNER)
    TuningCache(tunings_file).put(other, 9, replace(SETTING, threads=1))
    TuningCache(tunings_file).put(KEY, 20, replace(SETTING, threads=2))
    assert TuningCache(tunings_file).get(KEY) == replace(SETTING, threads=2)
    assert TuningCache(tunings_file).get(other) == replace(SETTING, threads=1)
    assert len(json.loads(tunings_file.read_bytes())["tuned"]) == 2


@pytest.mark.parametrize(
    "other",
    [{"model": "b" * 64}, {"processor": "Cortex-A76, 3 processors"}, {"interpreter": "tflite 2.14.0"}],
    ids=["model", "processor", "interpreter"],
)
def test_another_model_processor_or_interpreter_does_not_match(tunings_file, other):
    TuningCache(tunings_file).put(*WINNER)
    assert TuningCache(tunings_file).get(replace(KEY, **other)) is None


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
        key = replace(KEY, height=height, width=width)
        TuningCache(tunings_file).put(key, 1, replace(SETTING, threads=threads))
    expected = TuningCache(tunings_file).get(replace(KEY, height=nearest[0], width=nearest[1]))
    assert TuningCache(tunings_file).get(replace(KEY, height=asked[0], width=asked[1])) == expected
    assert expected.threads == {480: 1, 960: 2, 1440: 3}[nearest[0]]


def test_the_very_size_goes_before_one_with_as_many_pixels(tunings_file):
    upright = replace(KEY, height=1280, width=960)
    for key, threads in ((KEY, 1), (upright, 2)):
        TuningCache(tunings_file).put(key, 1, replace(SETTING, threads=threads))
    assert TuningCache(tunings_file).get(KEY).threads == 1
    assert TuningCache(tunings_file).get(upright).threads == 2


def test_the_file_lies_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    assert cache_file() == tmp_path / "mine" / "edge-srcnn" / "tuned.json"
    TuningCache().put(*WINNER)
    assert cache_file().is_file()
    assert TuningCache().get(KEY) == SETTING
    assert TuningCache().clear()
    assert TuningCache().get(KEY) is None


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


def test_a_user_without_a_home_writes_to_no_folder_named_tilde(monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)  # of a container, which no passwd file knows
    assert cache_file().is_absolute()
    assert "~" not in str(cache_file())


def test_an_existing_file_survives_a_write_that_fails(tunings_file, monkeypatch):
    TuningCache(tunings_file).put(*WINNER)
    before = tunings_file.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="No space left on device"):
        TuningCache(tunings_file).put(replace(KEY, height=1), 1, SETTING)
    assert tunings_file.read_bytes() == before
    assert os.listdir(tunings_file.parent) == ["tuned.json"]


def test_a_folder_that_cannot_be_made_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="cannot be written"):
        TuningCache(tmp_path / "file" / "tuned.json").put(*WINNER)


def test_what_is_forgotten_is_gone_and_a_second_time_there_is_nothing(tunings_file):
    assert not TuningCache(tunings_file).clear()
    TuningCache(tunings_file).put(*WINNER)
    assert TuningCache(tunings_file).clear()
    assert not tunings_file.exists()
    assert not TuningCache(tunings_file).clear()
    assert TuningCache(tunings_file).get(KEY) is None


def test_what_cannot_be_removed_says_so(tunings_file):
    tunings_file.mkdir(parents=True)
    with pytest.raises(CannotWrite, match="cannot be removed"):
        TuningCache(tunings_file).clear()


def test_a_whole_picture_as_the_tile_of_another_size_is_no_larger_than_what_was_measured(tmp_path):
    tunings_file = tmp_path / "tuned.json"
    TuningCache(tunings_file).put(KEY, 1.0, Plan(Blocks.parse("2x4"), WHOLE_TILE, 1))
    larger = replace(KEY, height=KEY.height * 4, width=KEY.width * 4)
    found = TuningCache(tunings_file).get(larger)
    assert found is not None
    assert found.tile == (KEY.height, KEY.width)

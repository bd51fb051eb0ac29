"""What was measured is remembered, for this machine alone; a file that makes no sense is only a cache."""

import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge_srcnn.engine.packing import Blocks
from edge_srcnn.engine.setting import WHOLE_TILE, Setting
from edge_srcnn.engine.tuned import Occasion, Tuned, cache_file, forget, recall, remember
from edge_srcnn.errors import CannotWrite

OCCASION = Occasion("a" * 64, "Cortex-A76, 4 processors", "litert 2.0.2", 960, 1280)
SETTING = Setting(Blocks((2, 4), (4, 4)), (64, 128), 3)
WINNER = Tuned(OCCASION, SETTING, 12.5)

ENTRY = {
    "model": "a" * 64,
    "processor": "Cortex-A76, 4 processors",
    "interpreter": "litert 2.0.2",
    "height": 960,
    "width": 1280,
    "block": "2x4-4x4",
    "tile": "64x128",
    "threads": 3,
    "milliseconds": 12.5,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "tuned.json"


@pytest.fixture
def stored(path: Path):
    """Write a cache file that holds something."""

    def write(content: bytes | str | object) -> Path:
        path.parent.mkdir(exist_ok=True)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        path.write_bytes(data)
        return path

    return write


def warnings(caplog) -> list[str]:
    assert {record.levelno for record in caplog.records} <= {logging.WARNING}
    return [record.getMessage() for record in caplog.records]


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
def test_what_is_remembered_is_recalled(path, setting, caplog):
    assert recall(OCCASION, path) is None
    assert remember(Tuned(OCCASION, setting, 3), path) == path
    assert recall(OCCASION, path) == setting
    assert warnings(caplog) == []


def test_the_file_is_json_with_a_format(path):
    remember(WINNER, path)
    assert json.loads(path.read_bytes()) == {"format": 1, "tuned": [ENTRY]}


def test_a_file_that_is_written_by_hand_is_read(stored):
    assert recall(OCCASION, stored({"format": 1, "tuned": [ENTRY]})) == SETTING


def test_a_later_winner_replaces_the_earlier_one_of_the_same_occasion_alone(path):
    other = replace(OCCASION, height=480)
    remember(WINNER, path)
    remember(Tuned(other, replace(SETTING, threads=1), 9), path)
    remember(Tuned(OCCASION, replace(SETTING, threads=2), 20), path)
    assert recall(OCCASION, path) == replace(SETTING, threads=2)
    assert recall(other, path) == replace(SETTING, threads=1)
    assert len(json.loads(path.read_bytes())["tuned"]) == 2


@pytest.mark.parametrize(
    "other",
    [{"model": "b" * 64}, {"processor": "Cortex-A76, 3 processors"}, {"interpreter": "tflite 2.14.0"}],
    ids=["model", "processor", "interpreter"],
)
def test_another_model_processor_or_interpreter_does_not_match(path, other):
    remember(WINNER, path)
    assert recall(replace(OCCASION, **other), path) is None


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
def test_of_another_size_the_nearest_in_pixels_is_taken(path, asked, nearest):
    for threads, (height, width) in enumerate([(480, 640), (960, 1280), (1440, 1920)], 1):
        remember(Tuned(replace(OCCASION, height=height, width=width), replace(SETTING, threads=threads), 1), path)
    expected = recall(replace(OCCASION, height=nearest[0], width=nearest[1]), path)
    assert recall(replace(OCCASION, height=asked[0], width=asked[1]), path) == expected
    assert expected.threads == {480: 1, 960: 2, 1440: 3}[nearest[0]]


def test_the_very_size_goes_before_one_with_as_many_pixels(path):
    upright = replace(OCCASION, height=1280, width=960)
    for occasion, threads in ((OCCASION, 1), (upright, 2)):
        remember(Tuned(occasion, replace(SETTING, threads=threads), 1), path)
    assert recall(OCCASION, path).threads == 1
    assert recall(upright, path).threads == 2


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


DAMAGED = {
    "empty": b"",
    "not JSON": b"tuned",
    "not text": b"\xff\xfe\x00\x80",
    "zeros": bytes(300),
    "nested too deep": b"[" * 100_000,
    "a number that is too long": b'{"format": ' + b"9" * 5000 + b"}",
    "null": None,
    "a number": 5,
    "a text": "tuned",
    "a list": [],
    "a list of a file": [{"format": 1, "tuned": [ENTRY]}],
    "no format": {"tuned": [ENTRY]},
    "a later format": {"format": 2, "tuned": [ENTRY]},
    "a format as text": {"format": "1", "tuned": [ENTRY]},
    "a format of two lines": {"format": "1\n2", "tuned": [ENTRY]},
    "nothing tuned": {"format": 1},
    "tuned is null": {"format": 1, "tuned": None},
    "tuned is a number": {"format": 1, "tuned": 5},
    "tuned is a text": {"format": 1, "tuned": "abc"},
    "tuned is an entry": {"format": 1, "tuned": ENTRY},
    "an entry is null": {"format": 1, "tuned": [ENTRY, None]},
    "an entry is a list": {"format": 1, "tuned": [ENTRY, []]},
    "an entry is a text": {"format": 1, "tuned": ["abc"]},
    "an entry is empty": {"format": 1, "tuned": [{}]},
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_file_that_makes_no_sense_is_ignored_with_one_warning(stored, caplog, content):
    path = stored(content)
    assert recall(OCCASION, path) is None
    (warning,) = warnings(caplog)
    assert warning.startswith(f"{path}: ignored, ")
    assert "edge-srcnn tune" in warning
    assert "\n" not in warning


@pytest.mark.parametrize("field", ENTRY)
def test_an_entry_that_lacks_a_field_is_ignored_with_one_warning(stored, caplog, field):
    entry = {name: value for name, value in ENTRY.items() if name != field}
    assert recall(OCCASION, stored({"format": 1, "tuned": [entry]})) is None
    (warning,) = warnings(caplog)
    assert f"it has no '{field}'" in warning


WRONG = [
    *((name, value) for name in ENTRY for value in (None, [], {}, True)),
    *((name, value) for name in ("model", "processor", "interpreter") for value in (1, 1.5)),
    *((name, value) for name in ("height", "width", "threads") for value in ("1", 1.5, 0, -1, 10**400)),
    ("milliseconds", "1"),
    ("milliseconds", 10**400),
    ("threads", 100_000),
    *(("block", value) for value in ("", "auto", "3", 24, "0x1", "2x4-3x3", "17x1", "2x4-4x4-8x8", "9" * 5000 + "x1")),
    *(("tile", value) for value in ("", "auto", "3", 24, "0x1", "-1x5", [64, 128])),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda value: str(value)[:20])
def test_an_entry_with_a_value_of_the_wrong_kind_is_ignored_with_one_warning(stored, caplog, field, value):
    path = stored({"format": 1, "tuned": [ENTRY | {field: value}]})
    assert recall(OCCASION, path) is None
    assert len(warnings(caplog)) == 1


def test_a_file_that_was_cut_off_anywhere_is_ignored_with_one_warning(tmp_path, caplog):
    data = json.dumps({"format": 1, "tuned": [ENTRY]}).encode()
    for length in range(len(data)):
        caplog.clear()
        path = tmp_path / f"{length}.json"
        path.write_bytes(data[:length])
        assert recall(OCCASION, path) is None, length
        assert len(warnings(caplog)) == 1, length


def test_no_changed_bit_raises(stored, caplog):
    data = json.dumps({"format": 1, "tuned": [ENTRY]}).encode()
    for place in range(len(data)):
        for bit in range(8):
            caplog.clear()
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            recall(OCCASION, stored(bytes(changed)))
            assert len(warnings(caplog)) <= 1, (place, bit)


def test_a_file_that_cannot_be_read_is_ignored_with_one_warning(path, caplog):
    path.mkdir(parents=True)
    assert recall(OCCASION, path) is None
    (warning,) = warnings(caplog)
    assert "cannot be read (Is a directory)" in warning


def test_a_file_that_stays_damaged_is_warned_of_once_and_one_that_is_damaged_anew_again(stored, caplog):
    path = stored(b"damaged")
    for height in range(1, 5):
        assert recall(replace(OCCASION, height=height), path) is None
    assert len(warnings(caplog)) == 1
    remember(WINNER, path)
    assert recall(OCCASION, path) == SETTING
    stored(b"damaged in another way"[1:])
    os.utime(path, (1, 1))
    assert recall(OCCASION, path) is None
    assert len(warnings(caplog)) == 2


def test_where_there_is_no_file_there_is_nothing_to_warn_of(tmp_path, caplog):
    (tmp_path / "file").touch()
    for path in (tmp_path / "none.json", tmp_path / "none" / "tuned.json", tmp_path / "file" / "tuned.json"):
        assert recall(OCCASION, path) is None
    assert warnings(caplog) == []


def test_a_damaged_file_is_written_anew(stored):
    path = stored(b"damaged")
    remember(WINNER, path)
    assert recall(OCCASION, path) == SETTING


def test_an_existing_file_survives_a_write_that_fails(path, monkeypatch):
    remember(WINNER, path)
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="No space left on device"):
        remember(Tuned(replace(OCCASION, height=1), SETTING, 1), path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["tuned.json"]


def test_a_folder_that_cannot_be_made_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="cannot be written"):
        remember(WINNER, tmp_path / "file" / "tuned.json")


def test_what_is_forgotten_is_gone_and_a_second_time_there_is_nothing(path):
    assert not forget(path)
    remember(WINNER, path)
    assert forget(path)
    assert not path.exists()
    assert not forget(path)
    assert recall(OCCASION, path) is None


def test_a_damaged_file_can_be_forgotten(stored):
    path = stored(b"damaged")
    assert forget(path)
    assert not path.exists()


def test_what_cannot_be_removed_says_so(path):
    path.mkdir(parents=True)
    with pytest.raises(CannotWrite, match="cannot be removed"):
        forget(path)


def test_a_whole_picture_as_the_tile_of_another_size_is_no_larger_than_what_was_measured(tmp_path):
    path = tmp_path / "tuned.json"
    remember(Tuned(OCCASION, Setting(Blocks.parse("2x4"), WHOLE_TILE, 1), 1.0), path)
    larger = replace(OCCASION, height=OCCASION.height * 4, width=OCCASION.width * 4)
    found = recall(larger, path)
    assert found is not None
    assert found.tile == (OCCASION.height, OCCASION.width)

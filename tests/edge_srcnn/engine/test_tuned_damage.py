"""A file of tunings that makes no sense is only a cache: one warning, and what is asked for is measured anew."""

import json
import os
from dataclasses import replace

import pytest

from edge_srcnn.engine.tuning_cache import TuningCache
from tests.edge_srcnn.engine.tunings import ENTRY, KEY, SETTING, WINNER, warnings

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
def test_a_file_that_makes_no_sense_is_ignored_with_one_warning(store, caplog, content):
    tunings_file = store(content)
    assert TuningCache(tunings_file).get(KEY) is None
    (warning,) = warnings(caplog)
    assert warning.startswith(f"{tunings_file}: ignored, ")
    assert "edge-srcnn tune" in warning
    assert "\n" not in warning


@pytest.mark.parametrize("field", ENTRY)
def test_an_entry_that_lacks_a_field_is_ignored_with_one_warning(store, caplog, field):
    entry = {name: value for name, value in ENTRY.items() if name != field}
    assert TuningCache(store({"format": 1, "tuned": [entry]})).get(KEY) is None
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
def test_an_entry_with_a_value_of_the_wrong_kind_is_ignored_with_one_warning(store, caplog, field, value):
    tunings_file = store({"format": 1, "tuned": [ENTRY | {field: value}]})
    assert TuningCache(tunings_file).get(KEY) is None
    assert len(warnings(caplog)) == 1


def test_a_file_that_was_cut_off_anywhere_is_ignored_with_one_warning(tmp_path, caplog):
    data = json.dumps({"format": 1, "tuned": [ENTRY]}).encode()
    for length in range(len(data)):
        caplog.clear()
        tunings_file = tmp_path / f"{length}.json"
        tunings_file.write_bytes(data[:length])
        assert TuningCache(tunings_file).get(KEY) is None, length
        assert len(warnings(caplog)) == 1, length


@pytest.mark.slow
def test_no_changed_bit_raises(store, caplog):
    data = json.dumps({"format": 1, "tuned": [ENTRY]}).encode()
    for place in range(len(data)):
        for bit in range(8):
            caplog.clear()
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            TuningCache(store(bytes(changed))).get(KEY)
            assert len(warnings(caplog)) <= 1, (place, bit)


def test_a_file_that_cannot_be_read_is_ignored_with_one_warning(tunings_file, caplog):
    tunings_file.mkdir(parents=True)
    assert TuningCache(tunings_file).get(KEY) is None
    (warning,) = warnings(caplog)
    assert "cannot be read (Is a directory)" in warning


def test_a_file_that_stays_damaged_is_warned_of_once_and_one_that_is_damaged_anew_again(store, caplog):
    tunings_file = store(b"damaged")
    for height in range(1, 5):
        assert TuningCache(tunings_file).get(replace(KEY, height=height)) is None
    assert len(warnings(caplog)) == 1
    TuningCache(tunings_file).put(*WINNER)
    assert TuningCache(tunings_file).get(KEY) == SETTING
    store(b"damaged in another way"[1:])
    os.utime(tunings_file, (1, 1))
    assert TuningCache(tunings_file).get(KEY) is None
    assert len(warnings(caplog)) == 2


def test_where_there_is_no_file_there_is_nothing_to_warn_of(tmp_path, caplog):
    (tmp_path / "file").touch()
    for tunings_file in (tmp_path / "none.json", tmp_path / "none" / "tuned.json", tmp_path / "file" / "tuned.json"):
        assert TuningCache(tunings_file).get(KEY) is None
    assert warnings(caplog) == []


def test_a_damaged_file_is_written_anew(store):
    tunings_file = store(b"damaged")
    TuningCache(tunings_file).put(*WINNER)
    assert TuningCache(tunings_file).get(KEY) == SETTING


def test_a_damaged_file_can_be_forgotten(store):
    tunings_file = store(b"damaged")
    assert TuningCache(tunings_file).clear()
    assert not tunings_file.exists()

"""What live frames took is kept beside the tunings: both survive the other's changes, and damage is only forgotten."""

import json
from dataclasses import replace

import pytest

from edge_srcnn.engine.tuning_cache import MOST_MEASURED, TuningCache
from edge_srcnn.errors import CannotWrite
from tests.edge_srcnn.engine.tunings import ENTRY, KEY, SETTING, WINNER, warnings

LARGER = replace(KEY, height=1440, width=1920)
MEASURED = {name: ENTRY[name] for name in ("model", "processor", "interpreter", "height", "width", "milliseconds")}


def test_what_is_remembered_is_recalled_for_exactly_this_size(tunings_file, caplog):
    assert TuningCache(tunings_file).get_ms(KEY) is None
    TuningCache(tunings_file).put(KEY, 12.5)
    assert TuningCache(tunings_file).get_ms(KEY) == 12.5
    assert TuningCache(tunings_file).get_ms(LARGER) is None
    TuningCache(tunings_file).put(KEY, 9.0)
    assert TuningCache(tunings_file).get_ms(KEY) == 9.0
    assert warnings(caplog) == []


def test_tunings_and_times_stand_side_by_side(tunings_file):
    TuningCache(tunings_file).put(*WINNER)
    TuningCache(tunings_file).put(KEY, 12.5)
    assert TuningCache(tunings_file).get(KEY) == SETTING
    assert json.loads(tunings_file.read_bytes()) == {"format": 1, "tuned": [ENTRY], "measured": [MEASURED]}


def test_a_tuning_makes_the_times_of_its_model_void_and_no_others(tunings_file):
    other = replace(KEY, model="b" * 64)
    for each in (KEY, LARGER, other):
        TuningCache(tunings_file).put(each, 12.5)
    TuningCache(tunings_file).put(*WINNER)
    assert [TuningCache(tunings_file).get_ms(each) for each in (KEY, LARGER, other)] == [None, None, 12.5]


@pytest.mark.slow
def test_the_file_does_not_grow_for_ever(tunings_file):
    for height in range(1, MOST_MEASURED + 3):
        TuningCache(tunings_file).put(replace(KEY, height=height), 1.0)
    assert len(json.loads(tunings_file.read_bytes())["measured"]) == MOST_MEASURED
    assert TuningCache(tunings_file).get_ms(replace(KEY, height=2)) is None
    assert TuningCache(tunings_file).get_ms(replace(KEY, height=MOST_MEASURED + 2)) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "measured",
    [
        *(None, 5, "abc", MEASURED, [None], [[]], [{}]),
        *([MEASURED | {name: value}] for name in MEASURED for value in (None, [], True)),
        *([MEASURED | {"milliseconds": value}] for value in (0, -1.0, "1", float("nan"), float("inf"))),
        *([MEASURED | {"height": value}] for value in (0, -1, 1 << 30, 1.5)),
    ],
    ids=repr,
)
def test_a_file_whose_times_make_no_sense_is_ignored_with_one_warning(store, caplog, measured):
    file = store({"format": 1, "tuned": [ENTRY], "measured": measured})
    assert TuningCache(file).get_ms(KEY) is None
    (warning,) = warnings(caplog)
    assert warning.startswith(f"{file}: ignored, ")
    TuningCache(file).put(KEY, 3.0)
    assert TuningCache(file).get_ms(KEY) == 3.0


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite):
        TuningCache(tmp_path / "file" / "tuned.json").put(KEY, 3.0)

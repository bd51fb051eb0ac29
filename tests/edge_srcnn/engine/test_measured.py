"""What live frames took is kept beside the tunings: both survive the other's changes, and damage is only forgotten."""

import json
from dataclasses import replace

import pytest

from edge_srcnn.engine.tuning_cache import MOST_MEASURED, Measured, recall, recall_ms, remember, remember_ms
from edge_srcnn.errors import CannotWrite
from tests.edge_srcnn.engine.tunings import ENTRY, OCCASION, SETTING, WINNER, warnings

LARGER = replace(OCCASION, height=1440, width=1920)
MEASURED = {name: ENTRY[name] for name in ("model", "processor", "interpreter", "height", "width", "milliseconds")}


def test_what_is_remembered_is_recalled_for_exactly_this_size(tunings_file, caplog):
    assert recall_ms(OCCASION, tunings_file) is None
    remember_ms(Measured(OCCASION, 12.5), tunings_file)
    assert recall_ms(OCCASION, tunings_file) == 12.5
    assert recall_ms(LARGER, tunings_file) is None
    remember_ms(Measured(OCCASION, 9.0), tunings_file)
    assert recall_ms(OCCASION, tunings_file) == 9.0
    assert warnings(caplog) == []


def test_tunings_and_times_stand_side_by_side(tunings_file):
    remember(WINNER, tunings_file)
    remember_ms(Measured(OCCASION, 12.5), tunings_file)
    assert recall(OCCASION, tunings_file) == SETTING
    assert json.loads(tunings_file.read_bytes()) == {"format": 1, "tuned": [ENTRY], "measured": [MEASURED]}


def test_a_tuning_makes_the_times_of_its_model_void_and_no_others(tunings_file):
    other = replace(OCCASION, model="b" * 64)
    for each in (OCCASION, LARGER, other):
        remember_ms(Measured(each, 12.5), tunings_file)
    remember(WINNER, tunings_file)
    assert [recall_ms(each, tunings_file) for each in (OCCASION, LARGER, other)] == [None, None, 12.5]


@pytest.mark.slow
def test_the_file_does_not_grow_for_ever(tunings_file):
    for height in range(1, MOST_MEASURED + 3):
        remember_ms(Measured(replace(OCCASION, height=height), 1.0), tunings_file)
    assert len(json.loads(tunings_file.read_bytes())["measured"]) == MOST_MEASURED
    assert recall_ms(replace(OCCASION, height=2), tunings_file) is None
    assert recall_ms(replace(OCCASION, height=MOST_MEASURED + 2), tunings_file) == 1.0


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
    assert recall_ms(OCCASION, file) is None
    (warning,) = warnings(caplog)
    assert warning.startswith(f"{file}: ignored, ")
    remember_ms(Measured(OCCASION, 3.0), file)
    assert recall_ms(OCCASION, file) == 3.0


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite):
        remember_ms(Measured(OCCASION, 3.0), tmp_path / "file" / "tuned.json")

"""The oldest make room, also where the numbers have outgrown their zeros."""

import pytest

from edge_srcnn.sinks.recording_names import Numbers
from edge_srcnn.sinks.recordings import Rotation, recordings_in

DAY = Numbers("day-", ".mp4")


@pytest.mark.parametrize("budget", [{"keep": 3}, {"keep_bytes": 35}])
def test_the_newest_stay_beyond_the_last_zero(tmp_path, budget):
    for number in (99_998, 99_999, 100_000):
        (tmp_path / f"day-{number:05}.mp4").write_bytes(bytes(10))
    rotation = Rotation(tmp_path, DAY, **budget)
    rotation.begin()
    (tmp_path / "day-100001.mp4").write_bytes(bytes(10))
    rotation.add(tmp_path / "day-100001.mp4")
    assert recordings_in(tmp_path, DAY) == ["day-99999.mp4", "day-100000.mp4", "day-100001.mp4"]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert recordings_in(tmp_path / "nowhere", DAY) == []

"""Names of recordings by time: sorted they are in the order of recording, also when the clock is put back."""

import time
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("av")

from edge_srcnn.errors import UsageError
from edge_srcnn.sinks import open_sink
from edge_srcnn.sinks.recording_names import Times
from edge_srcnn.sinks.recordings import Rotation, recordings_in

DAY = "day-%Y%m%d-%H%M%S"


class Clock:
    """Seconds since 1970, put wherever a test wants them."""

    def __init__(self, *when):
        self.set(*when)

    def set(self, *when):
        self.seconds = datetime(*when, tzinfo=UTC).timestamp()

    def __call__(self):
        return self.seconds


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Recorder:
    """Records files whose contents are their numbers; each run counts anew what is there."""

    def __init__(self, folder, pattern=DAY, *, utc=False, clock=time.time, **budget):
        self.folder, self.budget, self.count = folder, budget, 0
        self.names = Times(pattern, ".mkv", utc, clock)
        self.begin()

    def begin(self):
        self.rotation = Rotation(self.folder, self.names, **self.budget)
        self.rotation.begin()

    def record(self):
        path = next(self.rotation.candidates())
        path.write_text(str(self.count))
        self.count += 1
        self.rotation.add(path)
        return path.name

    def order(self):
        """The numbers, as the program has them in order."""
        return [int((self.folder / name).read_text()) for name in recordings_in(self.folder, self.names)]

    def sorted(self):
        """The numbers in the order of names, as ``ls`` and file managers sort them."""
        paths = sorted(path for path in self.folder.iterdir() if not path.name.startswith("."))
        return [int(path.read_text()) for path in paths]


@pytest.mark.parametrize(
    ("pattern", "utc", "expected"),
    [
        ("day-%Y%m%d-%H%M%S", False, "day-20260701-143005.mkv"),  # summer time is two hours ahead
        ("day-%Y%m%d-%H%M%S", True, "day-20260701-123005.mkv"),
        ("%y.%j 100%%", False, "26.182 100%.mkv"),  # 31 + 28 + 31 + 30 + 31 + 30 days, and one
        ("%Z %Y-%m-%dT%H%M%z", False, "CEST 2026-07-01T1430+0200.mkv"),
        ("%Y-%m-%d_%H", True, "2026-07-01_12.mkv"),
    ],
)
def test_names_tell_the_time(tmp_path, berlin, pattern, utc, expected):
    recorder = Recorder(tmp_path, pattern, utc=utc, clock=Clock(2026, 7, 1, 12, 30, 5))
    assert recorder.record() == expected
    assert recorder.record() == expected.replace(".mkv", "_0002.mkv")
    assert recorder.order() == recorder.sorted() == [0, 1]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("pattern", [DAY, "%Y-%m-%d %H%M", "%Z%Y%m%d%H"])
def test_the_hour_that_comes_twice_keeps_the_order(tmp_path, berlin, restarts, pattern):
    # on 25 October 2026 at 3:00 it is 2:00 again, which is 1:00 of universal time
    clock = Clock(2026, 10, 24, 23, 0)
    recorder = Recorder(tmp_path, pattern, clock=clock, keep=20)
    for _ in range(18):
        recorder.record()
        clock.seconds += 600
        if restarts:
            recorder.begin()
    assert recorder.order() == list(range(18))
    if pattern == DAY:
        assert recorder.sorted() == list(range(18))
        assert (tmp_path / "day-20261025-025000_0002.mkv").exists()
    for _ in range(10):
        recorder.record()
        clock.seconds += 600
    assert recorder.order() == list(range(8, 28))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


STEPS = {
    "an hour back": timedelta(hours=-1),
    "a few seconds back": timedelta(seconds=-7),
    "a day back": timedelta(days=-1),
    "to 1970": timedelta(days=-20_000),
    "an hour ahead": timedelta(hours=1),
    "ten years ahead": timedelta(days=3650),
}


@pytest.mark.parametrize("restarts", [False, True], ids=["goes on", "begins anew"])
@pytest.mark.parametrize("back", [False, True], ids=["stays", "put right later"])
@pytest.mark.parametrize("step", STEPS)
def test_the_newest_stay_wherever_the_clock_is_put(tmp_path, step, back, restarts):
    clock = Clock(2026, 6, 1, 12)
    recorder = Recorder(tmp_path, utc=True, clock=clock, keep=5)

    def some(count):
        for _ in range(count):
            recorder.record()
            clock.seconds += 60
            if restarts:
                recorder.begin()
            assert recorder.order() == list(range(max(0, recorder.count - 5), recorder.count))

    some(6)
    clock.seconds += STEPS[step].total_seconds()
    some(3)
    if back:
        clock.seconds -= STEPS[step].total_seconds()
    some(8)
    # names tell the order again, and nothing is left of what kept it
    assert recorder.sorted() == recorder.order()
    assert len(list(tmp_path.iterdir())) == 5


def test_names_tell_the_clock_again_after_it_was_far_ahead(tmp_path):
    clock = Clock(2099, 1, 1)
    recorder = Recorder(tmp_path, utc=True, clock=clock)
    recorder.record()
    clock.set(2026, 1, 1)
    assert recorder.record() == "day-20260101-000000.mkv"
    assert recorder.order() == [0, 1]


def test_an_order_that_was_lost_or_cut_off_is_that_of_names(tmp_path):
    clock = Clock(2026, 6, 1)
    recorder = Recorder(tmp_path, utc=True, clock=clock)
    recorder.record()
    clock.set(1970, 1, 1)
    recorder.record()
    (index,) = (path for path in tmp_path.iterdir() if path.name.startswith("."))
    assert recorder.order() == [0, 1]
    index.write_bytes(index.read_bytes()[:-8])
    assert recorder.order() == [1, 0]
    clock.seconds += 60
    recorder.record()
    assert recorder.order() == [1, 0, 2]
    index.unlink()
    assert recorder.order() == [1, 2, 0]


def test_two_writers_of_one_series_share_it(tmp_path):
    clock = Clock(2026, 6, 1)
    first, second = (Recorder(tmp_path, utc=True, clock=clock, keep=4) for _ in range(2))
    names = set()
    for _ in range(5):
        for each in (first, second):
            each.rotation.begin()
            names.add(each.record())
        clock.seconds += 60
    assert len(names) == 10
    assert first.order() == [3, 3, 4, 4]


def test_names_that_are_no_times_of_the_series_are_left_alone(tmp_path):
    others = ["day-20260230-000000.mkv", "day-20261301-000000.mkv", "day-2026.mkv", "day-20260101-000000.mp4", "x.mkv"]
    for name in others:
        (tmp_path / name).write_text("mine")
    recorder = Recorder(tmp_path, clock=Clock(2026, 6, 1), keep=1)
    for _ in range(3):
        recorder.record()
    assert all((tmp_path / name).read_text() == "mine" for name in others)
    assert recorder.order() == [2]


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("%d-%m-%Y.mp4", "from the year down"),
        ("%H%M%S.mp4", "from the year down"),
        ("%Y%m%d-%S.mp4", "from the year down"),
        ("%Y%Y%m%d.mp4", "from the year down"),
        ("day-%Q.mp4", "%Q is no part of a time"),
        ("%Y/%m/day.mp4", "not of its folder"),
        ("%Y%m%d/day-%H%M%S.mp4", "not of its folder"),
        ("day-%Y%m%d-%f.mp4", "%f is no part of a time"),
        ("100%.mp4", "%% is a percent sign"),
        ("day.mp4?utc=yes&segment=1", "with a time in the name"),
        ("day-%Y%m%d.mp4?utc=maybe", "yes or no"),
        ("day-%Y%m%d.mp4?keep=3", "go with segment"),
        ("pictures/?utc=yes", "names=time"),
    ],
)
def test_what_cannot_be_a_name_by_time_is_a_usage_error(tmp_path, uri, said):
    with pytest.raises(UsageError, match=said) as raised:
        open_sink(f"{tmp_path}/{uri}")
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []

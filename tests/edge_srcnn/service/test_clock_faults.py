"""Clocks that jump, as they do when a computer without a battery learns the time: nothing depends on them."""

import os
import shutil
import subprocess
from time import monotonic, time

import pytest

pytest.importorskip("av")
pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.sinks.recording_names import Times
from edge_srcnn.sinks.recordings import recordings_in
from tests.edge_srcnn.machine import SLOWER
from tests.edge_srcnn.service.running import BACK_S, Watcher, config, note, running
from tests.edge_srcnn.web.serving import get, wait_until

pytestmark = pytest.mark.slow

# what the file that SHIFT names holds is added to the time of day, in seconds
LIBRARY = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift(void) {
  long seconds = 0;
  FILE *file = fopen(getenv("SHIFT"), "r");
  if (file) {
    if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
    fclose(file);
  }
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = syscall(SYS_clock_gettime, clock, now);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += shift();
  return result;
}

time_t time(time_t *where) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (where) *where = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval *where, void *zone) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  where->tv_sec = now.tv_sec;
  where->tv_usec = now.tv_nsec / 1000;
  return 0;
}
"""
HOUR_S, YEAR_S = 3600, 365 * 86400
JUMPS = {"an hour forward": HOUR_S, "a year forward": YEAR_S, "to where it was": 0, "two years back": -2 * YEAR_S}


@pytest.fixture
def clock(tmp_path):
    """The environment of a process whose clock is shifted, and the file that says by how much."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    (tmp_path / "clock.c").write_text(LIBRARY)
    library, shift = tmp_path / "clock.so", tmp_path / "shift"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "clock.c"], check=True)
    shift.write_text("0")
    return {"LD_PRELOAD": str(library), "SHIFT": str(shift)}, shift


def jump(shift, seconds):
    """Nobody may read half of it."""
    new = shift.with_suffix(".new")
    new.write_text(str(seconds))
    os.replace(new, shift)
    return monotonic()


def by_true_time(folder):
    """Recordings by the time of the kernel, which no jump of the service's own clock reaches."""
    paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return [path.name for path in sorted(paths, key=lambda path: path.stat().st_ctime_ns)]


def test_a_clock_that_jumps_stops_nothing(tmp_path, clock, record_property):
    environment, shift = clock
    folder = tmp_path / "pictures"
    sinks = (
        f"{folder}/?names=time&every=0.2&keep=5",
        f"{tmp_path}/recordings/front.mkv?segment=1&codec=mjpeg",
        f"{tmp_path}/named/day-%Y%m%d-%H%M%S.mkv?segment=1&codec=mjpeg&keep=4",
    )
    text = config("test:size=64x48,fps=15", *sinks, more="statistics_s = 1\n")
    with running(tmp_path, text, watchdog_s=2, environment=environment) as service, Watcher(service) as viewer:
        viewer.sees(live=True, since_s=0.0)
        wait_until(lambda: len(list(folder.glob("*.jpg"))) == 5)
        for seconds in JUMPS.values():
            at = jump(shift, seconds)
            before = service.state()
            wait_until(
                lambda seconds=seconds: (
                    abs(float(get(service, "/snapshot").headers["X-Timestamp"]) - time() - seconds) < 10
                )
            )
            service.wait_for(lambda state, before=before: state["frames_out"] >= before["frames_out"] + 20)
            state = service.state()
            assert state["signal"] and state["phase"] == "live"
            assert state["picture_age_s"] < SLOWER and 0 < state["latency"]["median_ms"] < 500 * SLOWER
            assert state["fps_out"] == pytest.approx(15, abs=3)
            assert get(service, "/healthz").status == 200
            assert viewer.longest_gap_s(since_s=at - 0.2) < 0.7 * SLOWER
            service.systemd.hear("WATCHDOG", since_s=at)
            assert [sink["error"] for sink in state["sinks"]] == [None] * 4
        assert len(list(folder.glob("*.jpg"))) <= 6
        lines = service.log.count(" frames, ")
        running_s = service.state()["running_s"]
        assert lines == pytest.approx(running_s, abs=2)
        assert len(list((tmp_path / "recordings").iterdir())) == pytest.approx(running_s, abs=3)
        newest, left = by_true_time(tmp_path / "named")[-1], list[str]()

        def rotated():  # a new one is there a moment before the oldest is gone
            left[:] = by_true_time(tmp_path / "named")
            return left[-1] != newest and len(left) == 4

        wait_until(rotated)
        assert newest in left
        assert left == recordings_in(tmp_path / "named", Times("day-%Y%m%d-%H%M%S", ".mkv"))
        assert not any(part.at_s and not part.live for part in viewer.parts)
        dropped = sum(sink["dropped"] for sink in service.state()["sinks"])
        assert service.stop() < BACK_S
    assert "Traceback" not in service.log
    remarks = f"{', '.join(JUMPS)}; live, recorded, rotated and timed all along"
    note(record_property, "the clock jumps", noticed_s=None, served_again_s=0.0, lost=dropped, remarks=remarks)

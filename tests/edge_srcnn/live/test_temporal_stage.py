"""Where the mean over time stands: by kind of source, anew after a loss, out of the way where there is no time."""

import gc
import logging
import sys
import tracemalloc
from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest

from edge_srcnn.errors import SourceLost, UsageError
from edge_srcnn.imaging.temporal import TemporalMean, TemporalStrength
from edge_srcnn.live import temporal_stage
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.reader import Opener
from edge_srcnn.live.temporal_stage import LOOK_S, REST_FIRST_S, TemporalStage, TemporalState
from edge_srcnn.sources import KINDS
from edge_srcnn.system.backoff import Backoff
from tests.edge_srcnn.live.capture_parts import Lossless, opener
from tests.edge_srcnn.live.pipeline_parts import wait_for
from tests.edge_srcnn.noise import SIGMA, NoisyScene
from tests.edge_srcnn.service.parts import Camera

NORMAL, WEAK, STRONG = TemporalStrength.NORMAL, TemporalStrength.WEAK, TemporalStrength.STRONG


@pytest.fixture
def stage():
    return TemporalStage()


# which sources


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_cameras_are_averaged_by_themselves_and_nothing_else_is(kind):
    example = kind.example.split(",")[0].split(" (")[0]
    found = Opener.of(example).temporal()
    assert found == {"picamera2": NORMAL, "v4l2": NORMAL, "rtsp": NORMAL, "http": NORMAL}.get(kind.name)


@pytest.mark.parametrize(
    ("setting", "by_setting"), [(None, None), ("auto", NORMAL), ("off", None), ("weak", WEAK), ("strong", STRONG)]
)
@pytest.mark.parametrize(
    ("option", "by_option"), [("", None), ("auto", NORMAL), ("off", None), ("weak", WEAK), ("strong", STRONG)]
)
def test_what_the_name_says_comes_before_the_setting_and_that_before_the_kind(setting, by_setting, option, by_option):
    card, camera = (f"{name}temporal={option}" if option else name for name in ("test:?", "rtsp://camera/s#"))
    for uri, usual in ((card, None), (camera, NORMAL)):
        expected = by_option if option else by_setting if setting else usual
        assert Opener.of(uri.rstrip("?#"), lambda: setting).temporal() == expected


def test_the_setting_may_change_while_the_source_is_open():
    setting = ["weak"]
    opened = Opener.of("clip.mp4", lambda: setting[0])
    assert opened.temporal() == WEAK
    setting[0] = "off"
    assert opened.temporal() is None


def test_a_word_that_it_does_not_know_is_refused_before_anything_is_opened():
    with pytest.raises(UsageError, match="temporal=yes: give one of auto, off, weak, strong"):
        Opener.of("clip.mp4?temporal=yes")


# what it does to frames


def test_nothing_is_averaged_unless_it_is_asked_for(stage):
    scene = NoisyScene()
    for _ in range(5):
        taken = stage.filter(frame := scene.frame(), None, live=True)
        assert taken.frame is taken.camera is frame
    assert stage.state() == TemporalState()


def test_noise_falls_and_the_frame_as_the_camera_gave_it_stays_beside_the_mean(stage):
    scene = NoisyScene()
    for _ in range(40):
        taken = stage.filter(frame := scene.frame(), NORMAL, live=False)
        assert taken.camera is frame
        assert (taken.frame.index, taken.frame.captured_s) == (frame.index, frame.captured_s)
    # a recursive mean of which each frame counts a share of a keeps a / (2 - a) of the variance; a is 1/8 by then
    assert scene.error(taken.frame.luma) < SIGMA * np.sqrt(1 / 8 / (2 - 1 / 8)) * 1.25
    assert scene.error(frame.luma) == pytest.approx(SIGMA, rel=0.1)
    state = stage.state()
    assert (state.strength, state.passing) == ("normal", None)
    assert state.noise == pytest.approx(SIGMA, rel=0.15)
    assert state.still > 0.95
    assert state.median_ms > 0


def differs(taken):
    return not np.array_equal(taken.frame.luma, taken.camera.luma)


@pytest.mark.parametrize("change", ["strength", "size", "off", "anew"])
def test_state_begins_anew(stage, change):
    scene = NoisyScene()
    for _ in range(20):
        taken = stage.filter(scene.frame(), NORMAL, live=False)
    assert differs(taken)
    strength = NORMAL
    if change == "strength":
        strength = WEAK
    elif change == "size":
        scene = NoisyScene((80, 112))
    elif change == "off":
        stage.filter(scene.frame(), None, live=False)
    else:
        stage.begin_anew()
    assert not differs(stage.filter(scene.frame(), strength, live=False))
    assert stage.state().still == 0
    assert differs([stage.filter(scene.frame(), strength, live=False) for _ in range(20)][-1])


class NoisyCamera(Camera):
    """Gives noisy frames of a scene, then raises or waits."""

    def __init__(self, count, then="waits", size=(96, 128)):
        super().__init__(count, then)
        self._scene = NoisyScene(size)

    def read(self):
        frame = super().read()
        return frame and replace(self._scene.frame(), index=frame.index)


def with_time(capture):
    """A capture that has all the time for averaging, on a machine that is busy, too."""
    capture.temporal = TemporalStage(lambda: 0.0)
    return capture


def numbers_of_raw_ones(capture, count):
    return [taken.camera.index for taken in (capture.take() for _ in range(count)) if not differs(taken)]


def test_after_a_loss_the_mean_begins_anew(reading):
    lost = SourceLost("the cable")
    plan = opener(NoisyCamera(20, lost), lost, NoisyCamera(20, lost), NoisyCamera(20, size=(64, 96)))
    capture = reading(with_time(Lossless(replace(plan, temporal=lambda: NORMAL), Backoff(0.02, first_s=0.01))))
    assert numbers_of_raw_ones(capture, 60) == [0, 20, 40]


def test_another_source_has_a_mean_of_its_own(reading):
    one, other = (replace(opener(NoisyCamera(20)), temporal=lambda: NORMAL) for _ in range(2))
    capture = reading(with_time(Lossless(one, Backoff(0.02, first_s=0.01))))
    assert numbers_of_raw_ones(capture, 20) == [0]
    capture.replace(other)
    assert numbers_of_raw_ones(capture, 20) == [20]
    capture.replace(opener(NoisyCamera(5)))  # such as a file, which is not averaged
    assert numbers_of_raw_ones(capture, 5) == [40, 41, 42, 43, 44]


def test_every_frame_counts_whether_or_not_somebody_takes_it(reading):
    camera = NoisyCamera(40)
    capture = reading(with_time(Capture.of(camera, NORMAL)))  # live: one frame waits, and the newest wins
    wait_for(lambda: capture.came.count == 40)
    taken = capture.take()
    while taken.camera.index < 39:
        taken = capture.take()
    assert NoisyScene().error(taken.frame.luma) < SIGMA / 3


# where everything moves


def test_where_everything_moves_frames_pass_and_it_says_so_once(stage, caplog):
    caplog.set_level(logging.INFO)
    scene = NoisyScene()
    for _ in range(90):
        taken = stage.filter(scene.frame(pan=5), NORMAL, live=False)
    assert not differs(taken)
    assert stage.state().passing == "everything moves all the time"
    assert caplog.messages == ["frames are not averaged over time: everything moves all the time"]
    for _ in range(90):
        taken = stage.filter(scene.frame(), NORMAL, live=False)
    assert differs(taken)
    assert stage.state().passing is None
    assert caplog.messages[1:] == ["frames are averaged over time again"]


# where there is no time


class Slow:
    """A machine on which averaging takes so long, and its clock."""

    def __init__(self, monkeypatch, seconds):
        self.now_s, self.seconds = 1000.0, seconds
        machine = self

        class SlowMean(TemporalMean):
            def filter(self, frame):
                machine.now_s += machine.seconds
                return super().filter(frame)

        monkeypatch.setattr(temporal_stage, "TemporalMean", SlowMean)
        scene = NoisyScene((48, 64))
        self.stage, self._frames = TemporalStage(lambda: self.now_s), cycle([scene.frame() for _ in range(16)])

    def run(self, seconds, *, live=True):
        """A camera of 25 frames a second; how many of its frames were averaged."""
        end_s, averaged = self.now_s + seconds, 0
        while self.now_s < end_s:
            began_s = self.now_s
            averaged += differs(self.stage.filter(next(self._frames), NORMAL, live=live))
            self.now_s = max(self.now_s, began_s + 0.04)
        return averaged


def test_a_slow_machine_keeps_the_cameras_rate(monkeypatch, caplog):
    slow = Slow(monkeypatch, 0.03)
    assert slow.run(LOOK_S) > 0
    assert slow.run(0.5 * REST_FIRST_S) == 0
    assert slow.stage.state().passing == "it takes 30 ms a frame, of 40 ms"
    assert caplog.messages == [
        "frames are not averaged over time: it takes 30 ms a frame, of 40 ms; "
        "what helps: a smaller size= or fps= of the source; temporal=off ends this"
    ]
    slow.seconds = 0.01  # it had other work
    assert slow.run(REST_FIRST_S) > 0
    assert slow.stage.state().passing is None


def test_it_is_tried_again_more_and_more_rarely(monkeypatch, caplog):
    slow = Slow(monkeypatch, 0.03)
    averaged = slow.run(600)
    # for LOOK_S at a time, after 10, 20, 40, ... 320 s, each up to a quarter shorter
    assert 6 * LOOK_S * 0.8 <= averaged / 25 <= 8 * LOOK_S
    assert len(caplog.messages) < 16


def test_a_machine_that_is_quick_enough_averages_every_frame(monkeypatch):
    assert Slow(monkeypatch, 0.015).run(20) >= 20 * 25 - 2


def test_of_a_file_every_frame_is_averaged_whatever_it_takes(monkeypatch):
    slow = Slow(monkeypatch, 0.1)
    assert slow.run(20, live=False) == 20 * 10 - 1


@pytest.mark.slow
def test_memory_stays_flat_over_ten_thousand_frames(stage):
    scene = NoisyScene((32, 48))
    frames = [scene.frame() for _ in range(50)]

    def blocks_after(count):
        for number in range(count):
            stage.filter(frames[number * 7 % 50], NORMAL, live=False)
        gc.collect()
        return sys.getallocatedblocks()

    def bytes_after(count):
        blocks_after(count)
        return tracemalloc.get_traced_memory()[0]

    before = blocks_after(500)
    assert blocks_after(8_500) - before < 100
    tracemalloc.start()  # knows the size of arrays, too, and takes as long as the filter
    try:
        before = bytes_after(100)
        assert bytes_after(900) - before < 5_000
    finally:
        tracemalloc.stop()

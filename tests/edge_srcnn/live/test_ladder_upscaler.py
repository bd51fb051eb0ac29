"""Live video on a ladder: real threads, models that take a known time, and a clock that only they move."""

import threading
from time import sleep

import numpy as np
import pytest

from edge_srcnn.engine.tuning_cache import TuningCache
from edge_srcnn.errors import NoInput
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.live.governor import HOLD_S, PATIENCE_S, Governor
from edge_srcnn.live.ladder_upscaler import LadderUpscaler
from tests.edge_srcnn.live.ladder_parts import COOL, FPS, HOT, Bench, Camera, Model
from tests.edge_srcnn.live.pipeline_parts import wait_for

pytestmark = pytest.mark.usefixtures("no_thread_stays")

LADDER = ("small", "middle", "large")


@pytest.fixture
def bench(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Bench()


@pytest.fixture
def on_ladder(bench):
    made = []

    def make(models=LADDER, governor=None, fps=FPS, **options):
        governor = governor or Governor(len(models), hot_c=80)
        upscaler = LadderUpscaler(
            models,
            bench.make,
            governor,
            target_fps=lambda: fps,
            key_for=bench.key_for,
            heat=lambda: bench.heat,
            clock=bench.clock,
            **options,
        )
        made.append(upscaler)
        return upscaler, Camera(bench, upscaler)

    yield make
    for upscaler in made:
        upscaler.close()
    wait_for(lambda: all(model.closed for model in bench.made))


@pytest.mark.parametrize(
    ("middle_s", "large_s", "chosen"),
    [
        (0.012, 0.0319, "large"),  # eight tenths of 40 ms are 32
        (0.012, 0.0321, "middle"),
        (0.033, 0.1, "small"),
        (0.2, 0.9, "small"),
    ],
)
def test_the_best_that_has_room_is_chosen_within_a_second(bench, on_ladder, middle_s, large_s, chosen):
    bench.times_s |= {"middle": middle_s, "large": large_s}
    upscaler, camera = on_ladder()
    camera.run(1)
    assert upscaler.model == chosen
    assert upscaler.ladder.models[upscaler.ladder.index] == chosen
    assert upscaler.ladder.steps == ()
    assert camera.out[0][1] == "small"  # the first picture waits for nothing
    assert camera.longest_gap_s() < 0.2
    camera.run(60)
    assert upscaler.model == chosen


def test_what_was_measured_is_remembered_and_not_measured_again(bench, on_ladder):
    upscaler, camera = on_ladder()
    camera.run(1)
    assert bench.remembered == pytest.approx({"small": 0.005, "middle": 0.012, "large": 0.03})
    before = len(bench.made)
    upscaler, camera = on_ladder()
    camera.run(1)
    assert upscaler.model == "large"
    assert [model.model for model in bench.made[before:]] == ["small", "large"]


def test_a_model_that_is_far_too_slow_is_not_timed_alone_and_those_above_it_not_at_all(bench, on_ladder):
    bench.times_s |= {"middle": 5.0}
    _, camera = on_ladder()
    camera.run(1)
    assert [model.model for model in bench.made] == ["small", "middle"]
    assert len(bench.made[1].sizes) == 2  # once to make it ready, once to see that it is hopeless


def test_behind_it_steps_down_by_an_engine_that_has_computed_a_frame_of_this_size(bench, on_ladder, caplog):
    upscaler, camera = on_ladder()
    camera.run(2)
    bench.load = 1.5
    camera.run(HOLD_S + 3)
    assert upscaler.model == "middle"
    assert bench.made[-1].sizes[0] == (16, 12)
    assert "middle: stepped down: " in caplog.text
    assert camera.longest_gap_s() < 0.5
    (count,) = upscaler.ladder.steps
    assert (count.direction, count.reason, count.count) == ("down", "behind", 1)


def test_hot_it_steps_down_and_cool_again_up(bench, on_ladder, caplog):
    upscaler, camera = on_ladder()
    camera.run(2)
    bench.heat = HOT
    camera.run(HOLD_S + 3)
    assert upscaler.model == "middle"
    assert upscaler.ladder.last_step == "stepped down: 85 °C"
    assert upscaler.ladder.hot == "85 °C"
    assert "middle: stepped down: 85 °C" in caplog.text
    bench.heat = COOL
    camera.run(PATIENCE_S + 3)
    assert upscaler.model == "large"
    assert upscaler.ladder.last_step.startswith("stepped up: ")


def test_a_step_up_is_refused_where_moving_parts_would_be_too_slow(bench, on_ladder):
    bench.times_s |= {"middle": 0.05}
    upscaler, camera = on_ladder()
    camera.run(2)
    assert upscaler.model == "small"
    bench.load = 0.5  # as if still parts were reused: 25 ms would have room, by the live frames' time
    real = Model.upscale_frame

    def in_full(self, frame):
        load, self.bench.load = self.bench.load, self.bench.load if self.model == "small" else 1.0
        try:
            return real(self, frame)
        finally:
            self.bench.load = load

    Model.upscale_frame = in_full
    try:
        camera.run(2 * PATIENCE_S)
    finally:
        Model.upscale_frame = real
    assert upscaler.model == "small"
    assert upscaler.ladder.steps == ()
    tried = [model for model in bench.made if model.model == "middle"]
    assert len(tried) == 2  # at the beginning, and for the step
    wait_for(lambda: all(model.closed for model in tried))


def test_a_model_that_cannot_be_made_leaves_the_present_one_and_is_told_once(bench, on_ladder, caplog):
    upscaler, camera = on_ladder()
    camera.run(2)
    bench.load, bench.refuses = 1.5, NoInput("middle.tflite: gone")
    camera.run(30)
    assert upscaler.model == "large"
    assert caplog.text.count("middle.tflite: gone") == 1
    bench.refuses = None
    camera.run(6)
    assert upscaler.model == "middle"


@pytest.mark.parametrize("fails", ["middle", "large"])
@pytest.mark.parametrize("frame", [1, 2, 3])
def test_a_model_that_fails_while_it_is_measured_leaves_no_engine_behind(bench, on_ladder, caplog, fails, frame):
    real = Model.upscale_frame

    def fail(self, given):
        if self.model == fails and len(self.sizes) + 1 == frame:
            raise MemoryError("no room for the network")
        return real(self, given)

    Model.upscale_frame = fail
    try:
        upscaler, camera = on_ladder()
        camera.run(2)
    finally:
        Model.upscale_frame = real
    assert upscaler.model == "small"
    assert caplog.text.count("no room for the network") == 1
    assert [model.model for model in bench.made if not model.closed] == ["small"]


def test_a_step_up_that_fails_while_it_is_measured_leaves_no_engine_behind(bench, on_ladder):
    bench.times_s |= {"middle": 0.05}
    upscaler, camera = on_ladder()
    camera.run(2)
    bench.load = 0.5
    real = Model.upscale_frame

    def fail(self, given):
        if self.model == "middle" and len(self.sizes) == 2:
            raise MemoryError("no room for the network")
        return real(self, given)

    Model.upscale_frame = fail
    try:
        camera.run(2 * PATIENCE_S)
    finally:
        Model.upscale_frame = real
    assert upscaler.model == "small"
    assert len([model for model in bench.made if model.model == "middle"]) >= 2
    assert [model.model for model in bench.made if not model.closed] == ["small"]


def test_when_even_the_fastest_is_too_slow_frames_are_dropped_and_the_log_says_once_what_helps(
    bench, on_ladder, caplog
):
    bench.times_s |= {"small": 0.09}
    upscaler, camera = on_ladder()
    camera.run(30)
    assert upscaler.model == "small"
    assert upscaler.ladder.too_slow == "11.1 of 25 frames a second"
    told = [record.getMessage() for record in caplog.records if "too slow" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("even small is too slow")
    assert all(cure in told[0] for cure in ("smaller size", "--reuse", "edge-srcnn tune"))


def test_a_named_model_is_not_stepped_and_gives_the_same_line(bench, on_ladder, caplog):
    bench.times_s |= {"middle": 0.09}
    upscaler, camera = on_ladder(models=("middle",))
    camera.run(30)
    assert len(bench.made) == 1
    assert upscaler.ladder.models == ("middle",)
    assert sum("middle is too slow" in record.getMessage() for record in caplog.records) == 1


def test_the_model_stays_when_the_engine_is_made_anew(bench, on_ladder):
    governor = Governor(3, hot_c=80)
    _, camera = on_ladder(governor=governor)
    camera.run(2)
    again, _ = on_ladder(governor=governor)
    assert again.model == "large"


def test_frames_of_another_size_choose_anew(bench, on_ladder):
    upscaler, camera = on_ladder()
    camera.run(2)
    TuningCache().clear()
    bench.load = 2.0
    camera.run(1, size=(32, 24))
    assert upscaler.model == "middle"
    assert upscaler.ladder.steps == ()


def test_without_a_rate_the_camera_is_measured(bench, on_ladder):
    upscaler, camera = on_ladder(fps=None)
    camera.run(3)
    assert upscaler.ladder.target_fps == pytest.approx(FPS, rel=0.05)
    assert upscaler.model == "large"


def test_a_camera_that_gives_fewer_frames_than_it_says_leaves_more_time(bench, on_ladder):
    bench.times_s |= {"large": 0.036}
    upscaler, camera = on_ladder(fps=100.0)
    camera.run(3)
    assert upscaler.ladder.target_fps == pytest.approx(FPS * 1.1, rel=0.05)


def test_a_rate_that_is_to_be_kept_and_is_less_than_the_cameras_leaves_more_time(bench, on_ladder):
    bench.times_s |= {"large": 0.07}
    upscaler, camera = on_ladder(fps=10.0)  # 80 ms of 100
    camera.run(60)
    assert upscaler.model == "large"
    assert upscaler.ladder.too_slow is None


def test_a_rest_is_no_reason_to_step(bench, on_ladder):
    upscaler, camera = on_ladder()
    camera.run(2)
    for _ in range(20):
        bench.load = 1.5
        camera.run(2)
        upscaler.rest()
        bench.now_s += 60
    assert upscaler.ladder.steps == ()


def test_an_engine_that_is_ready_after_the_end_is_let_go(bench):
    started, may_go = threading.Event(), threading.Event()

    class Slow(Bench):
        def make(self, name):
            if name == "middle":
                started.set()
                may_go.wait(20)
            return super().make(name)

    slow = Slow()
    upscaler = LadderUpscaler(
        LADDER,
        slow.make,
        Governor(3),
        target_fps=lambda: FPS,
        key_for=slow.key_for,
        heat=lambda: COOL,
        clock=slow.clock,
    )
    frame = Frame(np.zeros((12, 16), np.uint8), None, Colour(), 0, 0.0, 0.0)
    upscaler.upscale_frame(frame)
    assert started.wait(20)
    closing = threading.Thread(target=upscaler.close)
    closing.start()
    sleep(0.05)
    may_go.set()
    closing.join(20)
    wait_for(lambda: len(slow.made) > 1 and all(model.closed for model in slow.made))

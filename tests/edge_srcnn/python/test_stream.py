"""``edge_srcnn.stream``: frames in a loop, options, errors, and nothing that stays when the loop is left."""

import gc
import os
import signal
import subprocess
import sys
import threading
import typing
from time import monotonic, sleep

import cv2
import numpy as np
import pytest

import edge_srcnn
from edge_srcnn.errors import EdgeSrcnnError, NoInput, SourceLost, UsageError
from edge_srcnn.imaging.colour import planes_of_rgb
from edge_srcnn.imaging.frame import EnhancedFrame
from edge_srcnn.python.frame_slot import FRESH_S
from edge_srcnn.python.options import StreamOptions

CARD = "test:?size=64x48&fps=max&frames=12"
LIVE = "test:?size=64x48&fps=40"
BICUBIC = {"engine": "bicubic"}

pytestmark = pytest.mark.usefixtures("no_thread_stays")


def test_every_frame_of_a_file_comes_in_order_and_nothing_stays():
    frames = list(edge_srcnn.stream(CARD, **BICUBIC))
    assert [frame.index for frame in frames] == list(range(12))
    assert {(frame.size, frame.original.size) for frame in frames} == {((128, 96), (64, 48))}
    assert [frame.time_s for frame in frames] == [number / 15 for number in range(12)]


def test_a_slow_loop_loses_no_frame_of_a_file():
    frames = []
    for frame in edge_srcnn.stream(CARD, **BICUBIC):
        sleep(0.02)
        frames.append(frame.index)
    assert frames == list(range(12))


def test_frames_are_those_that_the_upscaler_makes():
    with edge_srcnn.load_model("fast-s-x2") as upscaler:
        for frame in edge_srcnn.stream(CARD, model="fast-s-x2"):
            assert np.array_equal(frame.luma, upscaler.upscale(frame.original.luma.copy()))


@pytest.mark.slow
def test_the_newest_frame_of_a_camera_comes():
    with edge_srcnn.stream(LIVE, **BICUBIC) as frames:
        first = next(frames)
        sleep(0.5)
        second = next(frames)
        assert second.index - first.index >= 10  # of the 20 that came meanwhile
        assert monotonic() - second.captured_s < FRESH_S + 0.2  # and one that waits for a processor
        assert frames.live


@pytest.mark.slow
def test_no_more_is_computed_than_is_taken_and_ten_a_second():
    with edge_srcnn.stream("test:?size=64x48&fps=100", **BICUBIC) as frames:
        next(frames)
        began, before = monotonic(), frames.state().frames_out
        sleep(0.6)
        computed = frames.state().frames_out - before
        assert computed <= (monotonic() - began) / FRESH_S + 2


def test_planes_are_views_that_nobody_writes_into_and_pictures_are_ones_own():
    frame = next(edge_srcnn.stream(CARD, **BICUBIC))
    assert isinstance(frame, EnhancedFrame)
    for plane in (frame.luma, *frame.chroma, frame.original.luma):
        with pytest.raises(ValueError, match="read-only"):
            plane[0, 0] = 1
    assert cv2.resize(frame.luma, (10, 10)).shape == (10, 10)  # OpenCV reads it all the same
    rgb, bgr = frame.rgb(), frame.bgr()
    assert rgb.shape == (96, 128, 3)
    assert np.array_equal(rgb[..., ::-1], bgr)
    rgb[:] = 0
    assert np.abs(planes_of_rgb(frame.rgb())[0].astype(int) - frame.luma).mean() < 2


def test_a_loop_that_is_left_early_leaves_no_thread():
    for frame in edge_srcnn.stream(LIVE, **BICUBIC):
        assert frame.index == 0
        break
    gc.collect()
    assert not [thread for thread in threading.enumerate() if "capture" in thread.name]


def test_an_error_in_the_loop_leaves_no_thread():
    with pytest.raises(ZeroDivisionError), edge_srcnn.stream(LIVE, **BICUBIC) as frames:
        for frame in frames:
            _ = 1 / frame.index


def test_closing_ends_it_at_once_and_may_be_done_twice():
    frames = edge_srcnn.stream("test:?size=64x48&fps=0.1", **BICUBIC)
    next(frames)
    waiting = threading.Thread(target=lambda: list(frames))
    waiting.start()
    began = monotonic()
    frames.close()
    frames.close()
    waiting.join(5)
    assert not waiting.is_alive()
    assert monotonic() - began < 5  # the next frame would come after 10 s
    assert frames.ended
    assert list(frames) == []


def test_read_waits_no_longer_than_it_is_told():
    with edge_srcnn.stream("test:?size=64x48&fps=0.1", **BICUBIC) as frames:
        assert frames.read(timeout_s=5).index == 0
        assert frames.read(timeout_s=0) is None
        assert frames.read(timeout_s=0.05) is None
        assert not frames.ended


def test_frames_go_to_other_sinks_besides(tmp_path):
    pictures = tmp_path / "pictures"
    indexes = [frame.index for frame in edge_srcnn.stream(CARD, sinks=f"{pictures}/", **BICUBIC)]
    assert len(indexes) == len(list(pictures.iterdir())) == 12


@pytest.mark.parametrize(
    ("options", "shape"),
    [({"scale": 3}, (144, 192)), ({"model": "fast-s-x4"}, (192, 256)), ({"model": "fast-s-x2", "scale": 2}, (96, 128))],
)
def test_model_and_scale_are_taken(options, shape):
    assert next(edge_srcnn.stream(CARD, **options)).luma.shape == shape


def test_a_region_is_enhanced_and_the_rest_is_bicubic():
    plain = next(edge_srcnn.stream(CARD, **BICUBIC))
    frames = edge_srcnn.stream(CARD, model="fast-s-x2", roi=(0, 0, 16, 48))
    region = next(frames)
    assert np.array_equal(region.luma[:, 32:], plain.luma[:, 32:])
    assert not np.array_equal(region.luma[:, :32], plain.luma[:, :32])
    frames.close()


@pytest.mark.parametrize(
    ("source", "options", "error", "said"),
    [
        ("missing.mp4", {}, NoInput, "missing.mp4: there is no such file"),
        ("", {}, UsageError, "needs a name"),
        ("test:?colour=red", {}, UsageError, "no option is called 'colour'"),
        (CARD, {"scale": 5}, UsageError, "scale=5: give a whole number, 1 to 4"),
        (CARD, {"model": "fast-s-x3", "scale": 2}, UsageError, "scale=2: model fast-s-x3 is for x3"),
        (CARD, {"model": "fast-q"}, NoInput, "fast-q: neither a file nor one of the bundled models"),
        (CARD, {"strength": 9}, UsageError, "strength 9: give a number from 0"),
        (CARD, {"threads": "many"}, UsageError, "threads='many': give a whole number"),
        (CARD, {"temporal": "much"}, UsageError, "temporal='much': give one of auto, "),
        (CARD, {"keep_fps": 0}, UsageError, "keep_fps=0: give frames a second"),
        (CARD, {"roi": (0, 0, 5)}, UsageError, "roi='0,0,5': give left,top,width,height"),
        (CARD, {"engine": "cuda"}, UsageError, "give one of auto, "),
        (CARD, {"name": "a\nb"}, UsageError, "no control characters"),
        (CARD, {"sinks": ["null:?a=b"]}, UsageError, "no option is called 'a'"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(source, options, error, said):
    with pytest.raises(error) as caught:
        edge_srcnn.stream(source, **options)
    assert said in str(caught.value)
    assert isinstance(caught.value, EdgeSrcnnError)


def test_the_options_are_the_same_for_all_that_take_them():
    signature = typing.get_type_hints(edge_srcnn.stream)
    del signature["source"], signature["return"]
    assert signature == typing.get_type_hints(StreamOptions)


@pytest.mark.slow
def test_what_ends_a_camera_is_raised_by_the_loop(camera):
    pytest.importorskip("av")
    pytest.importorskip("requests")
    seen = []
    with pytest.raises(SourceLost, match="no frame came"):
        for frame in edge_srcnn.stream(f"{camera}/stalls/20#timeout=1", **BICUBIC):
            seen.append(frame.index)
    assert seen


@pytest.mark.slow
def test_a_steady_stream_waits_for_its_camera_and_goes_on():
    pytest.importorskip("av")
    pytest.importorskip("requests")
    from tests.edge_srcnn.service.faulty_camera import FaultyCamera

    with FaultyCamera() as camera, edge_srcnn.stream(camera.uri(), steady=True, **BICUBIC) as frames:
        before = next(frames)
        camera.vanish()
        while frames.read(timeout_s=1) is not None:
            pass
        camera.appear()
        after = next(frames)
        assert after.captured_s > before.captured_s


@pytest.mark.slow
def test_ctrl_c_ends_a_loop_that_waits(cli_environment):
    code = (
        "import edge_srcnn, sys, threading\n"
        "try:\n"
        "    for frame in edge_srcnn.stream('test:?size=64x48&fps=0.1', engine='bicubic'):\n"
        "        print('waits', flush=True)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(f'{threading.active_count()} thread')\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=cli_environment,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "waits\n"
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=20)
    assert said == "1 thread\n"


@pytest.mark.slow
def test_a_program_that_never_closes_ends_all_the_same(cli_environment):
    code = (
        "import edge_srcnn\n"
        "frames = edge_srcnn.stream('test:?size=64x48', engine='bicubic')\n"
        "print(next(frames).index)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=cli_environment, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.slow
def test_twenty_streams_leave_no_thread_and_no_file():
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))

    list(edge_srcnn.stream(CARD, model="fast-s-x2"))
    before = opened()
    for number in range(20):
        for frame in edge_srcnn.stream(CARD if number % 2 else LIVE, model="fast-s-x2"):
            if frame.index >= 2:
                break
    gc.collect()
    assert opened() <= before


@pytest.mark.slow
def test_frames_cost_no_memory_that_stays(cli_environment):
    code = (
        "import edge_srcnn, resource\n"
        "used = []\n"
        "for frame in edge_srcnn.stream('test:?size=640x480&fps=max&frames=150', engine='bicubic'):\n"
        "    used.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "print(used[-1] - used[30])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=cli_environment, timeout=60)
    assert int(done.stdout) < 20_000  # kilobytes: eleven of the 1280x960 frames, of which 120 came

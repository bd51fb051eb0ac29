"""RTSP cameras: times that jump, pictures that lost a part on their way, and slow ones."""

from itertools import pairwise

import pytest

pytest.importorskip("av")

from edge_srcnn.errors import BadPicture, SourceLost
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import collect
from tests.edge_srcnn.sources.raw_server import serving
from tests.edge_srcnn.sources.rtsp_server import FPS, rtp_frames, rtsp_camera, with_time

pytestmark = pytest.mark.slow

CODECS = ("mjpeg", "libx264")
HOUR_S = 3600


@pytest.mark.parametrize("codec", CODECS)
def test_times_of_rtp_that_jump_are_replaced_by_those_of_arrival(codec, caplog):
    frames = rtp_frames(codec, 3 * FPS)
    jumps = [HOUR_S if number > FPS else 0 for number in range(len(frames))]
    jumps = [jump - 2 * HOUR_S if number > 2 * FPS else jump for number, jump in enumerate(jumps)]
    changed = [
        [with_time(packet, lambda s, jump=jump: s + jump) for packet in frame]
        for frame, jump in zip(frames, jumps, strict=True)
    ]
    with serving(rtsp_camera(codec, changed)) as host:
        found, error = collect(open_source(f"rtsp://{host}/x#timeout=3"))
    assert isinstance(error, SourceLost)
    assert len(found) >= 2.5 * FPS
    times = [frame.time_s for frame in found]
    assert all(before < after for before, after in pairwise(times))
    assert times[-1] == pytest.approx(found[-1].captured_s - found[0].captured_s, abs=1.5)
    assert sum("timed by their arrival" in record.message for record in caplog.records) == 1


def test_pictures_that_lost_a_part_on_their_way_are_left_out():
    frames = rtp_frames("mjpeg", 2 * FPS, size=(160, 120))
    assert min(map(len, frames)) > 3
    lossy = [frame if number % 5 else [*frame[:1], *frame[2:]] for number, frame in enumerate(frames)]
    with serving(rtsp_camera("mjpeg", lossy, fps=4 * FPS)) as host:
        found, _ = collect(open_source(f"rtsp://{host}/x#timeout=3"))
    assert len(frames) * 3 // 5 <= len(found) <= len(frames) - len(frames) // 5


def test_pictures_of_rtp_may_have_too_many_pixels():
    with serving(rtsp_camera("mjpeg", rtp_frames("mjpeg", 20, size=(160, 120)))) as host:
        _, error = collect(open_source(f"rtsp://{host}/x#max_pixels=10000&timeout=3"))
    assert isinstance(error, BadPicture) and "160x120" in str(error)


def test_a_slow_camera_is_waited_for_over_rtsp():
    frames = rtp_frames("mjpeg", 12)
    with serving(rtsp_camera("mjpeg", frames, fps=2)) as host:
        found, error = collect(open_source(f"rtsp://{host}/x#timeout=0.4"))
    assert len(found) >= 8 and isinstance(error, SourceLost), error

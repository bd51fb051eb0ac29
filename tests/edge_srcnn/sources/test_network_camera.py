"""Network cameras: frames in order, and an end in time when nothing more comes."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest

pytest.importorskip("av")

from edge_srcnn.errors import SourceLost, UsageError
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import SOON_S, collect

pytestmark = pytest.mark.slow


@contextmanager
def lost_in_time() -> Iterator[None]:
    """What happens within is ``SourceLost``, soon, and in one line."""
    began = monotonic()
    with pytest.raises(SourceLost) as raised:
        yield
    assert monotonic() - began < SOON_S
    assert "\n" not in str(raised.value)


def test_a_network_camera_is_live_and_its_frames_come_in_order(camera):
    source = open_source(f"{camera}/works#timeout=10")
    assert (source.live, source.frames, source.stream_copy) == (True, None, None)
    frames = []
    for frame in source:
        frames.append(frame)
        if len(frames) == 100:
            source.close()
    assert len(frames) <= 101
    numbers = [frame.index for frame in frames]  # those that a newer one overtook are left out
    assert numbers == sorted(set(numbers))
    levels = [int(frame.luma[24, 32]) for frame in frames]
    assert levels == pytest.approx([number % 200 for number in numbers], abs=2)
    assert frames[0].colour.full_range is True
    assert all(frame.captured_s <= monotonic() for frame in frames)


@pytest.mark.parametrize("what", ["pauses", "stalls"])  # between two frames, and within one
def test_a_camera_that_stalls_is_lost_in_time_after_its_frames(camera, what):
    source = open_source(f"{camera}/{what}/60#timeout=1")
    began = monotonic()
    frames, error = collect(source)
    assert monotonic() - began < SOON_S
    assert frames[-1].index >= 57
    assert isinstance(error, SourceLost)
    if what == "pauses":
        assert "no frame came within the time limit" in str(error)


@pytest.mark.parametrize("what", ["drops", "breaks"])
def test_a_camera_that_drops_the_connection_is_lost(camera, what):
    began = monotonic()
    frames, error = collect(open_source(f"{camera}/{what}/60#timeout=3"))
    assert monotonic() - began < SOON_S
    assert frames[-1].index >= 57
    assert isinstance(error, SourceLost)


@pytest.mark.parametrize("what", ["none", "silent"])
def test_a_camera_that_gives_nothing_is_lost_in_time(camera, what):
    with lost_in_time():
        open_source(f"{camera}/{what}#timeout=0.7")


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_an_address_where_nobody_listens_is_lost(scheme):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with lost_in_time():
        open_source(f"{scheme}://127.0.0.1:{port}/stream#timeout=2")


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_says_nothing_is_lost_in_time(scheme):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        began = monotonic()
        with pytest.raises(SourceLost, match="does not answer within the time limit"):
            open_source(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/stream#timeout=0.7")
        assert 0.5 <= monotonic() - began < SOON_S


def test_options_of_network_cameras_follow_a_hash():
    with pytest.raises(UsageError, match="tcp, udp"):
        open_source("rtsp://127.0.0.1/x#transport=pigeon")
    with pytest.raises(UsageError, match="timeout, every, max_pixels"):
        open_source("http://127.0.0.1/x#speed=1")

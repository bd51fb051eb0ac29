"""Cameras that fail, one fault after another, and the service seen from outside: it always comes back by itself."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from time import monotonic

import pytest

pytest.importorskip("av")
pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from tests.edge_srcnn.clips import decode
from tests.edge_srcnn.machine import SLOWER
from tests.edge_srcnn.service.faulty_camera import FaultyCamera
from tests.edge_srcnn.service.running import BACK_S, Watcher, config, note, running
from tests.edge_srcnn.web.serving import get, wait_until

pytestmark = pytest.mark.slow

LOSSES = 20
GREYED = 2
"""Of them, so many last until viewers are told; that alone takes 2 s each."""

WAITING = "waiting for camera"
PASSWORD = "not-for-viewers"


@pytest.fixture
def camera():
    with FaultyCamera() as camera:
        yield camera


def with_password(uri):
    return uri.replace("http://", f"http://eye:{PASSWORD}@")


def is_live(state):
    return state["phase"] == "live"


def lost_since(service, camera, before):
    """Pictures that the camera gave since ``before`` (its count, the service's) and that were not enhanced."""
    wait_until(lambda: service.state()["frames_in"] > before[1])
    sent, state = camera.sent, service.state()
    return max(sent - before[0] - (state["frames_out"] - before[1]), 0)


def lose_and_find(folder):
    """A camera that vanishes and appears 20 times, before one viewer: what was measured."""
    noticed, again, lost = [], [], 0
    with (
        FaultyCamera() as camera,
        running(folder, config(camera.uri()), watchdog_s=2) as service,
        Watcher(service) as viewer,
    ):
        viewer.sees(live=True, since_s=0.0)
        service.wait_for(is_live)
        for number in range(LOSSES):
            counts = camera.sent, service.state()["frames_out"]
            greyed = number % (LOSSES // GREYED) == 0
            if greyed:  # what is late depends on what is usual
                service.wait_for(lambda s, least=counts[1] + 10: s["frames_out"] > least)
            camera.vanish()
            gone_s = camera.since_s
            noticed.append(service.wait_for(lambda s, number=number: s["camera_losses"] > number) - gone_s)
            gone = service.state()["frames_in"]
            if greyed:
                seen_s = viewer.sees(live=False, since_s=gone_s, size=(128, 96)) - gone_s
                assert get(service, "/snapshot.jpg").headers["X-Signal"] == "lost"
                assert re.fullmatch(r"no picture for \d s\n", get(service, "/healthz").text)
                assert service.state()["phase"] == WAITING
            camera.appear()
            again.append(viewer.sees(live=True, since_s=camera.since_s) - camera.since_s)
            # on a busy machine the viewer may have seen a late one of before
            service.wait_for(lambda s, gone=gone: s["frames_in"] > gone)
            lost += lost_since(service, camera, counts)
            if number == 0:
                before = service.usage()
        service.wait_for(is_live)
        after = service.usage()
        assert viewer.broken is None
        assert service.state()["clients"] == 1
        watchdogs = [at for at, _ in service.systemd.said("WATCHDOG")]
    assert "Traceback" not in service.log
    return noticed, again, lost, seen_s, watchdogs, before, after


@pytest.fixture(scope="module", autouse=True)
def losses(tmp_path_factory):
    """What ``lose_and_find`` finds; it takes half a minute, and the other tests run meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(lose_and_find, tmp_path_factory.mktemp("losses"))


def test_a_camera_that_is_absent_at_the_start_is_waited_for(tmp_path, record_property):
    with FaultyCamera(absent=True) as camera, running(tmp_path, config(with_password(camera.uri()))) as service:
        ready_s, said = service.systemd.hear("READY")
        assert said["STATUS"].startswith(f"{WAITING}: http://***@127.0.0.1:")
        assert "Connection refused" in said["STATUS"]
        with Watcher(service) as viewer:
            health = get(service, "/healthz")
            assert (health.status, health.text) == (503, "there is no picture yet\n")
            viewer.sees(live=False, since_s=0.0, size=(640, 360))
            assert PASSWORD not in get(service, "/state").text
            camera.appear()
            served_s = viewer.sees(live=True, since_s=camera.since_s, size=(128, 96)) - camera.since_s
            service.wait_for(is_live)
            assert viewer.broken is None
        wait_until(lambda: service.systemd.status == "live: 64x48 to 128x96")
        lost = lost_since(service, camera, (0, 0))
        assert len(service.systemd.said("READY")) == 1
    assert "Traceback" not in service.log
    assert PASSWORD not in service.log
    assert served_s < BACK_S
    noticed_s = ready_s - service.began_s
    note(record_property, "camera absent at the start", noticed_s=noticed_s, served_again_s=served_s, lost=lost)


def test_a_camera_that_stalls_or_talks_nonsense_is_left_and_tried_again(tmp_path, camera, record_property):
    with running(tmp_path, config(camera.uri(timeout_s=0.7))) as service, Watcher(service) as viewer:
        faults = {
            "camera stalls without an error": (camera.stall, "no frame came within the time limit"),
            "camera sends garbage": (camera.talk_nonsense, "broke off|no frame came|no video"),
            "connection to the camera reset": (camera.drop, "broke off|ended"),
        }
        for losses, (fault, (inject, said)) in enumerate(faults.items()):
            service.wait_for(is_live)
            frames = service.state()["frames_out"]
            service.wait_for(lambda s, frames=frames: s["frames_out"] > frames + 10)  # so that its rate is known
            counts = camera.sent, service.state()["frames_out"]
            inject()
            began_s = camera.since_s
            noticed_s = service.wait_for(lambda s, losses=losses: s["camera_losses"] > losses) - began_s
            assert re.search(said, service.log)
            if inject != camera.drop:
                viewer.sees(live=False, since_s=began_s)
                camera.work()
            again_s = viewer.sees(live=True, since_s=camera.since_s + 0.05) - camera.since_s
            lost = lost_since(service, camera, counts)
            note(record_property, fault, noticed_s=noticed_s, served_again_s=again_s, lost=lost)
            assert again_s < BACK_S
            assert service.state()["phase"] != "stopping"
        assert viewer.broken is None
    assert "Traceback" not in service.log


def test_a_camera_that_changes_its_size_goes_on_in_a_new_segment(tmp_path, camera, record_property):
    folder = tmp_path / "recordings"
    with (
        running(tmp_path, config(camera.uri(), f"{folder}/front.mkv?segment=600")) as service,
        Watcher(service) as viewer,
    ):
        viewer.sees(live=True, since_s=0.0)
        service.wait_for(lambda state: state["frames_out"] >= 20)
        camera.resize(96, 64)
        served_s = viewer.sees(live=True, since_s=camera.since_s, size=(192, 128)) - camera.since_s
        began_s = monotonic()
        service.wait_for(lambda state: state["size_out"] == [192, 128] and state["phase"] == "live")
        service.wait_for(lambda state: state["frames_out"] >= 50)
        assert viewer.broken is None
        assert viewer.longest_gap_s(since_s=began_s) < SLOWER
        state = service.state()
        assert service.stop() < BACK_S
        sizes = [(frame.width, frame.height) for path in sorted(folder.iterdir()) for frame in decode(path)]
    assert [path.name for path in sorted(folder.iterdir())] == ["front-00001.mkv", "front-00002.mkv"]
    assert sizes == sorted(sizes)
    (_, recorder) = state["sinks"]
    assert recorder["dropped"] == 0
    assert len(sizes) >= recorder["written"]
    assert served_s < BACK_S
    note(
        record_property,
        "camera changes its size",
        noticed_s=0.0,
        served_again_s=served_s,
        lost=recorder["dropped"],
        remarks="the recorder begins a new segment",
    )


def test_a_camera_comes_back_20_times_and_viewers_stay(losses, record_property):
    noticed, again, lost, seen_s, watchdogs, before, after = losses.result()
    assert seen_s < 3.5 * SLOWER
    assert max(again) < BACK_S, again
    assert max(b - a for a, b in pairwise(watchdogs)) < 1.5
    assert after["threads"] <= before["threads"] + 1
    assert after["descriptors"] <= before["descriptors"] + 2
    assert after["memory_kb"] <= before["memory_kb"] + 4000
    grown = after["memory_kb"] - before["memory_kb"]
    note(
        record_property,
        f"camera lost and back, {LOSSES} times",
        noticed_s=max(noticed),
        served_again_s=max(again),
        lost=lost,
        remarks=f"the longest of each; viewers see grey after {seen_s:.1f} s; memory {grown:+d} kB",
    )

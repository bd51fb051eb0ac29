"""Signals, at good moments and bad ones; kills and sleeps; configurations that make no sense."""

import os
import signal
from contextlib import ExitStack
from time import monotonic, sleep

import pytest

pytest.importorskip("av")
pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from tests.edge_srcnn.clips import decode
from tests.edge_srcnn.service.faulty_camera import FaultyCamera
from tests.edge_srcnn.service.running import BACK_S, Watcher, config, note, running
from tests.edge_srcnn.web.serving import Viewer, wait_until

pytestmark = pytest.mark.slow

SOURCE = "test:size=64x48,fps=15"
LARGE = "test:size=640x480,fps=15"


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def ends_well(service):
    """SIGTERM; the seconds until it has ended."""
    seconds = service.stop()
    assert service.process.returncode == 0
    service.systemd.hear("STOPPING")
    assert "Traceback" not in service.log
    return seconds


def test_it_ends_in_time_while_it_records_and_a_viewer_stalls(tmp_path, record_property):
    folder = tmp_path / "recordings"
    with running(tmp_path, config(LARGE, f"{folder}/front.mp4?segment=600")) as service, ExitStack() as stack:
        service.wait_for(lambda state: state["frames_out"] >= 15)
        stack.enter_context(Watcher(service))
        for _ in range(3):
            stack.enter_context(Viewer(service, receive_bytes=4096))  # reads nothing
        service.wait_for(lambda state: state["clients"] == 4)
        service.wait_for(lambda state: state["frames_out"] >= 40)
        written = service.state()["sinks"][1]["written"]
        seconds = ends_well(service)
    assert visible(folder) == ["front-00001.mp4"]
    frames = len(decode(folder / "front-00001.mp4"))
    assert frames >= written
    assert len(list(folder.iterdir())) == 1
    remarks = f"{frames} frames can be played, {written} were counted a moment before"
    note(record_property, "SIGTERM while it records and viewers stall", noticed_s=seconds, lost=0, remarks=remarks)
    assert seconds < BACK_S


@pytest.mark.parametrize("fault", ["is absent", "stalls", "stalls before its first frame"])
def test_it_ends_in_time_while_a_camera(tmp_path, fault, record_property):
    folder = tmp_path / "recordings"
    with FaultyCamera(absent=fault == "is absent") as camera:
        if fault == "stalls before its first frame":
            camera.stall()
        text = config(camera.uri(timeout_s=20), f"{folder}/front.mkv?segment=600")
        with running(tmp_path, text) as service, ExitStack() as stack:
            stack.enter_context(Watcher(service))
            if fault == "stalls":
                service.wait_for(lambda state: state["frames_out"] >= 20)
                camera.stall()
                sleep(0.5)
            elif fault == "is absent":
                service.systemd.hear("READY")
            else:
                sleep(0.5)
            seconds = ends_well(service)
    recorded = {name: len(decode(folder / name)) for name in visible(folder)} if folder.exists() else {}
    assert list(recorded) == (["front-00001.mkv"] if fault == "stalls" else [])
    assert min(recorded.values(), default=19) >= 19
    note(record_property, f"SIGTERM while the camera {fault}", noticed_s=seconds, lost=0)
    assert seconds < BACK_S


def test_a_kill_loses_no_recording_and_the_next_run_replaces_none(tmp_path, record_property):
    folder = tmp_path / "recordings"
    text = config(SOURCE, f"{folder}/front.mkv?segment=1")
    with running(tmp_path / "first", text) as service:
        service.wait_for(lambda state: state["frames_out"] >= 52)  # some files, and a part of one
        state = service.state()["sinks"][1]
        service.kill()
    finished = {name: (folder / name).read_bytes() for name in visible(folder)}
    assert len(finished) >= 1
    with running(tmp_path / "second", text) as service:
        began_s = service.began_s
        again_s = service.wait_for(lambda state: state["frames_out"] > 0) - began_s
        names = visible(folder)
        assert all((folder / name).read_bytes() == content for name, content in finished.items())
        kept = sum(len(decode(folder / name)) for name in names)
        service.wait_for(lambda state: state["frames_out"] >= 20)
        ends_well(service)
    assert len(visible(folder)) > len(names)
    assert all((folder / name).read_bytes() == content for name, content in finished.items())
    lost = state["written"] - kept
    remarks = "those that the encoder held"
    note(record_property, "kill -9 and a new start", served_again_s=again_s, lost=lost, remarks=remarks)
    assert lost <= 30


def test_it_goes_on_after_a_sleep_that_is_longer_than_the_watchdog(tmp_path, record_property):
    with running(tmp_path, config(SOURCE), watchdog_s=1) as service, Watcher(service) as viewer:
        viewer.sees(live=True, since_s=0.0)
        service.systemd.hear("WATCHDOG")
        stopped_s = service.send(signal.SIGSTOP)
        sleep(2.5)
        assert not service.systemd.said("WATCHDOG", since_s=stopped_s + 0.2)
        woken_s = service.send(signal.SIGCONT)
        again_s = viewer.sees(live=True, since_s=woken_s) - woken_s
        service.systemd.hear("WATCHDOG", since_s=woken_s)
        service.wait_for_phase("live")
        assert viewer.broken is None
        ends_well(service)
    remarks = "without systemd, which would start it anew"
    note(record_property, "SIGSTOP for 2.5 s", served_again_s=again_s, lost=round(2.5 * 15), remarks=remarks)
    assert again_s < BACK_S


def test_a_bad_configuration_changes_nothing_and_a_good_one_keeps_viewers(tmp_path, record_property):
    with FaultyCamera() as camera, running(tmp_path, config(SOURCE)) as service, Watcher(service) as viewer:
        viewer.sees(live=True, since_s=0.0, size=(128, 96))
        service.systemd.hear("READY")

        def reloads(text):
            service.config.write_text(text)
            began_s = service.send(signal.SIGHUP)
            at, fields = service.systemd.hear("RELOADING", since_s=began_s)
            assert int(fields["MONOTONIC_USEC"]) / 1e6 == pytest.approx(at, abs=0.5)
            ready_s, fields = service.systemd.hear("READY", since_s=began_s)
            return began_s, ready_s - began_s, fields["STATUS"]

        _, noticed_s, said = reloads(config(SOURCE).replace("[enhance]", "[enhanse]"))
        assert said.startswith("the old configuration stays: ") and "enhanse" in said
        _, _, said = reloads(config(SOURCE) + "[enhance]\n")
        assert said.startswith("the old configuration stays: ")
        _, _, said = reloads(config(SOURCE, engine="bicubic").replace('"bicubic"', '"tflite"\nmodel = "no-such"'))
        assert said.startswith("the old configuration stays: ") and "no-such" in said
        assert service.state()["phase"] == "live"
        note(record_property, "bad configuration, and SIGHUP", noticed_s=noticed_s, lost=0, remarks="the old one stays")

        _, _, said = reloads(config("test:size=wide,fps=15"))
        assert said.startswith("the old configuration stays: ") and "size=wide" in said
        viewer.sees(live=True, since_s=monotonic(), size=(128, 96))
        began_s, _, said = reloads(config(camera.uri()).replace('"bicubic"', '"bicubic"\nscale = 3'))
        assert said == "configuration reloaded"
        again_s = viewer.sees(live=True, since_s=began_s, size=(192, 144)) - began_s
        assert service.state()["size_in"] == [64, 48]
        assert viewer.broken is None
        gap_s = viewer.longest_gap_s(since_s=began_s - 0.2)
        ends_well(service)
    remarks = f"source and scale change; no picture for {gap_s:.1f} s"
    note(record_property, "good configuration, and SIGHUP", served_again_s=again_s, lost=0, remarks=remarks)
    assert again_s < BACK_S


def test_a_region_outside_of_the_picture_leaves_plain_pictures_and_is_told(tmp_path, record_property):
    text = config(SOURCE, engine="auto").replace("[service]", 'roi = "1000,1000,50,50"\n[service]')
    with running(tmp_path, text) as service:
        _, said = service.systemd.hear("READY")
        assert said["STATUS"].startswith("degraded: ") and "lies outside of the picture" in said["STATUS"]
        service.wait_for(lambda state: state["frames_out"] >= 15)
        assert service.log.count("\n") < 20
        lost = service.state()["failed"]
        assert ends_well(service) < BACK_S
    note(record_property, "region outside of the picture", lost=lost, remarks="bicubic instead, and told")


def test_sigusr1_writes_the_state_and_signals_at_any_moment_do_no_harm(tmp_path):
    with running(tmp_path, config(SOURCE)) as service:
        service.wait_for_phase("live")
        service.send(signal.SIGUSR1)
        wait_until(lambda: '"phase": "live"' in service.log)
        for _ in range(30):
            os.kill(service.process.pid, signal.SIGUSR1)
            os.kill(service.process.pid, signal.SIGHUP)
        service.wait_for_phase("live")
        assert ends_well(service) < BACK_S

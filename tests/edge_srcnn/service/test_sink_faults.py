"""Disks, folders and ports that fail: one sink pauses and comes back, the others do not notice."""

import os
import shutil
import socket
import subprocess
from time import monotonic

import pytest

pytest.importorskip("av")
pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from tests.edge_srcnn.clips import decode
from tests.edge_srcnn.machine import SLOWER
from tests.edge_srcnn.service.running import BACK_S, Watcher, config, note, running
from tests.edge_srcnn.web.serving import wait_until

pytestmark = pytest.mark.slow

SOURCE = "test:size=160x120,fps=15"
INTERVAL_S = 1 / 15
NO_GAP_S = 0.7 * SLOWER
NO_MORE_THAN_OTHERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""What permissions say counts for root, too."""


def recorder(service):
    """The state of the second sink."""
    return service.state()["sinks"][1]


def goes_on(service, more=10):
    """Wait until the second sink is healthy and has written more; how long that took is up to the caller."""
    written = recorder(service)["written"]
    return service.wait_for(lambda s: s["sinks"][1]["error"] is None and s["sinks"][1]["written"] >= written + more)


def frames_in(folder):
    """Frames that can be played, in visible files."""
    return sum(len(decode(path)) for path in sorted(folder.iterdir()) if not path.name.startswith("."))


def test_a_full_disk_pauses_the_recorder_until_there_is_room(tmp_path, small_disk, record_property):
    sink = f"{small_disk}/front.mkv?segment=600&codec=mjpeg"
    with running(tmp_path / "service", config("test:size=64x48,fps=15", sink)) as service, Watcher(service) as viewer:
        viewer.sees(live=True, since_s=0.0)
        full_s = service.wait_for(lambda state: state["sinks"][1]["error"] is not None)
        at_first = service.usage()
        assert "No space left on device" in recorder(service)["error"]
        assert service.wait_for_phase("degraded") - full_s < SLOWER
        missed = recorder(service)["dropped"]
        service.wait_for(lambda state: state["sinks"][1]["dropped"] > missed + 30)  # two seconds of it
        wait_until(lambda: "No space left" in service.systemd.status)
        shouted, later = service.log.count("No space left"), service.usage()
        assert [path.name for path in small_disk.iterdir()] == ["front-00001.mkv"]
        frames = frames_in(small_disk)
        (small_disk / "front-00001.mkv").unlink()
        freed_s = monotonic()
        again_s = goes_on(service, 5) - freed_s
        lost = recorder(service)["dropped"]
        assert viewer.broken is None
        assert viewer.longest_gap_s() < NO_GAP_S
        assert service.stop() < BACK_S
    assert "Traceback" not in service.log
    assert frames >= 3
    assert shouted <= 6  # the first file's and the second's, in three ways of telling
    assert later["descriptors"] <= at_first["descriptors"] + 1
    assert later["threads"] <= at_first["threads"] + 2
    assert frames_in(small_disk) >= 5
    assert again_s < BACK_S
    note(
        record_property,
        "disk full, and freed",
        noticed_s=INTERVAL_S,
        served_again_s=again_s,
        lost=lost,
        remarks="those of the recorder while there was no room; viewers missed none",
    )


def test_a_folder_that_is_removed_or_replaced_comes_back(tmp_path, record_property):
    folder = tmp_path / "recordings"
    with (
        running(tmp_path / "service", config(SOURCE, f"{folder}/front.mkv?segment=600&codec=mjpeg")) as service,
        Watcher(service) as viewer,
    ):
        goes_on(service)
        shutil.rmtree(folder)
        gone_s = monotonic()
        noticed_s = service.wait_for(lambda state: state["sinks"][1]["error"] is not None) - gone_s
        assert "somebody removed it" in recorder(service)["error"]
        again_s = goes_on(service) - gone_s
        lost = recorder(service)["dropped"]
        note(
            record_property,
            "folder of the recordings removed",
            noticed_s=noticed_s,
            served_again_s=again_s,
            lost=lost,
            remarks="and what had been in it",
        )
        assert noticed_s < 4 * SLOWER and again_s < 8 * SLOWER

        shutil.rmtree(folder)
        folder.write_text("in the way")
        service.wait_for(lambda state: "File exists" in (state["sinks"][1]["error"] or ""))
        before = recorder(service)["dropped"]
        folder.unlink()
        freed_s = monotonic()
        again_s = goes_on(service) - freed_s
        lost = recorder(service)["dropped"] - before
        note(record_property, "a file in the folder's place, and gone", served_again_s=again_s, lost=lost)
        assert again_s < 4 * SLOWER
        assert viewer.broken is None
        assert viewer.longest_gap_s() < NO_GAP_S
        assert service.stop() < BACK_S
    assert "Traceback" not in service.log
    assert frames_in(folder) >= 10


def test_a_folder_that_may_not_be_written_to_is_tried_until_it_may(tmp_path, record_property):
    folder = tmp_path / "recordings"
    text = config(SOURCE, f"{folder}/front.mkv?segment=1&codec=mjpeg")
    with running(tmp_path / "service", text, prefix=NO_MORE_THAN_OTHERS) as service, Watcher(service) as viewer:
        goes_on(service, 20)
        folder.chmod(0o500)
        locked_s = monotonic()
        noticed_s = service.wait_for(lambda state: state["sinks"][1]["error"] is not None) - locked_s
        assert "Permission denied" in recorder(service)["error"]
        assert service.wait_for_phase("degraded")
        folder.chmod(0o700)
        opened_s = monotonic()
        again_s = goes_on(service) - opened_s
        lost = recorder(service)["dropped"]
        assert viewer.broken is None
        assert viewer.longest_gap_s() < NO_GAP_S
        written = recorder(service)["written"]
        assert service.stop() < BACK_S
    assert "Traceback" not in service.log
    assert frames_in(folder) >= written - 1  # what could not get its name then has it now
    remarks = f"noticed when the segment of 1 s ends; what it held is found again, {frames_in(folder)} frames in all"
    note(
        record_property,
        "folder that may not be written to, and may again",
        noticed_s=noticed_s,
        served_again_s=again_s,
        lost=lost,
        remarks=remarks,
    )
    assert again_s < 4 * SLOWER


def test_pictures_go_on_after_their_folder_was_removed(tmp_path, record_property):
    folder = tmp_path / "pictures"
    with running(tmp_path / "service", config(SOURCE, f"{folder}/?every=0.2&keep=3")) as service:
        goes_on(service)
        wait_until(lambda: folder.exists() and len(list(folder.glob("*.jpg"))) == 3)
        before = service.state()["frames_out"]
        shutil.rmtree(folder)
        wait_until(lambda: folder.exists() and len(list(folder.glob("*.jpg"))) == 3, 5)
        assert service.state()["frames_out"] - before < 5 * 15
        lost = recorder(service)["dropped"]
        assert service.stop() < BACK_S
    assert "Traceback" not in service.log
    note(record_property, "folder of pictures removed", served_again_s=0.2, lost=lost, remarks="it is made anew")


def test_a_taken_port_is_tried_until_it_is_free(tmp_path, record_property):
    folder = tmp_path / "recordings"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        text = config(SOURCE, f"{folder}/front.mkv?segment=600").replace("http://127.0.0.1:0", address)
        with running(tmp_path / "service", text, address=address) as service:
            ready_s, said = service.systemd.hear("READY")
            assert "cannot listen there (Address already in use)" in said["STATUS"]
            assert said["STATUS"].startswith("degraded: ")
            assert f"look at {address}" not in service.log
            taken.close()
            freed_s = viewer_sees(service)
            assert service.wait_for_phase("live") > 0
            state = service.state()
            assert service.stop() < BACK_S
    assert state["sinks"][1]["dropped"] == 0
    assert frames_in(folder) >= state["sinks"][1]["written"]
    assert "Traceback" not in service.log
    assert freed_s < BACK_S
    noticed_s = ready_s - service.began_s
    note(record_property, "port taken at the start, and freed", noticed_s=noticed_s, served_again_s=freed_s, lost=0)


def test_odd_entries_under_the_next_names_are_passed_by(tmp_path, record_property):
    folder = tmp_path / "recordings"
    folder.mkdir()
    sink = f"{folder}/front.mkv?segment=1&codec=mjpeg&keep=3"
    with running(tmp_path / "service", config(SOURCE, sink)) as service:
        wait_until(lambda: (folder / "front-00001.mkv").exists(), 20)
        odd = {folder / f"front-{number:05}.mkv" for number in range(4, 8)} | {folder / ".front-00009.part.mkv"}
        for path, make in zip(sorted(odd), (os.mkfifo, os.mkdir, os.mkfifo, os.mkdir, os.mkfifo), strict=True):
            make(path)
        os.symlink("nowhere", folder / "front-00008.mkv")
        began_s = monotonic()
        wait_until(lambda: (folder / "front-00010.mkv").exists(), 20 * SLOWER)
        passed_s = monotonic() - began_s
        state = recorder(service)
        assert service.stop() < BACK_S
    assert (state["error"], state["dropped"]) == (None, 0)
    assert all(path.exists() for path in odd)
    assert service.log.count("no recording") == 3  # a FIFO, a folder, a link
    assert "Traceback" not in service.log
    remarks = f"two segments in between took {passed_s:.1f} s; FIFO, folder and link stay as they are"
    note(record_property, "odd entries in the recordings' folder", served_again_s=0.0, lost=0, remarks=remarks)


def test_a_disk_that_is_not_mounted_is_not_written_below(tmp_path, record_property, small_disk):
    mounting = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small_disk)]
    subprocess.run(["umount", str(small_disk)], check=True)
    sink = f"{small_disk}/rec/front.mkv?segment=600&codec=mjpeg&require_mount={small_disk}"
    with running(tmp_path / "service", config(SOURCE, sink)) as service, Watcher(service) as viewer:
        service.wait_for(lambda state: "nothing is mounted there" in (state["sinks"][1]["error"] or ""))
        assert list(small_disk.iterdir()) == []
        subprocess.run(mounting, check=True)
        mounted_s = monotonic()
        again_s = goes_on(service) - mounted_s
        subprocess.run(["umount", "--lazy", str(small_disk)], check=True)
        gone_s = monotonic()
        noticed_s = service.wait_for(lambda state: state["sinks"][1]["error"] is not None) - gone_s
        assert "nothing is mounted there" in recorder(service)["error"]
        assert list(small_disk.iterdir()) == []
        lost = recorder(service)["dropped"]
        subprocess.run(mounting, check=True)
        goes_on(service)
        assert viewer.broken is None
        assert viewer.longest_gap_s() < NO_GAP_S
        assert service.stop() < BACK_S
    assert "Traceback" not in service.log
    assert frames_in(small_disk / "rec") >= 10
    note(
        record_property,
        "recording disk not mounted, mounted, unmounted, mounted",
        noticed_s=noticed_s,
        served_again_s=again_s,
        lost=lost,
        remarks="nothing was written below the empty mount point",
    )


def viewer_sees(service):
    """Seconds from now until somebody who calls again and again sees a picture."""
    began = monotonic()

    def answers():
        try:
            service.state()
        except OSError:
            return False
        return True

    wait_until(answers)
    with Watcher(service) as viewer:
        return viewer.sees(live=True, since_s=began) - began

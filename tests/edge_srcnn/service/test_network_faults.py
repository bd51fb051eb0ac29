"""Network cameras that are wrong in what they send, and the service seen from outside: it stays, or comes back."""

import io
import re
import threading
from itertools import count, pairwise
from time import monotonic

import pytest

pytest.importorskip("av")
pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from PIL import Image

from edge_srcnn.live.bounded_log import LINES
from tests.edge_srcnn.clips import decode
from tests.edge_srcnn.machine import SLOWER
from tests.edge_srcnn.service.running import BACK_S, Watcher, config, note, running
from tests.edge_srcnn.sources.live_streams import FPS, paced, timed
from tests.edge_srcnn.sources.raw_server import MULTIPART, jpeg, part, serving
from tests.edge_srcnn.web.serving import get

pytestmark = pytest.mark.slow


def is_live(state):
    return state["phase"] == "live"


def test_times_of_a_camera_that_go_astray_ruin_no_recording(tmp_path, record_property):
    begin_s = 11.4

    def astray(seconds):
        after = seconds - begin_s
        return seconds + (3600 if after > 1 else 0) - (1800 if after > 3 else 0)

    folder = tmp_path / "recordings"
    sink = f"{folder}/front.mkv?segment=2&codec=mjpeg"
    with serving(paced(timed(astray))) as host, running(tmp_path, config(f"http://{host}/live.ts", sink)) as service:
        service.wait_for(is_live)
        began_s = monotonic()
        service.wait_for(lambda state: state["frames_in"] >= 5 * FPS)
        took_s = monotonic() - began_s
        state = service.state()
        assert state["camera_losses"] == 0
        assert service.stop() < BACK_S
        log = service.log
    assert log.count("timed by their arrival") == 1 and "Traceback" not in log
    recorded_s = 0.0
    for path in sorted(folder.iterdir()):
        times = [float(frame.time) for frame in decode(path)]
        assert all(before < after for before, after in pairwise(times))
        assert times[-1] - times[0] < 2.2
        recorded_s += times[-1] - times[0] + 1 / FPS
    assert recorded_s == pytest.approx(took_s, abs=2 * SLOWER)
    note(
        record_property,
        "times of a camera jump an hour ahead, and half an hour back",
        noticed_s=0.0,
        served_again_s=0.0,
        lost=sum(each["dropped"] for each in state["sinks"]),
        remarks="recordings are as long as they took, and segments end in time",
    )


def too_large():
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = (16_000).to_bytes(2, "big") * 2
    return bytes(data)


def test_pictures_without_bound_are_refused_in_words_and_take_no_memory(tmp_path, record_property):
    asked, mends = count(), threading.Event()

    def camera(client):
        next(asked)
        client.send(MULTIPART)
        while client.wait(0.05):
            client.send(part(jpeg() if mends.is_set() else too_large()))

    with serving(camera) as host, running(tmp_path, config(f"http://{host}/")) as service, Watcher(service) as viewer:
        service.wait_for(lambda state: state["phase"] == "waiting for camera")
        assert re.search(r"16000x16000 pixels, more than max_pixels=24000000", service.state()["status"])
        before, began_s, tries = service.usage(), monotonic(), next(asked)
        service.wait_for(lambda state: state["phase_s"] > 3)
        tries = next(asked) - tries - 1
        assert tries <= 4 * (monotonic() - began_s), "it does not spin"
        assert service.usage()["memory_kb"] < before["memory_kb"] + 20_000
        mended_s = monotonic()
        mends.set()
        again_s = viewer.sees(live=True, since_s=mended_s, limit_s=20 * SLOWER) - mended_s
        assert service.log.count("16000x16000") <= 4 and "Traceback" not in service.log
    remarks = "refused by the head of the picture; the message names max_pixels="
    note(record_property, "camera sends 16000x16000 pixels", served_again_s=again_s, lost=0, remarks=remarks)


def test_a_still_address_is_a_camera(tmp_path, record_property):
    asked, unchanged, there = count(), count(), threading.Event()
    there.set()

    def camera(client):
        again = True
        while again and there.is_set():
            number = next(asked)
            if client.header("If-None-Match") == '"1"' and number % 3:
                next(unchanged)
                client.answer("304 Not Modified", ETag='"1"')
            else:
                client.answer("200 OK", jpeg(), Content_Type="image/jpeg", ETag='"1"')
            again = client.ask()

    source = "/snapshot.jpg#every=0.2&timeout=0.5"
    with (
        serving(camera) as host,
        running(tmp_path, config(f"http://{host}{source}")) as service,
        Watcher(service) as viewer,
    ):
        viewer.sees(live=True, since_s=0.0)
        began_s = monotonic()
        service.wait_for(lambda state: state["frames_in"] >= 20)
        assert monotonic() - began_s > 2, "it is asked for, but not all the time"
        state = service.state()
        assert state["phase"] == "live" and state["signal"] and state["camera_losses"] == 0
        assert get(service, "/healthz").status == 200
        assert not any(not each.live for each in viewer.parts)
        assert next(unchanged) > 5
        there.clear()
        gone_s = monotonic()
        noticed_s = service.wait_for(lambda state: state["camera_losses"] == 1) - gone_s
        there.set()
        back_s = monotonic()
        again_s = viewer.sees(live=True, since_s=back_s + 0.5, limit_s=20 * SLOWER) - back_s
        with Image.open(io.BytesIO(get(service, "/snapshot.jpg").body)) as image:
            assert image.size == (128, 96)
        assert service.process.poll() is None and "Traceback" not in service.log
    note(
        record_property,
        "camera with a still address goes away",
        noticed_s=noticed_s,
        served_again_s=again_s,
        lost=0,
        remarks="asked every 0.2 s; what did not change (304) is as good as new",
    )


def test_torn_pictures_are_seen_by_nobody(tmp_path, record_property):
    good, torn = jpeg(60), jpeg(220)[:-40]
    sent = count()

    def camera(client):
        client.send(MULTIPART)
        while client.wait(0.04):
            client.send(part(torn if next(sent) % 2 else good))

    with serving(camera) as host, running(tmp_path, config(f"http://{host}/")) as service:
        service.wait_for(lambda state: state["frames_out"] >= 40)
        state = service.state()
        assert state["frames_in"] >= state["frames_out"] + 35, "they are counted"
        assert state["dropped"] >= 35 and state["camera_losses"] == 0
        for _ in range(5):
            with Image.open(io.BytesIO(get(service, "/snapshot.jpg").body)) as image:
                assert max(image.convert("L").getextrema()) < 130
        assert "Traceback" not in service.log
    note(record_property, "every other picture is torn", noticed_s=0.0, served_again_s=0.0, lost=state["dropped"])


def test_a_camera_that_is_lost_and_found_all_the_time_fills_no_log(tmp_path, record_property):
    asked = count()

    def camera(client):
        number = next(asked)
        if number % 3 == 2:
            client.answer("503 Service Unavailable")
        else:
            client.send(MULTIPART + part(jpeg()) * (number % 7 + 1))

    with serving(camera) as host, running(tmp_path, config(f"http://{host}/")) as service:
        service.wait_for(lambda state: state["camera_losses"] >= 8, limit_s=60 * SLOWER)
        losses, lines = service.state()["camera_losses"], len(service.log.splitlines())
        running_s = service.state()["running_s"]
    assert lines <= 2 * LINES + running_s / 30 + 4
    note(record_property, f"camera lost and found {losses} times", remarks=f"{lines} lines of log in {running_s:.0f} s")


def test_a_camera_that_is_slow_by_nature_is_healthy(tmp_path, record_property):
    def camera(client):
        client.send(MULTIPART)
        while True:
            client.send(part(jpeg()))
            if not client.wait(1.2):
                return

    with serving(camera) as host, running(tmp_path, config(f"http://{host}/#timeout=0.5"), watchdog_s=2) as service:
        service.wait_for(lambda state: state["frames_out"] >= 5)
        assert service.state()["camera_losses"] == 0 and service.state()["signal"]
        assert get(service, "/healthz").status == 200
        assert "Traceback" not in service.log
    note(record_property, "a picture in 1.2 s, with a limit of 0.5 s", lost=0, remarks="waited for, and not lost")

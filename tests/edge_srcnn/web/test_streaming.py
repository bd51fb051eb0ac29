import io
import time
from contextlib import ExitStack

import pytest
from PIL import Image

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.web import broadcast, routes
from tests.edge_srcnn.web.serving import Viewer, by_hand, flat, get, metric, noisy, pipeline, wait_until

VIEWS = ("enhanced", "bicubic", "split")


def level(jpeg: bytes) -> int:
    with Image.open(io.BytesIO(jpeg)) as image:
        return int(image.convert("L").getpixel((0, 0)))


def test_before_the_first_frame_there_is_no_picture() -> None:
    with by_hand() as sink:
        snapshot, health = get(sink, "/snapshot"), get(sink, "/healthz")
        state = get(sink, "/state").json

    assert (snapshot.status, snapshot.text, snapshot.headers["Retry-After"]) == (503, "there is no picture yet\n", "1")
    assert (health.status, health.text) == (503, "there is no picture yet\n")
    assert (state["signal"], state["frames_out"], state["age_s"]) == (False, 0, None)


def test_a_snapshot_is_the_newest_and_does_not_wait() -> None:
    with by_hand() as sink:
        for grey in (30, 200):
            sink.write(flat(grey))
            answer = get(sink, "/snapshot")
            assert level(answer.body) == grey
            assert abs(float(answer.headers["X-Timestamp"]) - time.time()) < 1


def test_health_fails_when_frames_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "FRESH_S", 0.05)
    monkeypatch.setattr(broadcast, "SLOW_S", 0.05)
    with by_hand() as sink:
        sink.write(flat())
        time.sleep(0.06)
        answer = get(sink, "/healthz")
        assert (answer.status, answer.text) == (503, "no picture for 0 s\n")
        assert get(sink, "/state").json["signal"] is False
        sink.write(flat())
        assert get(sink, "/healthz").status == 200


@pytest.mark.slow
def test_viewers_stay_and_are_told_when_frames_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "SLOW_S", 0.3)
    monkeypatch.setattr(broadcast, "FRESH_S", 0.3)
    with by_hand() as sink, Viewer(sink) as viewer:
        viewer.open()
        sink.write(flat(200))
        assert viewer.part()[0]["x-signal"] == "live"
        for _ in range(3):
            headers, jpeg = viewer.part()
            assert headers["x-signal"] == "lost"
            assert level(jpeg) < 150
        answer = get(sink, "/snapshot")
        assert (answer.headers["X-Signal"], level(answer.body) < 150) == ("lost", True)
        sink.write(flat(200))
        while (part := viewer.part())[0]["x-signal"] == "lost":
            pass
        assert level(part[1]) == 200


def test_nothing_is_encoded_while_nobody_looks() -> None:
    with by_hand() as sink:
        for _ in range(5):
            sink.write(flat())
        assert [metric(sink, "edge_srcnn_jpegs_total", view=view) for view in VIEWS] == [0, 0, 0]
        for _ in range(3):
            get(sink, "/snapshot")
        assert [metric(sink, "edge_srcnn_jpegs_total", view=view) for view in VIEWS] == [1, 0, 0]


def test_each_frame_is_encoded_once_for_all_viewers() -> None:
    with by_hand() as sink, ExitStack() as stack:
        viewers = [stack.enter_context(Viewer(sink)) for _ in range(4)]
        pairs = [stack.enter_context(Viewer(sink, "/stream?view=pair")) for _ in range(2)]
        for viewer in (*viewers, *pairs):
            viewer.open()
        for number in range(1, 6):
            sink.write(flat(number * 40))
            assert [level(viewer.part()[1]) for viewer in viewers] == [number * 40] * 4
            for viewer in pairs:
                (first, _), (second, _) = viewer.part(), viewer.part()
                assert (first["x-view"], second["x-view"]) == ("bicubic", "enhanced")
                assert first["x-timestamp"] == second["x-timestamp"]
            counts = [metric(sink, "edge_srcnn_jpegs_total", view=view) for view in VIEWS]
            assert counts == [number, number, 0]
        assert get(sink, "/state").json["views"] == {
            **dict.fromkeys(("bicubic", "split", "camera"), 0),
            "enhanced": 4,
            "pair": 2,
        }
        assert metric(sink, "edge_srcnn_clients", view="pair") == 2


@pytest.mark.slow
def test_a_stalled_viewer_does_not_slow_another() -> None:
    with pipeline(source="test:size=160x120,fps=15") as sink, ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(Viewer(sink, receive_bytes=4096))  # reads nothing, not even the answer
        watcher = stack.enter_context(Viewer(sink))
        watcher.open()
        watcher.part()
        before = get(sink, "/state").json["frames_out"]
        shown = len(watcher.parts(2.0))
        made = get(sink, "/state").json["frames_out"] - before

    assert shown >= 0.8 * made - 2


@pytest.mark.slow
def test_a_slow_viewer_skips_frames_and_sees_new_ones() -> None:
    with by_hand() as sink, Viewer(sink, receive_bytes=8192) as viewer:
        viewer.open()
        for number in range(60):  # of 70 kB each
            sink.write(noisy(256, number))
            time.sleep(0.01)
        last_s = time.time()
        stale = 0
        while float(viewer.part()[0]["x-timestamp"]) < last_s - 0.1:
            stale += 1

    assert 0 < stale <= 8  # what the system's buffers hold, and not 60


def test_a_viewer_that_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "STALL_S", 0.3)
    with by_hand() as sink, Viewer(sink, receive_bytes=4096):
        wait_until(lambda: get(sink, "/state").json["clients"] == 1)
        for number in range(12):
            sink.write(noisy(256, number))
            time.sleep(0.02)
        wait_until(lambda: get(sink, "/state").json["clients"] == 0)


def test_a_viewer_that_leaves_is_seen_to_leave_though_no_frames_come() -> None:
    with by_hand() as sink:
        with Viewer(sink) as viewer:
            viewer.open()
            assert get(sink, "/state").json["clients"] == 1
        wait_until(lambda: get(sink, "/state").json["clients"] == 0)


def test_no_more_viewers_than_allowed_are_let_in() -> None:
    with by_hand("clients=2") as sink, Viewer(sink) as first, Viewer(sink) as second:
        first.open()
        second.open()
        answer = get(sink, "/stream")
        assert (answer.status, answer.text) == (503, "2 viewers look already, and no more are let in\n")
        sink.write(flat())
        assert get(sink, "/snapshot").status == 200
        first.close()
        wait_until(lambda: get(sink, "/state").json["clients"] == 1)
        with Viewer(sink) as third:
            assert third.open()[0] == "HTTP/1.0 200 OK"


def test_quality_is_that_of_the_jpeg() -> None:
    sizes = []
    for quality in (20, 95):
        with by_hand(f"quality={quality}") as sink:
            sink.write(noisy(64, 0))
            sizes.append(len(get(sink, "/snapshot").body))

    assert sizes[0] < sizes[1] / 2

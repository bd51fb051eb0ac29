import html
import io
import re
import time

import pytest
from PIL import Image

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks import Stream, open_sink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.web.serving import Viewer, by_hand, flat, get, metric, pipeline, with_query

STREAMS = ("/stream.mjpg", "/stream", "/?action=stream")
SNAPSHOTS = ("/snapshot.jpg", "/snapshot", "/?action=snapshot")
VIEWS = {"enhanced": (320, 240), "bicubic": (320, 240), "split": (320, 240), "camera": (160, 120)}
ASSETS = ("/page.css", "/page.js", "/controls.js", "/settings.js", "/stage.js", "/stream.js", "/icon.svg")


def test_a_real_pipeline_is_served_on_every_route() -> None:
    with pipeline(engine="auto") as sink:
        for path in SNAPSHOTS:
            for view, size in VIEWS.items():
                answer = get(sink, with_query(path, f"view={view}"))
                assert (answer.status, answer.headers["Content-Type"]) == (200, "image/jpeg")
                with Image.open(io.BytesIO(answer.body)) as image:
                    assert image.size == size
        for path in STREAMS:
            for view in VIEWS:
                with Viewer(sink, with_query(path, f"view={view}")) as viewer:
                    assert viewer.open()[0] == "HTTP/1.0 200 OK"
                    assert {viewer.part()[0]["x-view"] for _ in range(2)} == {view}
        state = get(sink, "/state").json
        assert get(sink, "/healthz").text == "ok\n"
        assert metric(sink, "edge_srcnn_frames_total") >= state["frames_out"] > 0
        assert metric(sink, "edge_srcnn_latency_seconds", quantile="0.5") > 0
        assert metric(sink, "edge_srcnn_sink_up", sink="http://127.0.0.1:0") == 1
        assert metric(sink, "process_resident_memory_bytes") > 0

    assert (state["size_in"], state["size_out"], state["signal"]) == ([160, 120], [320, 240], True)
    assert state["sinks"][0]["name"] == "http://127.0.0.1:0"
    assert set(state["versions"]) >= {"python", "aiohttp", "simplejpeg"}
    assert "temperature_c" in state


def test_parts_are_what_clients_of_mjpg_streamer_read() -> None:
    with by_hand() as sink, Viewer(sink) as viewer:
        captured_s = time.monotonic() - 5
        wall_s = time.time() - 5
        sink.write(flat(captured_s=captured_s))

        _, headers = viewer.open()
        part, jpeg = viewer.part()

    assert headers["content-type"] == "multipart/x-mixed-replace; boundary=boundarydonotcross"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert part["content-type"] == "image/jpeg"
    assert abs(float(part["x-timestamp"]) - wall_s) < 0.5
    assert 5 <= float(part["x-age"]) < 7
    assert float(part["x-interval"]) == pytest.approx(5 / 3, abs=1e-3)  # 5 s are old while nothing is known
    assert jpeg.startswith(b"\xff\xd8") and jpeg.endswith(b"\xff\xd9")


def test_the_page_and_its_files_carry_the_headers_that_protect_them() -> None:
    with by_hand() as sink:
        page = get(sink, "/")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        for answer in (page, *(get(sink, path) for path in (*ASSETS, "/state", "/missing"))):
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Server"] == "edge-srcnn"  # and not which version of what
    assert "://" not in page.text  # nothing from elsewhere
    assert "style=" not in page.text
    assert "onclick" not in page.text


@pytest.mark.parametrize(
    ("told", "option", "shown"),
    [
        (None, "", None),
        ("Garden", "", "Garden"),
        ("Garden", "name=Gate%20%26%20drive", "Gate & drive"),
        (None, "name=%E5%BA%AD%20%F0%9F%90%A1", "\u5ead \U0001f421"),
        (
            "</title><script>alert('{query}\\1\\g<0>')</script>",
            "",
            "</title><script>alert('{query}\\1\\g<0>')</script>",
        ),
    ],
)
def test_the_camera_s_name_is_heading_title_and_state(told: str | None, option: str, shown: str | None) -> None:
    with by_hand(option, name=told) as sink:
        page, state = get(sink, "/?token=a").text, get(sink, "/state").json

    escaped = html.escape(shown or "edge-srcnn")
    assert f">{escaped}</bdi></h1>" in page
    assert f"<title>{escaped} \N{MIDDLE DOT} edge-srcnn</title>".replace("edge-srcnn \N{MIDDLE DOT} ", "") in page
    assert state["name"] == shown
    assert page.count("<script ") == page.count("<script") == len([name for name in ASSETS if name.endswith(".js")])


@pytest.mark.parametrize("path", ["/stream?view=other", "/snapshot?view=", "/snapshot?view=pair", "/?action=move"])
def test_what_is_asked_wrongly_is_told_in_one_line(path: str) -> None:
    with by_hand() as sink:
        sink.write(flat())
        answer = get(sink, path)

    assert answer.status == 400
    assert answer.text.count("\n") == 1
    assert answer.text.endswith("\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_get_and_head_are_answered(method: str) -> None:
    with by_hand() as sink:
        sink.write(flat())
        assert get(sink, "/snapshot", method=method).status == 405
        assert get(sink, "/", method="HEAD").status == 200
        head = get(sink, "/snapshot", method="HEAD")
        assert (head.status, head.body, head.headers["Content-Type"]) == (200, b"", "image/jpeg")
        head = get(sink, "/stream", method="HEAD")
        assert (head.status, head.headers["Content-Type"].split(";")[0]) == (200, "multipart/x-mixed-replace")


def test_requests_that_are_too_large_are_refused() -> None:
    with by_hand() as sink:
        assert get(sink, "/?" + "a" * 10_000).status == 400
        assert get(sink, "/", X_Large="a" * 10_000).status == 400
        assert get(sink, "/healthz").status == 503


def test_sinks_that_differ_in_their_secrets_alone_have_metrics_of_their_own():
    pytest.importorskip("av")
    pushes = [open_sink(f"rtmp://127.0.0.1:1/live/canary-{number}") for number in (1, 2)]
    state = Pipeline(open_source("test:size=8x8"), load_model(engine="bicubic"), pushes).state
    sink = open_sink("http://127.0.0.1:0")
    sink.begin(Stream(None, None, None, state))
    try:
        told = get(sink, "/metrics").text
    finally:
        sink.close()
    assert re.findall('edge_srcnn_sink_up{sink="(.*)"}', told) == [
        f"rtmp://127.0.0.1:1/live/***{n}" for n in ("", " (2)")
    ]

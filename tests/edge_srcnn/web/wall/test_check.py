"""Real servers are asked what a browser will get from them."""

import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.web.wall.cameras import read_camera, read_cameras
from edge_srcnn.web.wall.check import check, connection_limits, look
from tests.edge_srcnn.web.serving import LIMIT_S, by_hand, pipeline, wait_until
from tests.edge_srcnn.web.test_tls import make_certificate
from tests.edge_srcnn.web.wall.walls import camera

TOKEN = "0123456789abcdef"
LETS_IN = {
    "": ("null", False, False, "lets no page of another origin show it; add cors=null"),
    "cors=null": ("null", True, True, None),
    "cors=*": ("http://tv.local", True, True, None),
    "cors=http://tv.local": ("http://tv.local", True, True, None),
    "cors=http://other.local": ("null", False, True, "neither their age nor its state; add cors=null"),
    "frame=http://tv.local": ("http://tv.local", False, True, "add cors=http://tv.local"),
}


@pytest.mark.parametrize("options", LETS_IN)
def test_it_is_told_whether_a_page_is_let_in(options: str) -> None:
    origin, readable, shown, problem = LETS_IN[options]
    with camera(options, name="Garden") as sink:
        wait_until(lambda: look(read_camera(sink.address), origin).says.startswith("live"))
        seen = look(read_camera(sink.address), origin)
    assert (seen.name, seen.readable, seen.shown) == ("Garden", readable, shown)
    assert problem in (seen.problem or "") if problem else seen.problem is None


def test_rate_model_and_a_lost_signal_are_told() -> None:
    with pipeline("cors=null&name=Gate") as sink:
        wait_until(lambda: look(read_camera(sink.address)).says.startswith("live, "))
    with by_hand("cors=null") as sink:
        assert look(read_camera(sink.address)).says == "no signal"


def test_a_token_is_asked_for_refused_or_taken() -> None:
    with by_hand(f"cors=null&token={TOKEN}") as sink:
        asked, refused, taken = check(
            [read_camera(sink.address), read_camera(f"{sink.address}?token=x"), read_camera(sink.address, TOKEN)]
        )
    assert (asked.says, refused.says, taken.problem) == ("asks for a token", "refuses this token", None)
    assert "--token-file" in (asked.problem or "") and asked.readable


def test_who_does_not_answer_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_srcnn.web.wall.check.LIMIT_S", 2.0)
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))  # takes connections, says nothing
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))
        live = stack.enter_context(by_hand("cors=null", name="Gate"))
        signed = stack.enter_context(by_hand(make_certificate(tmp_path, "pi"), address="https://127.0.0.1:0"))
        words = [f"http://127.0.0.1:{each.getsockname()[1]}" for each in (silent, closed)]
        seen = check([read_camera(word) for word in (*words, live.address, signed.address)])
    assert [each.says for each in seen] == ["no answer", "no answer", "no signal", "no answer"]
    assert "timed out" in (seen[0].problem or "") and "refused" in (seen[1].problem or "")
    assert "accept the certificate" in (seen[3].problem or "")


def test_what_trickles_or_talks_nonsense_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_srcnn.web.wall.check.LIMIT_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        camera = read_camera(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def answer() -> None:
            with listener.accept()[0] as visitor, suppress(OSError):
                visitor.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:  # until it hangs up
                    visitor.sendall(b" ")
                    time.sleep(0.05)
            with listener.accept()[0] as visitor:
                visitor.sendall(b"SSH-2.0-x\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        trickled, nonsense = look(camera), look(camera)
        thread.join(LIMIT_S)
    assert "timed out" in (trickled.problem or "") and trickled.says == "no answer"
    assert nonsense.says == "no answer"


def test_what_is_no_camera_is_told() -> None:
    with by_hand("cors=null&prefix=/cam") as sink:
        assert "is it the page of edge-srcnn?" in (look(read_camera(sink.address.replace("/cam", "/x"))).problem or "")
        called_otherwise = read_camera(sink.address.replace("127.0.0.1", "ip6-loopback.example"))
    assert look(called_otherwise).says == "no answer"


def test_more_cameras_on_one_server_than_browsers_connect_to_are_told() -> None:
    several = [("", f"http://pi/cam{number}") for number in range(5)]
    (line,) = connection_limits(
        read_cameras([*several, *(("", f"http://pi:{number}") for number in range(8080, 8090))])
    )
    assert line.startswith("http://pi: 5 cameras on one server")
    assert connection_limits(read_cameras(several[:4])) == []

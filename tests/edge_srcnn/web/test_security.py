import base64
import logging
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.errors import UsageError
from edge_srcnn.sinks import Sink, open_sink
from edge_srcnn.web import server
from edge_srcnn.web.security import MOST_IDLE
from tests.edge_srcnn.web.serving import LIMIT_S, Viewer, by_hand, flat, get, is_cut_off, wait_until, with_query

STREAMS = ("/stream.mjpg", "/stream", "/?action=stream")
SNAPSHOTS = ("/snapshot.jpg", "/snapshot", "/?action=snapshot")
ASSETS = ("/page.css", "/page.js", "/controls.js", "/stage.js", "/stream.js", "/icon.svg")
TOKEN = "s&c r=t"
IN_ADDRESS = "s%26c%20r%3Dt"


def send_and_wait_for_the_end(sink: Sink, data: bytes) -> bytes:
    place = urlsplit(sink.address)
    with socket.create_connection((place.hostname, place.port), LIMIT_S) as connection:
        connection.sendall(data)
        return connection.recv(1000)


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_a_connection_that_asks_nothing_is_closed(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_S", 0.2)
    with by_hand() as sink:
        assert send_and_wait_for_the_end(sink, data) == b""


@pytest.mark.parametrize("by_file", [False, True])
def test_a_token_is_asked_for_everywhere_but_for_health(by_file: bool, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    options = f"token_file={tmp_path}/token" if by_file else f"token={IN_ADDRESS}"
    basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    wrong = base64.b64encode(TOKEN.encode()).decode()
    with by_hand(options) as sink:
        sink.write(flat())
        assert get(sink, "/healthz").status == 200
        for path in ("/", *ASSETS, *STREAMS, *SNAPSHOTS, "/state", "/metrics", "/missing"):
            refused = get(sink, path)
            assert (refused.status, refused.headers.get_all("WWW-Authenticate")) == (
                401,
                ['Basic realm="edge-srcnn", charset="UTF-8"', 'Bearer realm="edge-srcnn"'],
            )
        for path in ("/", *ASSETS, *SNAPSHOTS, "/state", "/metrics"):
            assert get(sink, path, Authorization=f"Bearer {TOKEN}").status == 200
            assert get(sink, path, Authorization=f"Basic {basic}").status == 200
            assert get(sink, with_query(path, f"token={IN_ADDRESS}")).status == 200
        for shown in (
            "Bearer ",
            "Bearer s",
            f"Bearer {TOKEN}x",
            f"Basic {wrong}",
            "Basic !",
            "Basic",
            f"Other {TOKEN}",
            "é",
        ):
            assert get(sink, "/state", Authorization=shown).status == 401
        for query in ("token=", "token=%ff%fe", "token", "Token=" + IN_ADDRESS):
            assert get(sink, f"/state?{query}").status == 401


def test_the_page_hands_its_token_on() -> None:
    with by_hand(f"token={IN_ADDRESS}") as sink:
        page = get(sink, f"/?token={IN_ADDRESS}").text
        by_header = get(sink, "/", Authorization=f"Bearer {TOKEN}").text

    for path in ASSETS:
        assert f'"{path[1:]}?token={IN_ADDRESS}"' in page
        assert f'"{path[1:]}"' in by_header


def test_the_page_writes_nothing_into_itself() -> None:
    with by_hand() as sink:
        page = get(sink, "/?token=%22%3E%3Cscript%3E").text

    assert '"><script>' not in page
    assert "page.js?token=%22%3E%3Cscript%3E" in page


@pytest.mark.parametrize("name", ["localhost", "LocalHost:1234", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8080"])
def test_names_of_this_machine_are_answered(name: str) -> None:
    with by_hand() as sink:
        assert get(sink, "/state", Host=name).status == 200


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.", "", "::1"]
)
def test_other_names_are_refused_against_dns_rebinding(name: str) -> None:
    with by_hand("token=secret") as sink:
        answer = get(sink, "/healthz", Host=name)

    assert answer.status == 421
    assert answer.text.count("\n") == 1


def test_beyond_loopback_every_name_is_answered_and_a_missing_token_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        with by_hand(address="http://0.0.0.0:0") as sink:
            assert get(sink, "/state", Host="pi.example").status == 200
            assert get(sink, "/state").status == 200
        with by_hand("token=secret", address="http://0.0.0.0:0") as sink:
            assert get(sink, "/state").status == 401
        with by_hand() as sink:
            assert get(sink, "/state").status == 200

    assert len(caplog.messages) == 1
    assert "open to everybody" in caplog.messages[0]


def test_the_token_is_in_no_name_and_no_message() -> None:
    with by_hand("token=secret") as sink:
        assert "secret" not in sink.name + sink.address
    for wrong in ("quality=101", "other=1", "token_file=/missing"):
        with pytest.raises(UsageError) as error:
            open_sink(f"http://:0#token=secret&{wrong}")
        assert "secret" not in str(error.value)


@pytest.mark.slow
def test_those_who_ask_nothing_make_room_and_those_who_look_stay() -> None:
    with by_hand() as sink, Viewer(sink) as viewer, ExitStack() as stack:
        viewer.open()
        place = urlsplit(sink.address)
        visitors = [
            stack.enter_context(socket.create_connection((place.hostname or "", place.port or 0)))
            for _ in range(MOST_IDLE + 30)
        ]
        wait_until(lambda: sum(map(is_cut_off, visitors)) >= 30)
        assert not any(map(is_cut_off, visitors[30:]))  # the newest stay
        sink.write(flat())
        assert viewer.part()[0]["x-signal"] == "live"
        assert get(sink, "/snapshot").status == 200

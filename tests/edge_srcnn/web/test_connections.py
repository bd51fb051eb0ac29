"""How many may connect: who looks stays, who asks nothing makes room, and files are left for others."""

import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.errors import CannotWrite
from edge_srcnn.sinks import Sink
from edge_srcnn.web import connections
from edge_srcnn.web.connections import RESERVE, Connections
from tests.edge_srcnn.web.serving import LIMIT_S, Viewer, by_hand, flat, get, is_cut_off, wait_until

BUSY = b"HTTP/1.1 503 Service Unavailable\r\n"


def dial(sink: Sink, address: str = "") -> socket.socket:
    """Connect from an address of this machine."""
    place = urlsplit(sink.address)
    source = (address, 0) if address else None
    return socket.create_connection((place.hostname or "", place.port or 0), LIMIT_S, source)


def visitors(stack: ExitStack, sink: Sink, number: int, address: str = "") -> list[socket.socket]:
    return [stack.enter_context(dial(sink, address)) for _ in range(number)]


def watched(stack: ExitStack, sink: Sink) -> Viewer:
    """One who looks, seen by the server."""
    before = get(sink, "/state").json["clients"]
    viewer = stack.enter_context(Viewer(sink))
    viewer.open()
    wait_until(lambda: get(sink, "/state").json["clients"] == before + 1)
    return viewer


def refusal(visitor: socket.socket) -> bytes:
    """What comes until the server closes."""
    visitor.setblocking(True)
    visitor.settimeout(LIMIT_S)
    data = b""
    with suppress(ConnectionError):
        while chunk := visitor.recv(4096):
            data += chunk
    return data


def test_those_who_ask_nothing_make_room_and_those_who_look_stay() -> None:
    with by_hand("connections=20") as sink, ExitStack() as stack:
        viewer = watched(stack, sink)
        some = visitors(stack, sink, 50)
        wait_until(lambda: sum(map(is_cut_off, some)) >= 31)
        assert not any(map(is_cut_off, some[31:]))  # the newest stay
        sink.write(flat())
        assert viewer.part()[0]["x-signal"] == "live"
        assert get(sink, "/snapshot").status == 200


def test_one_who_asked_of_late_stays_and_one_who_asked_before_goes() -> None:
    with by_hand("connections=3") as sink, ExitStack() as stack:
        stays, goes = visitors(stack, sink, 2)
        for each in (goes, stays):
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert each.recv(1000).startswith(BUSY)  # there is no picture; the connection stays
        visitors(stack, sink, 2)
        wait_until(lambda: is_cut_off(goes))
        assert not is_cut_off(stays)


def test_where_all_look_the_next_one_is_told_why() -> None:
    with by_hand("connections=3&clients=3") as sink, ExitStack() as stack:
        viewers = [stack.enter_context(Viewer(sink)) for _ in range(3)]
        for each in viewers:
            each.open()
        answer = refusal(*visitors(stack, sink, 1))
        assert answer.startswith(BUSY)
        assert answer.endswith(b"\r\n\r\nlimit of 3 connections; connections= raises it\n")
        viewers.pop().close()
        wait_until(lambda: status_of(sink) == b"200")


def status_of(sink: Sink) -> bytes:
    with dial(sink) as visitor:
        visitor.sendall(b"GET /state HTTP/1.0\r\n\r\n")
        return visitor.recv(100)[9:12]


@pytest.mark.slow
def test_one_address_leaves_room_for_others(caplog: pytest.LogCaptureFixture) -> None:
    with by_hand("connections=40&per_address=5", address="http://0.0.0.0:0") as sink, ExitStack() as stack:
        sink.address = sink.address.replace(urlsplit(sink.address).hostname or "", "127.0.0.1")
        others = visitors(stack, sink, 5, "127.0.0.3")
        many = visitors(stack, sink, 30, "127.0.0.2")
        wait_until(lambda: sum(map(is_cut_off, many)) == 25)
        assert not any(map(is_cut_off, others))
        wait_until(lambda: "limit of 5 connections of one address; per_address= raises it (25 times)" in caplog.text)


@pytest.mark.parametrize(("options", "left"), [("proxy=127.0.0.0/24", 0), ("proxy=10.0.0.1", 3)])
def test_a_proxy_that_is_named_connects_for_many(options: str, left: int) -> None:
    with by_hand(f"per_address=2&{options}") as sink, ExitStack() as stack:
        many = visitors(stack, sink, 5)
        last = stack.enter_context(dial(sink))
        last.sendall(b"GET /state HTTP/1.0\r\n\r\n")
        assert last.recv(100)  # the others were looked at before
        assert sum(map(is_cut_off, many)) == (left + 1 if left else 0)


@pytest.mark.slow
def test_the_log_says_it_once_a_minute(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    with by_hand("connections=1") as sink, ExitStack() as stack:
        some = visitors(stack, sink, 10)
        wait_until(lambda: sum(map(is_cut_off, some)) == 9)
        wait_until(lambda: "too many connections" in caplog.text)
        more = visitors(stack, sink, 10)
        wait_until(lambda: sum(map(is_cut_off, more)) == 9)
        assert len(caplog.messages) == 1
        monkeypatch.setattr(connections, "TELL_EVERY_S", 0.0)
        wait_until(lambda: len(caplog.messages) == 2)
    total = sum(int(message.split("connections: ")[1].split()[0]) for message in caplog.messages)
    assert total == 19


def is_let_go(visitor: socket.socket) -> bool:
    """Tell whether the server has closed, or said why it does."""
    visitor.setblocking(False)
    try:
        return visitor.recv(1, socket.MSG_PEEK) in (b"", b"H")
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_many_clients_of_one_address_may_connect() -> None:
    with by_hand("clients=70") as sink, ExitStack() as stack:
        sink.write(flat())
        viewers = [stack.enter_context(Viewer(sink)) for _ in range(70)]
        assert {each.open()[0] for each in viewers} == {"HTTP/1.0 200 OK"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_accepting_ends_the_server_where_all_can_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*words: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Connections, "accept", broken)
    with by_hand() as sink:
        wait_until(lambda: not ends_well(lambda: sink.write(flat())))


def ends_well(step: Callable[[], None]) -> bool:
    try:
        step()
    except CannotWrite as error:
        assert "the server has ended" in str(error)
        return False
    return True


@contextmanager
def few_files(more: int) -> Iterator[None]:
    """Leave room for some more files, besides the reserve."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    soft = max(highest, 3 * RESERVE) + more + RESERVE
    fillers = []
    while not fillers or fillers[-1] < soft - RESERVE - more:  # each has the lowest number that is free
        fillers.append(os.open(os.devnull, os.O_RDONLY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for each in fillers:
            os.close(each)


@pytest.mark.slow
def test_files_are_left_for_recordings_whatever_the_limits_are() -> None:
    with by_hand("connections=100000&per_address=100000") as sink, ExitStack() as stack:
        viewer = watched(stack, sink)
        with few_files(60):  # the visitors' ends are files of this process, too
            some = visitors(stack, sink, 60)
            wait_until(lambda: sum(map(is_let_go, some)) >= 10)  # its own ends are files of the process, too
            opened = [
                os.open(os.devnull, os.O_RDONLY) for _ in range(RESERVE // 4)
            ]  # as the visitors are of this process, some have their own end in it
            for each in opened:
                os.close(each)
            sink.write(flat())
            assert viewer.part()[0]["x-signal"] == "live"


@pytest.mark.slow
def test_where_others_take_all_files_it_waits_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with by_hand() as sink, ExitStack() as stack:
        assert get(sink, "/state").status == 200
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        visitor = stack.enter_context(socket.socket())
        used = max(map(int, os.listdir("/proc/self/fd"))) + 1
        fillers = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 5, before[1]))
        try:
            with suppress(OSError):
                while True:
                    fillers.append(os.open(os.devnull, os.O_RDONLY))
            place = urlsplit(sink.address)
            visitor.connect((place.hostname, place.port))
            wait_until(lambda: "too many open files" in caplog.text)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for each in fillers:
                os.close(each)
        visitor.sendall(b"GET /state HTTP/1.0\r\n\r\n")
        visitor.settimeout(LIMIT_S)
        # who is let in when a single file was free, of which there is a reserve, is asked to come again
        assert visitor.recv(100).startswith((b"HTTP/1.0 200", b"HTTP/1.1 503"))
        assert get(sink, "/state").status == 200

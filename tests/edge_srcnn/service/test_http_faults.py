"""Visitors that mean harm, or whose networks fail: nobody else notices, and nothing is left of them."""

import os
import random
import re
import resource
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("av")
pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.web.connections import Limits
from tests.edge_srcnn.clips import decode
from tests.edge_srcnn.machine import SLOWER
from tests.edge_srcnn.service.running import START_S, Watcher, config, note, running
from tests.edge_srcnn.web.serving import LIMIT_S, Viewer, by_hand, flat, get, wait_until

pytestmark = pytest.mark.slow

RATE = 15
TOKEN = "the-right-word"
GARBAGE, GUESSES = 1000, 300
SLOW, SILENT, DEAF = 50, 200, 15
IDLE_S = 15.0
"""What the server allows a visitor who asks nothing."""

SOON_S, NO_GAP_S = 1.0 * SLOWER, 0.7 * SLOWER


class Place:
    """A second address of the service."""

    def __init__(self, address):
        self.address = address


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Two sinks, one of which wants a token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        guarded = f"http://127.0.0.1:{free.getsockname()[1]}"
    text = config(f"test:size=64x48,fps={RATE}", f"{guarded}#token={TOKEN}")
    with running(tmp_path_factory.mktemp("service"), text) as service:
        service.guarded = Place(guarded)
        service.wait_for_phase("live")
        get(service, "/metrics")
        yield service


@pytest.fixture(scope="module")
def viewer(service):
    """One who looks all the time."""
    with Watcher(service) as viewer:
        viewer.sees(live=True, since_s=0.0)
        yield viewer


@pytest.fixture(scope="module")
def calm(service, viewer):
    """What the service uses with nobody else there."""
    return service.usage()


def dial(service):
    place = urlsplit(service.address)
    return socket.create_connection((place.hostname, place.port), timeout=5)


class Siege:
    """Visitors who send a byte a second, nothing at all, or ask for pictures and never read; from its making on."""

    def __init__(self, service):
        self.began_s, self._lifted = monotonic(), threading.Event()
        self.slow = [dial(service) for _ in range(SLOW)]
        self.silent = [dial(service) for _ in range(SILENT)]
        for number, half in enumerate(self.silent):
            half.sendall((b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ")[number % 3])
        self.deaf = [Viewer(service, receive_bytes=4096) for _ in range(DEAF)]
        self._thread = threading.Thread(target=self._drip)
        self._thread.start()

    def lift(self):
        """Give up."""
        self._lifted.set()
        self._thread.join()
        for each in (*self.slow, *self.silent, *self.deaf):
            each.close()

    def _drip(self):
        request = b"GET /state HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"z" * 1000
        for index in range(len(request)):
            if self._lifted.wait(1):
                return
            for each in self.slow:
                with suppress(OSError):  # it was shown the door
                    each.send(request[index : index + 1])


@pytest.fixture(scope="module")
def siege(service, calm):
    siege = Siege(service)
    yield siege
    siege.lift()


def is_served_well(service, viewer, since_s):
    """The one who looks sees every picture, and questions are answered at once; the longest answer's seconds."""
    slowest = 0.0
    for path in ("/healthz", "/state", "/snapshot.jpg", "/metrics", "/"):
        began = monotonic()
        assert get(service, path).status == 200
        slowest = max(slowest, monotonic() - began)
    assert slowest < SOON_S
    assert viewer.broken is None
    assert viewer.longest_gap_s(since_s) < NO_GAP_S
    assert "Traceback" not in service.log and "ERROR" not in service.log
    return slowest


def garbage(dice):
    """A request that is none."""
    token = "".join(dice.choices("abcXYZ%/\\?&=#{}<>\"' \t\x00\x7fäß", k=dice.randrange(1, 80)))
    size = dice.randrange(1, 20_000)
    kinds = (
        lambda: dice.randbytes(dice.randrange(1, 3000)),
        lambda: f"{token} / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
        lambda: f"GET /{token} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
        lambda: b"GET /" + b"a" * size + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"b" * size + b"\r\n\r\n",
        lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * (size // 20) + b"\r\n",
        lambda: b"GET / HTTP/1.1\r\nHost: local\x00host\r\nX\x00: \x00\r\n\r\n",
        lambda: b"GET /state HTTP/1.1\r\nHost: loc"[: dice.randrange(1, 30)],
        lambda: b"POST /state HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        lambda: b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n" + dice.randbytes(size),
        lambda: b"PUT /state HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        lambda: b"GET / HTTP/9.9\r\n\r\n",
        lambda: b"GET /?view=%ff%00&token=%c3%28&action=\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        lambda: b"GET /state HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic \xff=\r\n\r\n",
        lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(500),  # TLS
        lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        lambda: b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    )
    return dice.choice(kinds)()


def status_of(service, request, *, leaves):
    """Send bytes and tell the status of the answer; None where there is none, soon."""
    with suppress(ConnectionError, TimeoutError), closing(dial(service)) as visitor:
        visitor.settimeout(0.1)
        visitor.sendall(request)
        if leaves:
            visitor.shutdown(socket.SHUT_WR)
        match = re.match(rb"HTTP/1\.[01] (\d{3}) ", visitor.recv(4096))
        return int(match[1]) if match else None
    return None


def test_a_thousand_requests_of_garbage_harm_nobody(service, viewer, calm, siege, record_property):
    dice, began = random.Random(0), monotonic()
    for place in (service, service.guarded):
        statuses = [status_of(place, garbage(dice), leaves=number % 3 == 0) for number in range(GARBAGE // 2)]
        assert all(status is None or status < 500 for status in statuses), set(statuses)
        assert 400 in statuses
    lines = service.log.count("\n")
    slowest = is_served_well(service, viewer, began)
    assert lines < 30, service.log
    remarks = f"answers within {slowest * 1000:.0f} ms; viewers see every picture"
    note(record_property, f"{GARBAGE} garbage requests", lost=0, remarks=remarks)


def test_guessing_the_token_helps_nobody_and_slows_nobody(service, viewer, calm, siege, record_property):
    dice, began = random.Random(1), monotonic()
    longest = 0.0
    for number in range(GUESSES):
        guess = (TOKEN[: number % 15], TOKEN + "x", TOKEN.upper(), "", f"{dice.random()}")[number % 5]
        path, headers = (
            (f"/state?token={guess}", {}) if number % 2 else ("/state", {"Authorization": f"Bearer {guess}"})
        )
        asked = monotonic()
        assert get(service.guarded, path, **headers).status == 401, guess
        longest = max(longest, monotonic() - asked)
        if number % 50 == 0:
            assert get(service.guarded, f"/state?token={TOKEN}").status == 200
            assert get(service.guarded, "/state", Authorization=f"Bearer {TOKEN}").status == 200
    assert longest < SOON_S
    assert TOKEN not in service.log
    assert TOKEN not in get(service, "/state").text + get(service, "/metrics").text
    slowest = is_served_well(service, viewer, began)
    remarks = f"each refused; answers to others within {slowest * 1000:.0f} ms"
    note(record_property, f"{GUESSES} wrong tokens", lost=0, remarks=remarks)


def test_those_who_ask_nothing_are_shown_the_door(service, viewer, calm, siege, record_property):
    began = monotonic()

    def shut(visitors):
        """How many the server has left."""
        left = 0
        for each in visitors:
            each.setblocking(False)
            try:
                left += each.recv(1000) == b"" if each.fileno() >= 0 else 1
            except BlockingIOError:
                pass
            except OSError:
                left += 1
        return left

    most = calm["descriptors"] + Limits.per_address + 5  # it is full, and who came last is in
    wait_until(lambda: service.usage()["descriptors"] <= most, 2)
    is_served_well(service, viewer, siege.began_s)
    assert viewer.rate(siege.began_s) > 0.8 * RATE
    wait_until(lambda: shut(siege.slow) == SLOW and shut(siege.silent) == SILENT, IDLE_S + 10)
    gone_s = monotonic() - siege.began_s
    slowest = is_served_well(service, viewer, began)
    siege.lift()
    wait_until(lambda: service.usage()["descriptors"] <= calm["descriptors"] + 1)
    after = service.usage()
    assert after["threads"] <= calm["threads"] + 1
    remarks = (
        f"{SLOW} that send a byte a second, {SILENT} half-open, {DEAF} viewers that never read; others are answered"
        f" within {slowest * 1000:.0f} ms, and the last of them is gone after {gone_s:.0f} s"
    )
    note(record_property, "a siege of slow visitors", lost=0, remarks=remarks)


def test_it_may_have_as_many_files_open_as_the_system_allows(service):
    limits = Path("/proc", str(service.process.pid), "limits").read_text()
    soft, hard = re.search(r"Max open files +(\d+) +(\d+|unlimited)", limits).groups()
    assert int(soft) == 65_536 or soft == hard


def test_deaf_viewers_leave_room_for_no_more_than_are_allowed(service, viewer):
    with ExitStack() as stack:
        wait_until(lambda: service.state()["clients"] == 1)
        for _ in range(40):
            stack.enter_context(Viewer(service, receive_bytes=4096))
        wait_until(lambda: service.state()["clients"] == 20)
        assert get(service, "/stream").status == 503
        assert get(service, "/snapshot").status == 200
    wait_until(lambda: service.state()["clients"] == 1)


@pytest.fixture(scope="module")
def sink():
    """A server in this process, where every exception of its threads would be seen."""
    with by_hand("token=word") as sink:
        sink.write(flat())
        yield sink


def is_answered_or_left(sink, request, caplog):
    """Whatever was sent, the server says nothing of a bug, answers the next at once, and ends in good order."""
    with suppress(ConnectionError, TimeoutError), closing(dial(sink)) as visitor:
        visitor.settimeout(0.05)  # it may wait for the rest of a request
        visitor.sendall(request + b"\r\n\r\n" + NEXT)
        for _ in range(5):  # of a stream there is no end
            if not visitor.recv(65536):
                break
    began = monotonic()
    assert get(sink, "/healthz").status in (200, 503)
    assert monotonic() - began < SOON_S
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL") or record.exc_info] == []


NEXT = b"GET /state HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
FUZZED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZED
@given(request=st.binary(max_size=3000))
def test_random_bytes_bring_no_traceback_and_no_hang(sink, caplog, request):
    is_answered_or_left(sink, request, caplog)


WORDS = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=50)


@FUZZED
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "TRACE", "CONNECT", "get", ""]) | WORDS,
    path=st.sampled_from(["/", "/state", "/stream.mjpg", "/snapshot", "/metrics", "*", "//", "http://x/y"]) | WORDS,
    query=st.sampled_from(["", "?token=word", "?view=split&token=word", "?action=snapshot&token=word"]) | WORDS,
    version=st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/3"]),
    headers=st.lists(st.tuples(st.sampled_from(["Host", "Authorization", "Content-Length", "Range", "X"]), WORDS)),
    body=st.binary(max_size=200),
)
def test_what_looks_like_a_request_brings_no_traceback(sink, caplog, method, path, query, version, headers, body):
    lines = [f"{method} {path}{query} {version}", *(f"{name}: {value}" for name, value in headers)]
    is_answered_or_left(sink, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body, caplog)


BARE, MOST_FILES, SEGMENTS = 1100, 200, 4


def test_bare_connections_leave_files_to_a_recording(tmp_path, record_property):
    """A plain ``run``, with fewer descriptors than visitors: each segment of the recording takes one anew."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * BARE:
        pytest.skip("this machine allows too few files for the visitors")

    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES // 2, MOST_FILES))

    folder, log = tmp_path / "recordings", tmp_path / "log"
    folder.mkdir()
    command = [
        sys.executable,
        "-m",
        "edge_srcnn",
        "run",
        "--engine",
        "bicubic",
        "--source",
        f"test:size=64x48,fps={RATE}",
    ]
    sinks = ["--sink", "http://127.0.0.1:0", "--sink", f"{folder}/day.mkv?segment=1&codec=mjpeg"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * BARE)), hard))
    try:
        with (
            log.open("wb") as errors,
            subprocess.Popen([*command, *sinks], stderr=errors, cwd=tmp_path, preexec_fn=few_files) as process,
            ExitStack() as stack,
        ):
            stack.callback(process.kill)
            wait_until(lambda: "look at " in log.read_text(), START_S)
            run = Place(re.search(r"look at (\S+)", log.read_text())[1])
            limits = Path("/proc", str(process.pid), "limits").read_text()
            assert re.search(r"Max open files +(\d+)", limits)[1] == str(MOST_FILES)  # raised
            viewer = stack.enter_context(Watcher(run))
            viewer.sees(live=True, since_s=0.0)
            for _ in range(BARE):
                visitor = stack.enter_context(socket.socket())
                visitor.settimeout(LIMIT_S)
                visitor.connect(("127.0.0.1", urlsplit(run.address).port))
            before = len(list(folder.iterdir()))
            wait_until(lambda: len(list(folder.iterdir())) >= before + SEGMENTS, START_S)
            assert len(os.listdir(f"/proc/{process.pid}/fd")) < MOST_FILES
            assert viewer.broken is None
            assert get(run, "/snapshot").status == 200
            process.terminate()
            assert process.wait(START_S) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    said = log.read_text()
    assert "Traceback" not in said
    assert len(re.findall("too many connections: ", said)) == 1  # a minute is longer than this
    assert all(decode(path) for path in folder.iterdir())
    note(record_property, f"{BARE} bare connections, {MOST_FILES} descriptors", lost=0, remarks="the recording goes on")

import importlib.util
import os
import re
import socket
import threading
import time
from contextlib import ExitStack

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.errors import CannotWrite, NoInput, Unavailable, UsageError
from edge_srcnn.errors.masking import without_secrets
from edge_srcnn.sinks import Stream, open_sink
from edge_srcnn.uri import parse_uri
from edge_srcnn.web.address import Address, address_of, is_local, url
from tests.edge_srcnn.web.serving import Viewer, by_hand, flat, get, noisy


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("quality=0", "give 1 to 100"),
        ("quality=101", "give 1 to 100"),
        ("clients=0", "give a whole number from 1"),
        ("token=", "it is empty"),
        ("token_file=", "give a file"),
        ("token_file=/dev/null", "the file is empty"),
        ("token=a&token_file=/etc/hostname", "give token or token_file, not both"),
        ("port=80", "no option is called 'port'; there are: quality, clients, token, token_file"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        open_sink(f"http://:0#{options}")


def test_a_file_that_may_come_later_is_no_wrong_usage() -> None:
    with pytest.raises(NoInput, match="token_file=/missing: cannot be read"):
        open_sink("http://:0#token_file=/missing")


def test_a_port_in_use_is_told_when_it_begins() -> None:
    with by_hand() as first:
        second = open_sink(first.address)
        with pytest.raises(
            CannotWrite, match=r"^http://127.0.0.1:\d+: cannot listen there \(Address already in use\)$"
        ):
            second.begin(Stream(None, None, None, lambda: None))
        second.close()


def test_missing_libraries_are_named_with_their_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    missing = {"aiohttp", "prometheus_client"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name in missing else find(name, *more))

    with pytest.raises(Unavailable, match=r"aiohttp and prometheus-client .*pip install .*\[stream\]'"):
        open_sink("http://:0")


def test_a_picture_that_jpeg_cannot_hold_is_refused() -> None:
    with by_hand() as sink, pytest.raises(CannotWrite, match="at most 65500 pixels a side"):
        sink.write(flat(size=(65_502, 2)))


def test_it_shows_the_newest_and_misses_others() -> None:
    sink = open_sink("http://127.0.0.1:0")

    assert sink.live
    assert sink.name == "http://127.0.0.1:0"
    sink.close()  # it never began


def test_the_end_comes_soon_and_leaves_nothing_behind() -> None:
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    with by_hand() as sink, ExitStack() as stack:
        watcher = stack.enter_context(Viewer(sink))
        idle = stack.enter_context(Viewer(sink))
        stack.enter_context(Viewer(sink, receive_bytes=4096))  # reads nothing
        stack.enter_context(Viewer(sink, "/snapshot", receive_bytes=4096))
        watcher.open()
        for number in range(5):
            sink.write(noisy(512, number))
            watcher.part()
        idle.open()

        began = time.monotonic()
        sink.close()
        took_s = time.monotonic() - began

        assert took_s < 2
        assert threading.active_count() == threads
        with pytest.raises(OSError):
            get(sink, "/healthz")
        with pytest.raises(CannotWrite, match="the server has ended"):
            sink.write(flat())
        sink.close()
    assert len(os.listdir("/proc/self/fd")) == files


def test_a_viewer_reads_the_end_of_its_stream() -> None:
    with by_hand() as sink, Viewer(sink) as viewer:
        viewer.open()
        sink.write(flat())
        viewer.part()
        sink.close()
        with pytest.raises(ConnectionError, match="the stream is over"):
            viewer.part()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("http://:8081", Address("127.0.0.1", 8081)),
        ("http://localhost:8080/", Address("127.0.0.1", 8080)),
        ("http://0.0.0.0:0", Address("0.0.0.0", 0)),
        ("http://[::1]:8080", Address("::1", 8080)),
        ("http://pi.local", Address("pi.local", 8080)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert address_of(parse_uri(text)) == address


@pytest.mark.parametrize(
    "text",
    ["http://:8080/camera", "http://:99999", "http://:x", "http://a:b@:8080", "http://:8080?view=split", "http://["],
)
def test_what_is_no_address_to_listen_at_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(without_secrets(text))):
        address_of(parse_uri(text))


def test_loopback_is_told_from_the_rest() -> None:
    with Address("127.0.0.1", 0).listen() as inside, Address("0.0.0.0", 0).listen() as outside:
        assert is_local(inside)
        assert not is_local(outside)
        assert Address("127.0.0.1", 0).url(inside) == f"http://127.0.0.1:{inside.getsockname()[1]}"
        assert re.fullmatch(rf"http://(?!0\.)[\d.]+:{outside.getsockname()[1]}", Address("0.0.0.0", 0).url(outside))


def test_ipv6_is_served() -> None:
    try:
        listener = Address("::1", 0).listen()
    except CannotWrite:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert is_local(listener)
        assert (
            Address("::1", 0).url(listener)
            == url("::1", listener.getsockname()[1])
            == f"http://[::1]:{listener.getsockname()[1]}"
        )


@pytest.mark.parametrize(
    ("host", "reason"),
    [("192.0.2.1", "Cannot assign requested address"), ("no-such-host.invalid", "not known|resolution")],
)
def test_a_place_that_is_not_ours_is_told_in_one_line(host: str, reason: str) -> None:
    with pytest.raises(
        CannotWrite, match=rf"^http://{re.escape(host)}:9: cannot listen there \([^\n]*({reason})[^\n]*\)$"
    ):
        Address(host, 9).listen()


def test_a_port_in_use_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            CannotWrite, match=rf"^http://127.0.0.1:{port}: cannot listen there \(Address already in use\)$"
        ):
            Address("127.0.0.1", port).listen()

"""Who asks through a proxy: believed from those that are named, from nobody else."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from multidict import CIMultiDict

from edge_srcnn.sinks import Sink
from edge_srcnn.web.proxies import Proxies, Visitor, address_in, site_of
from tests.edge_srcnn.web.serving import LIMIT_S, by_hand, get, wait_until

PROXIES = Proxies((ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")))
NEAR, UNIX, STRANGER = "127.0.0.1", "", "203.0.113.5"


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        (NEAR, {}, NEAR),
        (NEAR, {"X-Forwarded-For": "203.0.113.5"}, "203.0.113.5"),
        (UNIX, {"X-Forwarded-For": "203.0.113.5"}, "203.0.113.5"),
        ("::ffff:127.0.0.1", {"X-Forwarded-For": "203.0.113.5"}, "203.0.113.5"),
        ("2001:db8:1::9", {"X-Forwarded-For": "203.0.113.5"}, "203.0.113.5"),
        # a proxy adds to the end what it saw; before that stands what it was told
        (NEAR, {"X-Forwarded-For": "192.0.2.66, 203.0.113.5"}, "203.0.113.5"),
        (NEAR, {"X-Forwarded-For": "127.0.0.1, 203.0.113.5"}, "203.0.113.5"),
        (NEAR, {"X-Forwarded-For": "192.0.2.66, 203.0.113.5, 10.1.2.3"}, "203.0.113.5"),
        (NEAR, {"X-Forwarded-For": "10.9.9.9,10.1.2.3"}, "10.9.9.9"),
        (NEAR, {"X-Forwarded-For": "203.0.113.5, <script>, 10.1.2.3"}, "10.1.2.3"),
        (NEAR, {"X-Forwarded-For": "unknown"}, NEAR),
        (NEAR, {"X-Forwarded-For": " , "}, NEAR),
        (NEAR, {"X-Forwarded-For": "203.0.113.5:4711"}, "203.0.113.5"),
        (NEAR, {"X-Forwarded-For": "[2001:db8::7]:4711"}, "2001:db8::7"),
        (NEAR, {"X-Forwarded-For": "2001:db8::7"}, "2001:db8::7"),
        (NEAR, {"Forwarded": "for=203.0.113.5"}, "203.0.113.5"),
        (NEAR, {"Forwarded": 'For="[2001:db8::7]:4711";proto=https;by=10.0.0.1'}, "2001:db8::7"),
        (NEAR, {"Forwarded": "for=192.0.2.66, for=203.0.113.5;by=10.0.0.1, for=10.1.2.3"}, "203.0.113.5"),
        (NEAR, {"Forwarded": 'for="_hidden";host="a,b;c"'}, NEAR),
        (NEAR, {"Forwarded": 'for="203.0.113.5'}, NEAR),  # a quote that does not end
        # what a proxy does not know it hands on
        (NEAR, {"X-Forwarded-For": "203.0.113.5", "Forwarded": "for=192.0.2.66"}, "203.0.113.5"),
        # others are not believed
        (STRANGER, {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}, STRANGER),
        ("127.0.0.2", {"X-Forwarded-For": "192.0.2.66"}, "127.0.0.2"),
        ("2001:db8:2::9", {"Forwarded": "for=192.0.2.66"}, "2001:db8:2::9"),
        ("unknown", {"X-Forwarded-For": "192.0.2.66"}, "unknown"),  # a connection that has gone already
    ],
)
def test_the_visitor_is_the_first_whom_nobody_vouches_for(peer: str, headers: dict[str, str], address: str) -> None:
    assert PROXIES.visitor(peer, CIMultiDict(headers)).address == address


def test_a_header_in_two_lines_is_one_list() -> None:
    headers = CIMultiDict([("X-Forwarded-For", "192.0.2.66"), ("x-forwarded-for", "203.0.113.5, 10.0.0.7")])
    assert PROXIES.visitor(NEAR, headers).address == "203.0.113.5"


@pytest.mark.parametrize(
    ("peer", "headers", "hosts"),
    [
        (NEAR, {"Host": "a", "X-Forwarded-Host": "b, c"}, ("a", "b", "c")),
        (NEAR, {"Host": "a", "Forwarded": 'for=1.2.3.4;host="b:80"'}, ("a", "b:80")),
        (STRANGER, {"Host": "a", "X-Forwarded-Host": "b", "Forwarded": "host=c"}, ("a",)),
        (NEAR, {}, ()),
    ],
)
def test_the_names_are_the_requests_own_and_the_proxys(
    peer: str, headers: dict[str, str], hosts: tuple[str, ...]
) -> None:
    assert PROXIES.visitor(peer, CIMultiDict(headers)).hosts == hosts


@pytest.mark.parametrize(
    ("peer", "said", "prefix"),
    [
        (NEAR, "/cam", "/cam"),
        (NEAR, "/a/b/", "/a/b"),
        (NEAR, "/", ""),
        (NEAR, "//evil.example", ""),
        (NEAR, '/"><script>', ""),
        (NEAR, "/a/../..", ""),
        (NEAR, "cam", ""),
        (STRANGER, "/cam", ""),
    ],
)
def test_a_prefix_is_a_path_that_a_proxy_tells(peer: str, said: str, prefix: str) -> None:
    assert PROXIES.visitor(peer, CIMultiDict({"X-Forwarded-Prefix": said})).prefix == prefix


def test_nobody_is_believed_by_itself() -> None:
    headers = CIMultiDict({"Host": "a", "X-Forwarded-For": "192.0.2.66", "X-Forwarded-Prefix": "/x"})
    assert Proxies().visitor(NEAR, headers) == Visitor(NEAR, ("a",))


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", None),
        ("unknown", None),
    ],
)
def test_one_visitor_is_an_address_or_a_network_of_ipv6(address: str, site: str | None) -> None:
    assert site_of(address) == site


def test_a_socket_of_the_file_system_has_an_empty_address_and_nothing_else_has() -> None:
    assert [address_in(name) for name in ("", b"", None, ("::1", 80, 0, 0), ("10.0.0.1", 80))] == [
        *("", "", "unknown", "::1", "10.0.0.1")
    ]


def test_a_page_behind_a_proxy_asks_below_the_path_that_was_taken_away() -> None:
    for options, said in (("proxy=127.0.0.0/8", True), ("proxy=10.0.0.1", False), ("", False)):
        with by_hand(options) as sink:
            page = get(sink, "/", X_Forwarded_Prefix="/cam")
        assert ('<base href="/cam/">' in page.text) == said
        assert ("base-uri 'self'" in page.headers["Content-Security-Policy"]) == said


def test_names_that_a_proxy_tells_are_checked_and_those_of_others_do_not_count() -> None:
    for options, statuses in (("proxy=127.0.0.1&hosts=cam.example", (503, 421)), ("hosts=cam.example", (503, 503))):
        with by_hand(options) as sink:
            told = [get(sink, "/healthz", X_Forwarded_Host=name).status for name in ("cam.example", "evil.example")]
            assert tuple(told) == statuses
            assert get(sink, "/healthz", Host="evil.example", X_Forwarded_Host="cam.example").status == 421


def test_each_visitor_of_a_proxy_has_the_limit_and_not_the_proxy() -> None:
    with by_hand("proxy=127.0.0.1&per_address=1") as sink, ExitStack() as stack:
        first, second = (stack.enter_context(asking(sink, f"192.0.2.{number}")) for number in (1, 2))
        wait_until(lambda: get(sink, "/state", X_Forwarded_For="192.0.2.3").json["clients"] == 2)
        refused = get(sink, "/snapshot", X_Forwarded_For="192.0.2.1")
        assert (refused.status, refused.text) == (
            503,
            "limit of 1 connections of one address; per_address= raises it\n",
        )
        first.close()
        wait_until(lambda: get(sink, "/healthz", X_Forwarded_For="192.0.2.1").text == "there is no picture yet\n")
        assert get(sink, "/healthz", X_Forwarded_For="192.0.2.2").text != "there is no picture yet\n"
        assert second.fileno() >= 0


@contextmanager
def asking(sink: Sink, address: str) -> Iterator[socket.socket]:
    """A stream that a proxy asked for."""
    place = urlsplit(sink.address)
    with socket.create_connection((place.hostname, place.port), LIMIT_S) as connection:
        connection.sendall(f"GET /stream HTTP/1.0\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\n\r\n".encode())
        yield connection

import re
import socket

import pytest

from edge_srcnn.errors import CannotWrite, UsageError
from edge_srcnn.uri import parse_uri
from edge_srcnn.web.address import Address, address_of, is_loopback, reachable_url, url


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
    with pytest.raises(UsageError, match=re.escape(text)):
        address_of(parse_uri(text))


def test_loopback_is_told_from_the_rest() -> None:
    with Address("127.0.0.1", 0).listen() as inside, Address("0.0.0.0", 0).listen() as outside:
        assert is_loopback(inside)
        assert not is_loopback(outside)
        assert reachable_url(inside) == f"http://127.0.0.1:{inside.getsockname()[1]}"
        assert re.fullmatch(rf"http://(?!0\.)[\d.]+:{outside.getsockname()[1]}", reachable_url(outside))


def test_ipv6_is_served() -> None:
    try:
        listener = Address("::1", 0).listen()
    except CannotWrite:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert is_loopback(listener)
        assert (
            reachable_url(listener)
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

"""Who asks, through proxies: those that are named are believed, nobody else (``X-Forwarded-*``, RFC 7239)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Protocol

Network = IPv4Network | IPv6Network

_GONE = "unknown"
_SITE_BITS = 64  # of IPv6: one customer's network, who may take any address of it
_PART = r'(?:[^{0}"]|"(?:\\.|[^"\\])*")+'
_ELEMENT, _PAIR = re.compile(_PART.format(",")), re.compile(_PART.format(";"))
_ESCAPED = re.compile(r"\\(.)")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class _Headers(Protocol):
    """What is asked of headers, by any spelling of their names."""

    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]:
        """Give all values of a header."""
        ...


@dataclass(frozen=True)
class Visitor:
    """Tell who asks, and how he calls this machine.

    Attributes
    ----------
    address
        Of whoever asked first, as far as proxies that are trusted tell; empty behind a socket of the file system.
    hosts
        The names that were called: by the request's own word, and by the proxy's.
    prefix
        The path that a proxy took away, or nothing.
    proxied
        The connection is a proxy's.
    """

    address: str
    hosts: tuple[str, ...]
    prefix: str = ""
    proxied: bool = False


class Proxies:
    """Believe some peers about whom they ask for.

    Parameters
    ----------
    networks
        Addresses of proxies. Who connects through the file system is one, as only this machine's programs can.
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = networks

    def trusts(self, address: str) -> bool:
        """Tell whether an address is a proxy's; the empty one is that of a socket in the file system."""
        if not address:
            return True
        place = _parsed(address)
        return place is not None and any(place in network for network in self._networks)

    def visitor_of(self, request: Any) -> Visitor:
        """Find out who asks with a request of aiohttp's."""
        name = None if request.transport is None else request.transport.get_extra_info("peername")
        return self.visitor(address_in(name), request.headers)

    def visitor(self, peer: str, headers: _Headers) -> Visitor:
        """Find out who asks.

        Where a proxy wrote both kinds of headers, ``X-Forwarded-*`` counts: those that write it hand on a ``Forwarded``
        that they were sent.

        Parameters
        ----------
        peer
            The address that the connection comes from.
        headers
            Of the request.

        Returns
        -------
        The visitor. Each proxy adds to the end of its list; what stands before the first stranger, from the end, is
        the stranger's own word, and is not believed.
        """
        called = tuple(headers.getall("Host", ()))
        if not self.trusts(peer):
            return Visitor(peer, called)
        nodes = list(_listed(headers, "X-Forwarded-For"))
        hosts = tuple(_listed(headers, "X-Forwarded-Host"))
        if not nodes:
            elements = [dict(_pairs(each)) for value in headers.getall("Forwarded", ()) for each in _parts(value)]
            nodes = [each["for"] for each in elements if "for" in each]
            hosts = hosts or tuple(each["host"] for each in elements if "host" in each)
        prefix = "".join(list(_listed(headers, "X-Forwarded-Prefix"))[:1]).rstrip("/")
        known = prefix if _PREFIX.fullmatch(prefix) and not {".", ".."} & set(prefix.split("/")) else ""
        return Visitor(self._first(nodes, peer), called + hosts, known, proxied=True)

    def _first(self, nodes: Sequence[str], peer: str) -> str:
        """Go back along a chain of proxies, to the first whom nobody vouches for."""
        address = peer
        for node in reversed(nodes):
            place = _node(node)
            if place is None:
                break
            address = str(place)
            if not self.trusts(address):
                break
        return address


def address_in(name: Any) -> str:
    """Give the address in a peer's name, as sockets tell it: empty for a socket in the file system."""
    if name is None:  # it has left; an empty address would be believed
        return _GONE
    return str(name[0]) if isinstance(name, tuple) else ""


def site_of(address: str) -> str | None:
    """Give what is counted as one visitor: an IPv4 address, a network of IPv6; None where there is no address."""
    place = _parsed(address)
    if isinstance(place, IPv6Address):
        return str(IPv6Network((int(place), _SITE_BITS), strict=False))
    return None if place is None else str(place)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address; IPv4 within IPv6, as a listener for both tells it, is IPv4."""
    try:
        place = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    inner = place.ipv4_mapped if isinstance(place, IPv6Address) else None
    return inner or place


def _node(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address with or without a port, ``[2001:db8::1]:4711``; None for "unknown" and the like."""
    if text.startswith("["):
        return _parsed(text[1:].partition("]")[0])
    return _parsed(text.partition(":")[0] if text.count(":") == 1 else text)


def _listed(headers: _Headers, name: str) -> Iterator[str]:
    """Give the values of a header that is a list, in one line or several."""
    for line in headers.getall(name, ()):
        yield from (each for each in map(str.strip, line.split(",")) if each)


def _parts(value: str) -> list[str]:
    return _ELEMENT.findall(value)


def _pairs(element: str) -> Iterator[tuple[str, str]]:
    """Give the parameters of one element of ``Forwarded``; quoted values without their quotes."""
    for pair in _PAIR.findall(element):
        name, _, value = pair.strip().partition("=")
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = _ESCAPED.sub(r"\1", value[1:-1])
        yield name.strip().lower(), value

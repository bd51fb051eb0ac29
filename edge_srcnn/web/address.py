"""Where the viewer listens."""

import os
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from edge_srcnn.errors import CannotWrite, UsageError
from edge_srcnn.uri import Uri

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8080

_BACKLOG = 64
_SEND_BUFFER_BYTES = 64 * 1024
_UNANSWERED_MS = 30_000
_ELSEWHERE = ("192.0.2.1", 9)  # TEST-NET-1 of RFC 5737; a datagram socket that is not written to sends nothing there


@dataclass(frozen=True)
class Address:
    """A host and a port to listen at; port 0 is any that is free."""

    host: str
    port: int

    def listen(self) -> socket.socket:
        """Open a socket that listens; the connections that it accepts have small buffers, so that no old pictures wait.

        Raises
        ------
        CannotWrite
            The port is taken, or the address is not one of this machine.
        """
        try:
            family, _, _, _, place = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            both = family == socket.AF_INET6 and str(place[0]) == "::" and socket.has_dualstack_ipv6()
            listener = socket.create_server(
                (str(place[0]), self.port), family=family, backlog=_BACKLOG, dualstack_ipv6=both
            )
        except (OSError, UnicodeError) as error:
            raise CannotWrite(f"{url(self.host, self.port)}: cannot listen there ({_reason(error)})") from error
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: a peer that takes nothing is gone
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
        return listener


def address_of(uri: Uri) -> Address:
    """Read ``http://HOST:PORT``; without a host it is loopback, without a port 8080.

    Raises
    ------
    UsageError
        There is something else, such as a path.
    """
    try:
        parts = urlsplit(uri.target)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{uri.target}: no address to listen at ({error})") from error
    if parts.path not in ("", "/") or parts.query or parts.username is not None:
        raise UsageError(f"{uri.target}: give http://HOST:PORT, and options after #, such as #quality=85")
    host = parts.hostname or LOOPBACK
    return Address(LOOPBACK if host == "localhost" else host, DEFAULT_PORT if port is None else port)


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def reachable_url(listener: socket.socket, scheme: str = "http") -> str:
    """Give what to type into a browser; for a socket that listens everywhere, this machine's own address."""
    host, port = listener.getsockname()[:2]
    return url(_own_address() if ip_address(host.partition("%")[0]).is_unspecified else host, port, scheme)


def url(host: str, port: int, scheme: str = "http") -> str:
    """Put together, with the brackets of IPv6."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _own_address() -> str:
    """Find the address that others reach this machine by, or loopback where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return LOOPBACK
        return str(probe.getsockname()[0])


def _reason(error: Exception) -> str:
    """In the system's words; those of ``create_server`` repeat the address."""
    number = getattr(error, "errno", None)
    if isinstance(error, socket.gaierror) or not number:
        return str(getattr(error, "strerror", None) or error)
    return os.strerror(number)

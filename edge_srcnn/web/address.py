"""Where the viewer listens: an address and port of this machine, or a socket in the file system."""

import errno
import os
import re
import shutil
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from edge_srcnn.errors import CannotWrite, UsageError
from edge_srcnn.uri import Uri

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8080
SOCKET_MODE = 0o660
"""Of a socket in the file system: owner and group may look."""

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
"""What a browser calls an origin, in small letters."""

NULL = "null"
"""What a browser calls the origin of a page that is a file; and of frames that a page shuts off (HTML, 7.1.1)."""

ANY = "*"
"""Stands for every name, and for every origin."""

_BACKLOG = 1024  # who finds no place in the queue waits a second longer
_SEND_BUFFER_BYTES = 64 * 1024
_UNANSWERED_MS = 30_000
_ELSEWHERE = ("192.0.2.1", 9)  # TEST-NET-1 of RFC 5737; a datagram socket that is not written to sends nothing there
_SLASHES = re.compile("^/+")


class Place(Protocol):
    """Somewhere to listen."""

    @property
    def host(self) -> str:
        """Give the host that was named, or nothing."""
        ...

    def listen(self) -> socket.socket:
        """Open a socket that listens; ``CannotWrite`` where that is refused."""
        ...

    def url(self, listener: socket.socket, scheme: str = "http", path: str = "") -> str:
        """Give what to type into a browser, or to tell a proxy."""
        ...

    def leave(self, listener: socket.socket) -> None:
        """Close the socket, and leave nothing behind."""
        ...


@dataclass(frozen=True)
class Address:
    """Name a host and a port to listen at; port 0 is any that is free."""

    host: str
    port: int

    def listen(self) -> socket.socket:
        """Open a socket that listens; ``CannotWrite`` where the port is taken, or the address is not this machine's.

        The connections that it accepts have small buffers, so that no old pictures wait.
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

    def url(self, listener: socket.socket, scheme: str = "http", path: str = "") -> str:
        """Give what to type into a browser; for a socket that listens everywhere, this machine's own address."""
        host, port = listener.getsockname()[:2]
        known = _own_address() if ip_address(host.partition("%")[0]).is_unspecified else host
        return f"{url(known, port, scheme)}{path}"

    def leave(self, listener: socket.socket) -> None:
        """Close the socket."""
        listener.close()


@dataclass(frozen=True)
class SocketFile:
    """Name a socket in the file system, for a proxy on this machine.

    Attributes
    ----------
    path
        Of the socket.
    mode
        Who may connect, as of a file.
    group
        That it is given to, or None.
    """

    path: str
    mode: int = SOCKET_MODE
    group: str | None = None
    host = ""

    def listen(self) -> socket.socket:
        """Open a socket that listens; ``CannotWrite`` where somebody else listens, or the system refuses.

        A socket that nobody listens at, which ``kill -9`` leaves, makes room.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bound = False
        try:
            self._make_room()
            listener.bind(self.path)
            bound = True
            os.chmod(self.path, self.mode)  # nobody can connect before it listens
            if self.group is not None:
                shutil.chown(self.path, group=self.group)
            listener.listen(_BACKLOG)
        except (OSError, LookupError) as error:
            listener.close()
            if bound:
                Path(self.path).unlink(missing_ok=True)
            why = f"no group is called {self.group}" if isinstance(error, LookupError) else _reason(error)
            raise CannotWrite(f"unix:{self.path}: cannot listen there ({why})") from error
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        return listener

    def url(self, listener: socket.socket, scheme: str = "http", path: str = "") -> str:
        """Give its name, and the path as nginx writes it."""
        return f"unix:{self.path}{path and ':'}{path}"

    def leave(self, listener: socket.socket) -> None:
        """Close the socket, and remove its file; one that somebody else has put there since stays."""
        with listener, suppress(OSError):
            if not _is_heard_at(self.path, instead_of=listener):
                os.unlink(self.path)

    def _make_room(self) -> None:
        """Remove a socket that nobody listens at; ``OSError`` where something else is there."""
        try:
            kind = os.lstat(self.path).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(kind):
            raise FileExistsError(errno.EEXIST, "a file that is no socket is there")
        if _is_heard_at(self.path):
            raise OSError(errno.EADDRINUSE, "in use")
        os.unlink(self.path)


def _is_heard_at(path: str, *, instead_of: socket.socket | None = None) -> bool:
    """Tell whether somebody listens at a socket of the file system, besides the one that is given and closed."""
    if instead_of is not None:
        instead_of.close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
        visitor.setblocking(False)
        try:
            visitor.connect(path)
        except BlockingIOError:  # its queue is full
            return True
        except ConnectionRefusedError:
            return False
    return True


def place_of(uri: Uri, *, mode: int = SOCKET_MODE, group: str | None = None) -> Place:
    """Read ``http://HOST:PORT``, without a host loopback, without a port 8080; or ``unix:PATH``.

    Parameters
    ----------
    uri
        A parsed name.
    mode
        Of a socket in the file system.
    group
        That it is given to.

    Returns
    -------
    Where to listen.

    Raises
    ------
    UsageError
        There is more in it, or less.
    """
    if uri.scheme == "unix":
        if uri.is_network or not uri.target.strip("/") or uri.target.endswith("/"):
            raise UsageError(f"{uri.text}: give a path, such as unix:/run/edge-srcnn/http.sock")
        return SocketFile(_SLASHES.sub("/", uri.target), mode, group)
    return address_of(uri)


def address_of(uri: Uri) -> Address:
    """Read ``http://HOST:PORT``, without a host loopback, without a port 8080; ``UsageError`` if there is more."""
    try:
        parts = urlsplit(uri.target)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{uri.target}: no address to listen at ({error})") from error
    if parts.path not in ("", "/") or parts.query or parts.username is not None:
        raise UsageError(f"{uri.target}: give http://HOST:PORT, and options after #, such as #quality=85")
    host = parts.hostname or LOOPBACK
    return Address(LOOPBACK if host == "localhost" else host, DEFAULT_PORT if port is None else port)


def is_local(listener: socket.socket) -> bool:
    """Tell whether only this machine can reach a socket."""
    if listener.family == socket.AF_UNIX:
        return True
    return ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def url(host: str, port: int, scheme: str = "http") -> str:
    """Put an address together, with the brackets of IPv6."""
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
    """Say what failed in the system's words; those of ``create_server`` repeat the address."""
    number = getattr(error, "errno", None)
    if isinstance(error, (socket.gaierror, FileExistsError)) or not number:
        return str(getattr(error, "strerror", None) or error)
    return os.strerror(number)

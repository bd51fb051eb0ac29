"""``http://HOST:PORT``, ``https://``: where the viewer listens, and its options. Imports nothing large."""

import importlib.util
import os
import socket
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edge_srcnn.errors import CannotWrite, NoInput, Unavailable, UsageError
from edge_srcnn.masking import remember_secret
from edge_srcnn.sinks import camera_name
from edge_srcnn.uri import Uri, read_options, whole_number

if TYPE_CHECKING:
    from edge_srcnn.web.server import HttpSink

CURE = "pip install 'edge-srcnn[stream]'"
LIBRARIES = {"aiohttp": "aiohttp", "simplejpeg": "simplejpeg", "prometheus_client": "prometheus-client"}
"""Modules and the projects that bring them."""

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8080

_BEST_QUALITY = 100
_BACKLOG = 64
_SEND_BUFFER_BYTES = 64 * 1024
_UNANSWERED_MS = 30_000
_ELSEWHERE = ("192.0.2.1", 9)  # TEST-NET-1 of RFC 5737; a datagram socket that is not written to sends nothing there


def options(uri: Uri) -> dict[str, Any]:
    """Read the options of an address, without a look at the files that they name.

    quality (of JPEG, 1 to 100; 85), clients (streams at a time; 20), token (what visitors must show), token_file (a
    file that holds it), cert and key (of HTTPS: files in PEM), name (of the camera, here alone). In names of files
    $CREDENTIALS_DIRECTORY and its like are filled in.
    """
    if uri.target and not uri.is_network:
        raise UsageError(f"{uri.scheme}: give {uri.scheme}://HOST:PORT, and options after #, such as #quality=85")
    uri = replace(uri, text=uri.target)  # messages leave the token out
    given = read_options(
        uri,
        quality=_quality,
        clients=whole_number,
        token=_token,
        token_file=_file,
        cert=_file,
        key=_file,
        name=camera_name,
    )
    if (uri.scheme == "https") != ("cert" in given) or ("cert" in given) != ("key" in given):
        raise UsageError(f"{uri.text}: https:// goes with #cert=FILE&key=FILE, both in PEM")
    if "token" in given and "token_file" in given:
        raise UsageError(f"{uri.text}: give token or token_file, not both")
    return given


def open(uri: Uri, **given: Any) -> "HttpSink":
    """Get ready to serve; nothing listens before ``begin``.

    Parameters
    ----------
    uri
        Where to listen.
    **given
        As ``options`` reads them.

    Returns
    -------
    The sink.

    Raises
    ------
    Unavailable
        A library is not installed.
    NoInput
        A file cannot be read, which may pass.
    UsageError
        The address is none to listen at, or a file does not hold what it should.
    """
    missing = [project for module, project in LIBRARIES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise Unavailable(f"{uri.target}: {' and '.join(missing)} needed for HTTP, and not installed: {CURE}")
    from edge_srcnn.web.security import Certificate
    from edge_srcnn.web.server import HttpSink

    if "cert" in given:
        given["certificate"] = Certificate(given.pop("cert"), given.pop("key"))
    if "name" in given:
        given["camera"] = given.pop("name")
    if "token_file" in given:
        given["token"] = _token_of(given.pop("token_file"))
    return HttpSink(uri.target, address_of(uri), **given)


def _quality(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= _BEST_QUALITY:
        raise ValueError(f"give 1 to {_BEST_QUALITY}")
    return int(text)


def _token(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text


def _file(text: str) -> str:
    if not text:
        raise ValueError("give a file")
    return os.path.expandvars(text)


def _token_of(file: str) -> str:
    try:
        token = Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NoInput(f"token_file={file}: cannot be read ({error.strerror})") from error
    except UnicodeError as error:
        raise UsageError(f"token_file={file}: not a text") from error
    if not token:
        raise UsageError(f"token_file={file}: the file is empty")
    remember_secret(token)
    return token


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


def is_loopback(listener: socket.socket) -> bool:
    """Tell whether only this machine can reach a socket."""
    return ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def reachable_url(listener: socket.socket, scheme: str = "http") -> str:
    """Give what to type into a browser; for a socket that listens everywhere, this machine's own address."""
    host, port = listener.getsockname()[:2]
    return url(_own_address() if ip_address(host.partition("%")[0]).is_unspecified else host, port, scheme)


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
    if isinstance(error, socket.gaierror) or not number:
        return str(getattr(error, "strerror", None) or error)
    return os.strerror(number)

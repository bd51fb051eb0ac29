"""Ask a camera over HTTP: user and password, certificates, redirects, and a wait that can be ended.

By Python's own client: its socket is at hand, so that each wait has its own limit, and a certificate is looked at
before anything is sent.
"""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from edge_srcnn.errors import EdgeSrcnnError, SourceLost, UsageError, reason
from edge_srcnn.masking import without_secrets
from edge_srcnn.sources.certificates import Trust, why_untrusted
from edge_srcnn.sources.http_login import Login
from edge_srcnn.uri import WITHIN

_READ_BYTES = 65_536
_MOST_REDIRECTS = 5
_MOST_ASKED_S = 60.0
"""A camera is not left alone for longer, whatever it asks for."""
_MOST_BODY_BYTES = 65_536  # of an answer that nobody wants, so that the connection serves again
_AS_THEY_ARE = "!#$%&'()*+,/:;=?@[]~"


@contextmanager
def mapped(name: str, limit_s: float, *, under_way: bool) -> Iterator[None]:
    """Turn what Python's client raises into ``SourceLost``; ``under_way``: the answer had begun."""
    try:
        yield
    except EdgeSrcnnError:
        raise
    except TimeoutError as error:
        what = "no frame came" if under_way else "does not answer"
        raise SourceLost(f"{name}: {what} {WITHIN} (now {limit_s:.3g} s)") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        what = "broke off" if under_way else "cannot be opened"
        why = "it does not speak HTTP" if isinstance(error, http.client.BadStatusLine) else reason(error)
        raise SourceLost(f"{name}: {what} ({why})") from error


class Answer:
    """Read a camera's answer as it comes.

    Parameters
    ----------
    name
        Of the camera, for messages.
    response
        Python's.
    connection
        The socket that it comes through.

    Attributes
    ----------
    status, headers
        As it begins.
    """

    def __init__(self, name: str, response: http.client.HTTPResponse, connection: socket.socket) -> None:
        self.status, self.headers = response.status, response.headers
        self._name, self._response, self._socket = name, response, connection
        self._left = 0 if self.status == 304 else self.length  # Python 3.11 does not count it

    @property
    def kind(self) -> str:
        """Give the media type of the content, in small letters; empty where nothing is said."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    @property
    def length(self) -> int | None:
        """Give the number of bytes that are to come, where that is said."""
        text = (self.headers.get("Content-Length") or "").strip()
        return int(text) if text.isdecimal() else None

    def read(self, limit_s: float) -> bytes:
        """Give what came, as soon as something did; empty at the end. ``SourceLost`` where nothing came in time."""
        with mapped(self._name, limit_s, under_way=True):
            if self._left == 0:
                self._response.close()  # which lets the connection serve again
            if self._response.isclosed():
                return b""
            self._socket.settimeout(max(limit_s, 1e-3))
            data = self._response.read1(_READ_BYTES if self._left is None else min(self._left, _READ_BYTES))
            if self._left is not None:
                self._left -= len(data)
            return data

    def close(self) -> None:
        """Let go of what reads the socket."""
        self._response.close()

    def is_over(self) -> bool:
        """Tell whether all of it was read, and the connection serves again."""
        return self._response.isclosed() and not self._response.will_close

    def drain(self, limit_s: float) -> None:
        """Read a short rest that nobody wants."""
        count, end_s = 0, monotonic() + limit_s
        with suppress(EdgeSrcnnError):
            while count < _MOST_BODY_BYTES and (data := self.read(end_s - monotonic())):
                count += len(data)


class HttpClient:
    """Ask one camera, again and again, over one connection where it lets that live.

    Parameters
    ----------
    address
        With user and password, if it needs them; they go to its own host only, and only when it asks.
    name
        For messages.
    timeout_s
        Seconds until it must have answered.
    trust
        Of certificates.
    """

    def __init__(self, address: str, name: str, timeout_s: float, trust: Trust) -> None:
        parts = _split(address, name)
        userinfo, _, _ = parts.netloc.rpartition("@")
        user, _, password = userinfo.partition(":")
        self._login = Login(unquote(user), unquote(password)) if userinfo else None
        self._address = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
        self._name, self._timeout_s, self._trust = name, timeout_s, trust
        self._connection: http.client.HTTPConnection | None = None
        self._origin: tuple[str, str | None, int | None] | None = None
        self._socket: socket.socket | None = None
        self._answer: Answer | None = None
        self._woken = False

    def get(self, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for the address, and for what it redirects to.

        Parameters
        ----------
        headers
            More of the request's.

        Returns
        -------
        The answer, whose content is still to come.

        Raises
        ------
        SourceLost
            It does not answer, or with an error.
        """
        address, asked = self._address, False
        with mapped(self._name, self._timeout_s, under_way=False):
            for _ in range(_MOST_REDIRECTS + 2):
                own = _origin(address) == _origin(self._address)
                login = self._login if own else None
                answer = self._ask(address, {**(headers or {}), **(login.headers(_target(address)) if login else {})})
                if answer.status in (301, 302, 303, 307, 308) and answer.headers.get("Location"):
                    address = self._redirected(address, answer)
                elif answer.status == 401 and login is not None and not asked and login.take_challenge(answer.headers):
                    asked = True
                elif answer.status in (200, 304):
                    return answer
                else:
                    raise _refused(self._name, answer, has_login=login is not None)
                answer.drain(self._timeout_s)
            raise SourceLost(f"{self._name}: redirects more than {_MOST_REDIRECTS} times")

    def wake(self) -> None:
        """End the wait of whoever reads; from any thread, more than once."""
        self._woken = True
        if (connection := self._socket) is not None:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # TLS says nothing, and so waits for nothing

    def close(self) -> None:
        """Close the connection; more than once."""
        self.wake()
        self._let_go()

    def _let_go(self) -> None:
        if self._answer is not None:
            self._answer.close()
        if self._connection is not None:
            self._connection.close()
        if self._socket is not None:
            self._socket.close()
        self._connection = self._socket = self._origin = self._answer = None

    def _ask(self, address: str, headers: dict[str, str]) -> Answer:
        """Send one request; over a new connection if the one at hand has been closed meanwhile."""
        if self._answer is not None and self._answer.is_over() and self._origin == _origin(address):
            with suppress(ConnectionError, http.client.BadStatusLine, http.client.ImproperConnectionState):
                return self._send(address, headers)
        self._let_go()
        self._connect(address)
        return self._send(address, headers)

    def _send(self, address: str, headers: dict[str, str]) -> Answer:
        connection, plug = self._connection, self._socket
        if connection is None or plug is None or self._woken:
            raise SourceLost(f"{self._name}: closed")
        plug.settimeout(self._timeout_s)
        connection.request("GET", _target(address), headers={"User-Agent": "edge-srcnn", "Accept": "*/*", **headers})
        self._answer = Answer(self._name, connection.getresponse(), plug)
        return self._answer

    def _connect(self, address: str) -> None:
        parts = _split(address, self._name)
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = self._trust.context()
            self._connection = http.client.HTTPSConnection(host, parts.port, timeout=self._timeout_s, context=context)
        else:
            self._connection = http.client.HTTPConnection(host, parts.port, timeout=self._timeout_s)
        self._connection.auto_open = 0  # a new one is to be looked at first
        try:
            self._connection.connect()
        except ssl.SSLCertVerificationError as error:
            place = host, parts.port or http.client.HTTPS_PORT
            raise SourceLost(f"{self._name}: {why_untrusted(error, place, self._timeout_s)}") from error
        self._socket, self._origin = self._connection.sock, _origin(address)
        if isinstance(self._socket, ssl.SSLSocket):
            try:
                self._trust.check(self._socket, self._name)
            except SourceLost:
                self._let_go()
                raise

    def _redirected(self, address: str, answer: Answer) -> str:
        there = urljoin(address, answer.headers.get("Location", "").strip())
        parts = _split(there, self._name)
        if parts.scheme not in ("http", "https") or (urlsplit(address).scheme, parts.scheme) == ("https", "http"):
            raise SourceLost(
                f"{self._name}: redirects to {without_secrets(there)}, which is not followed: it is less safe"
            )
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()


def _split(address: str, name: str) -> SplitResult:
    """Take an address apart; ``UsageError`` where it is none."""
    try:
        parts = urlsplit(address)
        if not parts.hostname:
            raise ValueError("it names no host")
        parts.port  # noqa: B018 - which raises ValueError
    except ValueError as error:
        raise UsageError(f"{name}: is no address ({without_secrets(str(error))})") from error
    return parts


def _origin(address: str) -> tuple[str, str | None, int | None]:
    """Give what two addresses of the same server have in common."""
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _target(address: str) -> str:
    """Give path and query as a request names them."""
    parts = urlsplit(address)
    return quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_AS_THEY_ARE)


def _refused(name: str, answer: Answer, *, has_login: bool) -> SourceLost:
    """Make the error of a camera that answers, but not with pictures."""
    status = answer.status
    error = SourceLost(f"{name}: cannot be opened ({status} {http.client.responses.get(status, '')})")
    after = (answer.headers.get("Retry-After") or "").strip()
    more = ""
    if status in (401, 403) and has_login:
        more = "the user and password are refused, or may not see this address"
    elif status == 401:
        more = "it asks for user and password: write USER:PASSWORD@ before the host"
    elif status in (429, 503):
        more = "it is busy" + (f", and asks to wait until {after[:40]}" if after and not after.isdecimal() else "")
        if after.isdecimal():
            more, error.retry_after_s = (
                f"it is busy, and asks to wait for {after[:9]} s",
                min(float(after[:9]), _MOST_ASKED_S),
            )
    if more:
        error.args = (f"{error}; {more}",)
    return error

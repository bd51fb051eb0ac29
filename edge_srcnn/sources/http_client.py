"""Ask a camera over HTTP, by requests: user and password, certificates, redirects, and a wait that can be ended."""

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from http.client import responses
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import requests
import urllib3
from requests.auth import AuthBase
from requests.sessions import SessionRedirectMixin
from requests.utils import urldefragauth

from edge_srcnn.errors import SourceLost, UsageError
from edge_srcnn.errors.masking import without_secrets
from edge_srcnn.sources.http_transport import Answer, Transport, cause_of, choose_auth, mapped
from edge_srcnn.system.certificates import Trust, why_untrusted

_MOST_REDIRECTS = 5
_MOST_ASKED_S = 60.0
"""A camera is not left alone for longer, whatever it asks for."""
_PASSING = frozenset({204, 408, 425, 429, 500, 502, 503, 504})
"""What a camera answers that is busy or starting (RFC 9110, 15.5 and 15.6): the next answer may be a picture."""
_HEADERS = {"User-Agent": "edge-srcnn", "Accept": "*/*", "Accept-Encoding": "identity"}
_REDIRECTS = SessionRedirectMixin()


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
        has_login = "@" in parts.netloc
        self._login = (unquote(parts.username or ""), unquote(parts.password or "")) if has_login else None
        self._address, self._name, self._timeout_s, self._trust = urldefragauth(address), name, timeout_s, trust
        self._transport = Transport(trust, self._take)
        self._auth: AuthBase | None = None
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
                login = None if _REDIRECTS.should_strip_auth(self._address, address) else self._login
                answer = self._ask(address, {**_HEADERS, **(headers or {})}, self._auth if login else None)
                if there := _REDIRECTS.get_redirect_target(answer.response):
                    address = self._redirected(address, there)
                elif answer.status == 401 and login is not None and not asked:
                    asked, self._auth = True, choose_auth(*login, answer.challenges)
                    if self._auth is None:
                        raise _refused(self._name, answer, has_login=True)
                elif answer.status in (200, 206) or (answer.status == 304 and headers is not None):
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
        if self._answer is not None:
            self._answer.close()
        self._transport.close()
        if self._socket is not None:
            self._socket.close()

    def _take(self, connection: socket.socket | None) -> None:
        """Take the socket of a new connection; None while it is being made."""
        self._socket = connection
        self._check_open()

    def _check_open(self) -> None:
        if self._woken:
            raise SourceLost(f"{self._name}: closed")

    def _ask(self, address: str, headers: Mapping[str, str], auth: AuthBase | None) -> Answer:
        """Send one request; again over a new connection if the one at hand has been closed meanwhile."""
        if self._answer is not None:
            self._answer.close()
        request = requests.Request("GET", address, headers, auth=auth).prepare()
        at_hand = self._socket
        try:
            response = self._send(request)
        except requests.ConnectionError:
            if at_hand is None or self._socket is not at_hand:
                raise
            response = self._send(request)
        if (connection := self._socket) is None:
            raise SourceLost(f"{self._name}: closed")
        self._answer = Answer(self._name, response, connection)
        return self._answer

    def _send(self, request: requests.PreparedRequest) -> requests.Response:
        self._check_open()
        try:
            return self._transport.send(request, stream=True, timeout=self._timeout_s)
        except requests.exceptions.SSLError as error:
            cause, parts = cause_of(error), urlsplit(request.url or "")
            is_other = self._trust.fingerprint is not None and isinstance(cause, urllib3.exceptions.SSLError)
            if is_other or isinstance(cause, ssl.SSLCertVerificationError):
                why = why_untrusted(cause, self._trust, (parts.hostname or "", parts.port or 443), self._timeout_s)
                raise SourceLost(f"{self._name}: {why}") from cause
            raise

    def _redirected(self, address: str, there: str) -> str:
        there = urldefragauth(urljoin(address, there.strip()))
        scheme = _split(there, self._name).scheme
        if scheme not in ("http", "https") or (urlsplit(address).scheme, scheme) == ("https", "http"):
            raise SourceLost(
                f"{self._name}: redirects to {without_secrets(there)}, which is not followed: it is less safe"
            )
        return there


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


def _refused(name: str, answer: Answer, *, has_login: bool) -> SourceLost:
    """Make the error of a camera that answers, but not with pictures."""
    status, after, wait_s, more = answer.status, answer.headers.get("Retry-After", "").strip(), 0.0, ""
    if status in (401, 403) and has_login:
        more = "; the user and password are refused, or may not see this address"
    elif status == 401:
        more = "; it asks for user and password: write USER:PASSWORD@ before the host"
    elif status in (429, 503) and after.isdecimal():
        wait_s, more = min(float(after[:9]), _MOST_ASKED_S), f"; it is busy, and asks to wait for {after[:9]} s"
    elif status in (429, 503):
        more = "; it is busy" + (f", and asks to wait until {after[:40]}" if after else "")
    error = SourceLost(f"{name}: cannot be opened ({status} {responses.get(status, '')}){more}")
    error.retry_after_s, error.is_passing = wait_s, status in _PASSING
    return error

"""Ask a running edge-srcnn for its settings, and change them, by the address of its page; needs no library."""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from edge_srcnn.errors import BadData, EdgeSrcnnError, Unavailable, UsageError, reason
from edge_srcnn.errors.masking import remember, remember_secret, without_secrets
from edge_srcnn.sinks.control import Setting
from edge_srcnn.system.certificates import TRUST, Trust

TIMEOUT_S = 10.0
SNAPSHOT_S = 20.0

_MOST_BYTES = 1_000_000
_LINE = 300
_WRONG_TOKEN = "asks for a token, or for another one: --token-file FILE"


@dataclass(frozen=True)
class Place:
    """Say where a page is.

    Attributes
    ----------
    shown
        For messages, without secrets.
    scheme
        ``http``, ``https`` or ``unix``.
    host
        Its name; of ``unix`` the path of the socket.
    port
        Its port; None: the usual one.
    path
        Below which everything is, without a slash at its end.
    token
        That is shown; None: none is.
    """

    shown: str
    scheme: str
    host: str
    port: int | None
    path: str
    token: str | None

    @classmethod
    def of(cls, text: str, token: str | None = None) -> "Place":
        """Read the address of a page, such as ``http://pi:8080`` or ``unix:/run/x.sock``; ``UsageError``."""
        remember(text)
        if token is not None:
            remember_secret(token)
        if text.startswith("unix:"):
            path = text.removeprefix("unix:").partition("?")[0]
            if not path:
                raise UsageError(f"{text}: give a path, such as unix:/run/edge-srcnn/http.sock")
            return cls(f"unix:{path}", "unix", path, None, "", token)
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"{text}: no address ({error})") from error
        if parts.scheme not in ("http", "https") or not host or not host.isprintable() or " " in host:
            raise UsageError(f"{text}: give the address of the page, such as http://pi:8080")
        told = parse_qs(parts.query).get("token", [parts.password])[0]
        if told is not None:
            remember_secret(told)
        shown = without_secrets(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}")
        return cls(shown, parts.scheme, host, port, parts.path.rstrip("/"), token or told)


class _UnixConnection(http.client.HTTPConnection):
    """Connect to a socket in the file system."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def connect(place: Place, trust: Trust, limit_s: float) -> http.client.HTTPConnection:
    """Make the connection to a page, which the first request opens; ``limit_s`` is for each step of it."""
    if place.scheme == "unix":
        return _UnixConnection(place.host, limit_s)
    if place.scheme == "http":
        return http.client.HTTPConnection(place.host, place.port, timeout=limit_s)
    context = trust.pinned_context()
    return http.client.HTTPSConnection(place.host, place.port, timeout=limit_s, context=context)


class ControlClient:
    """Talk to ``/control`` of a page.

    Parameters
    ----------
    place
        Where the page is.
    trust
        Which certificate is good enough.
    """

    def __init__(self, place: Place, trust: Trust = TRUST) -> None:
        self._place, self._trust = place, trust

    def look(self) -> dict[str, Any]:
        """Give settings and values, as ``GET /control`` has them; raises what ``change`` does."""
        return self._ask("GET", "/control")

    def change(self, changes: Mapping[str, Any], *, persist: bool = False) -> dict[str, Any]:
        """Change settings.

        Parameters
        ----------
        changes
            Name to value, as JSON has them.
        persist
            Keep them beyond the next start.

        Returns
        -------
        Settings and values after it.

        Raises
        ------
        UsageError
            It was refused; the text is the server's. Or a token is needed.
        Unavailable
            Nobody answers, or what answers has no settings.
        BadData
            What answers is something else.
        """
        return self._ask("PATCH", f"/control?persist={str(persist).lower()}", changes)

    def snapshot(self) -> str:
        """Have the next enhanced picture written to the server's disk, and give its path there."""
        return str(self._ask("POST", "/control/snapshot", limit_s=SNAPSHOT_S).get("file", ""))

    def _ask(self, method: str, path: str, body: Any = None, *, limit_s: float = TIMEOUT_S) -> dict[str, Any]:
        shown, headers = self._place.shown, {"Accept": "application/json"}
        if self._place.token is not None:
            headers["Authorization"] = f"Bearer {self._place.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        try:
            connection = connect(self._place, self._trust, limit_s)
            try:
                connection.request(method, self._place.path + path, data, headers)
                answer = connection.getresponse()
                status, text = answer.status, answer.read(_MOST_BYTES).decode(errors="replace")
            finally:
                connection.close()
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or reason(error)
            cure = "--fingerprint SHA256 trusts one certificate"
            raise Unavailable(f"{shown}: its certificate is not trusted ({why}); {cure}") from error
        except (OSError, http.client.HTTPException, UnicodeError, ValueError) as error:
            raise Unavailable(f"{shown}: nobody answers there ({reason(error)}); is edge-srcnn running?") from error
        if status // 100 != 2:
            raise _refusal(shown, status, text)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadData(f"{shown}: what answers there is not edge-srcnn") from error
        if not isinstance(found, dict) or not (found.keys() >= {"values", "settings"} or "file" in found):
            raise BadData(f"{shown}: what answers there is not edge-srcnn")
        return found


def settings_of(answer: Mapping[str, Any]) -> list[Setting]:
    """Read the settings of an answer; ``BadData`` where it has none."""
    try:
        records = [dict(each) for each in answer["settings"]]
        for each in records:
            each.pop("takes", None)
            each["choices"] = tuple(each.get("choices", ()))
        return [Setting(**each) for each in records]
    except (KeyError, TypeError, ValueError) as error:
        raise BadData("the list of settings cannot be read; is that edge-srcnn another version?") from error


def _refusal(shown: str, status: int, text: str) -> EdgeSrcnnError:
    """Make the error of an answer that is none."""
    line = " ".join(text.split())[:_LINE]
    if status == http.client.UNAUTHORIZED:
        return UsageError(f"{shown}: {_WRONG_TOKEN}")
    if status == http.client.NOT_FOUND:
        return Unavailable(f"{shown}: has no settings to change: it is something else, or another version")
    if status in (http.client.CONFLICT, http.client.UNPROCESSABLE_ENTITY):
        return UsageError(line)
    if status == http.client.FORBIDDEN:
        return UsageError(f"{shown}: {line}")
    if status >= http.client.INTERNAL_SERVER_ERROR:
        return Unavailable(f"{shown}: {line or status}")
    return UsageError(f"{shown}: refused ({status}): {line}")

"""Send requests to cameras by requests and urllib3, read answers as they come, and map what these libraries raise.

Each connection's socket is at hand: each wait has its own limit, and another thread can end it. Of requests only the
adapter is used. It reads no settings of the environment (proxies, .netrc), keeps no cookies, and reads nothing that
was not asked for: a refusal or a redirect may have content without an end.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from http.client import BadStatusLine, HTTPException
from time import monotonic
from types import SimpleNamespace
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from requests.utils import parse_dict_header
from urllib3.exceptions import HTTPError

from edge_srcnn.errors import EdgeSrcnnError, SourceLost, reason
from edge_srcnn.system.certificates import Trust
from edge_srcnn.uri import WITHIN

_READ_BYTES = 65_536
_MOST_BODY_BYTES = 65_536  # of an answer that nobody wants, so that the connection serves again
_DIGESTS = ("MD5", "MD5-SESS", "SHA-256")  # the weakest first

Take = Callable[[socket.socket | None], None]


@contextmanager
def mapped(name: str, limit_s: float, *, under_way: bool) -> Iterator[None]:
    """Turn what requests and urllib3 raise into ``SourceLost``; ``under_way``: the answer had begun."""
    try:
        yield
    except EdgeSrcnnError:
        raise
    except (OSError, HTTPException, HTTPError, ValueError) as error:
        cause = cause_of(error)
        if isinstance(cause, TimeoutError | requests.Timeout | urllib3.exceptions.TimeoutError):
            what = "no frame came" if under_way else "does not answer"
            raise SourceLost(f"{name}: {what} {WITHIN} (now {limit_s:.3g} s)") from cause
        what = "broke off" if under_way else "cannot be opened"
        why = "it does not speak HTTP" if isinstance(cause, BadStatusLine) else reason(cause)
        raise SourceLost(f"{name}: {what} ({why})") from cause


def cause_of(error: BaseException) -> BaseException:
    """Find what the system, or the lowest library, raised; those that hold it tell addresses and objects."""
    held = (error.__cause__, getattr(error, "reason", None), *error.args)
    inner = next((each for each in held if isinstance(each, BaseException)), None)
    return error if inner is None else cause_of(inner)


class Transport(HTTPAdapter):
    """Connect with a certain trust, one connection at a time, and hand out its socket.

    Parameters
    ----------
    trust
        Of certificates, by the authorities of this machine.
    take
        Gets the socket of each new connection; None before.
    """

    def __init__(self, trust: Trust, take: Take) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._trust = trust
        pools = {"http": urllib3.HTTPConnectionPool, "https": urllib3.HTTPSConnectionPool}
        self.poolmanager.pool_classes_by_scheme = {scheme: _watched(pool, take) for scheme, pool in pools.items()}

    @cached_property
    def _secured(self) -> dict[str, Any]:
        return {"ssl_context": self._trust.context(), "assert_fingerprint": self._trust.fingerprint}

    def build_connection_pool_key_attributes(self, *given: Any, **named: Any) -> Any:
        """Give urllib3 our settings of TLS instead of those of requests."""
        host, _ = super().build_connection_pool_key_attributes(*given, **named)
        return host, self._secured if host["scheme"] == "https" else {}

    def close(self) -> None:
        """Close the connections: urllib3 leaves that to the end of its pools, which connections here hold."""
        pools = self.poolmanager.pools
        for key in pools.keys():  # noqa: SIM118 - it cannot be iterated
            if (pool := pools.get(key)) is not None:
                pool.close()
        super().close()

    def cert_verify(self, *_: Any) -> None:
        """Leave it to the context; requests would add authorities that this machine does not trust."""


def _watched(pool: Any, take: Take) -> Any:
    class Connection(pool.ConnectionCls):  # type: ignore[misc]  # one of two classes
        def connect(self) -> None:
            take(None)
            super().connect()
            self.is_verified = True  # or the user wants it otherwise: no warning
            take(self.sock)

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


class Answer:
    """Read a camera's answer as it comes.

    Parameters
    ----------
    name
        Of the camera, for messages.
    response
        Of requests.
    socket
        What it comes through.

    Attributes
    ----------
    status, headers
        As it begins.
    """

    def __init__(self, name: str, response: requests.Response, socket: socket.socket) -> None:
        self.status, self.headers = response.status_code, response.headers
        self.response, self._name, self._socket, self._raw = response, name, socket, response.raw
        self._raw.enforce_content_length = False  # a picture that is torn is left out, and counted

    @property
    def kind(self) -> str:
        """Give the media type of the content, in small letters; empty where nothing is said."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def length(self) -> int | None:
        """Give the number of bytes that are still to come, where that is said."""
        length: int | None = self._raw.length_remaining
        return length

    @property
    def challenges(self) -> list[str]:
        """Give what a camera that refuses an answer wants to be told."""
        return list(self._raw.headers.getlist("WWW-Authenticate"))

    def read(self, limit_s: float) -> bytes:
        """Give what came, as soon as something did; empty at the end. ``SourceLost`` where nothing came in time."""
        with mapped(self._name, limit_s, under_way=True):
            if self._raw.closed:
                return b""
            self._socket.settimeout(max(limit_s, 1e-3))
            return self._raw.read1(min(self.length or _READ_BYTES, _READ_BYTES), decode_content=True) or b""

    def close(self) -> None:
        """Let go of what reads the socket; a connection whose answer was read to its end serves again."""
        self.response.close()

    def drain(self, limit_s: float) -> None:
        """Read a short rest that nobody wants."""
        count, end_s = 0, monotonic() + limit_s
        with suppress(EdgeSrcnnError):
            while count < _MOST_BODY_BYTES and (data := self.read(end_s - monotonic())):
                count += len(data)


class _Digest(HTTPDigestAuth):
    """Answer the challenge at hand, from whatever thread asks; by itself, requests reads all of a refusal first."""

    def __init__(self, user: str, password: str, challenge: dict[str, str]) -> None:
        super().__init__(user, password)
        state: Any = SimpleNamespace()  # by itself it is one thread's
        self._thread_local = state
        self.init_per_thread_state()
        self._thread_local.chal = challenge

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        header = self.build_digest_header("GET", r.url or "") or ""
        r.headers["Authorization"] = header.encode()  # a user's name may hold any letters
        return r


def choose_auth(user: str, password: str, challenges: list[str]) -> AuthBase | None:
    """Choose the strongest of the ways to log in that a camera offers; None where nothing can be said to it."""
    found: list[tuple[int, AuthBase]] = []
    for scheme, _, rest in (text.strip().partition(" ") for text in challenges):
        fields = {name.strip().lower(): value or "" for name, value in parse_dict_header(rest).items()}
        algorithm, qop = fields.get("algorithm", "MD5").upper(), fields.get("qop", "auth").lower().replace(",", " ")
        if scheme.lower() == "basic":
            found.append((-1, HTTPBasicAuth(user.encode(), password.encode())))
        elif scheme.lower() == "digest" and algorithm in _DIGESTS and "nonce" in fields and "auth" in qop.split():
            fields = {"realm": "", **fields, **({"qop": "auth"} if "qop" in fields else {})}
            found.append((_DIGESTS.index(algorithm), _Digest(user, password, fields)))
    return max(found, key=lambda each: each[0])[1] if found else None

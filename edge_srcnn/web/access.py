"""Who may look: names that this machine is called by, tokens, and pages of other origins."""

import base64
import hmac
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from time import monotonic

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from edge_srcnn.web.address import ANY, NULL, ORIGIN
from edge_srcnn.web.proxies import Proxies

log = logging.getLogger(__name__)

HEALTH = "/healthz"
"""The address that needs no token."""

SHORT_TOKEN = 16
"""A token with fewer characters can be guessed: the log warns of it."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # a token in the address stays here
    "Server": "edge-srcnn",
    "X-Content-Type-Options": "nosniff",
}
_POLICY = "default-src 'self'; object-src 'none'; base-uri {base}; form-action 'none'; frame-ancestors {frame}"
_METHODS = "GET, HEAD"
_SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_EXPOSED = "X-Timestamp, X-Age, X-View, X-Signal"
_PREFLIGHT_S = 600

_PORT = re.compile(r":[0-9]*$")  # which may be empty, by RFC 3986
_NAME = re.compile(r"[a-z0-9_.-]{1,253}")
_LOCAL_DOMAINS = ("local", "lan", "home.arpa", "internal")  # mDNS, routers, RFC 8375, and ICANN's for private use
_KNOWN_S = 30
_READ_BYTES = 64 * 1024  # lists against advertisements have megabytes, and names of others
_RESOLVER, _KNOWN_HOSTS = Path("/etc/resolv.conf"), Path("/etc/hosts")


@dataclass(frozen=True)
class Access:
    """Say who may look.

    Attributes
    ----------
    hosts
        Names besides this machine's own that are answered; ``.example.com`` stands for that and all below it, ``*`` for
        every name.
    token
        To be shown as bearer, as ``?token=``, or as password of basic authentication; None lets everybody in.
    proxies
        Who is believed about whom he asks for.
    prefix
        The path that everything is below, such as ``/cam``.
    cors
        Origins whose scripts may read; ``*`` for all, ``null`` for pages that are files.
    frame
        Origins whose pages may show ours within them; ``*`` for all.
    """

    hosts: tuple[str, ...] = ()
    token: str | None = None
    proxies: Proxies = Proxies()  # noqa: RUF009 - it never changes
    prefix: str = ""
    cors: tuple[str, ...] = ()
    frame: tuple[str, ...] = ()

    def knows(self, host: str) -> bool:
        """Tell whether a name, with or without a port, is one that this server is called by.

        A page elsewhere could have its own name point to this machine (DNS rebinding); the browser would then let it
        read. An address of numbers is nobody's to point elsewhere, and is always answered.
        """
        name = _PORT.sub("", host).lower().removesuffix(".")  # of a full name, as DNS writes it
        if ANY in self.hosts or name in self.hosts or _is_address(name) or name in own_names():
            return True
        return any(each.startswith(".") and f".{name}".endswith(each) for each in self.hosts)

    def accepts(self, request: web.Request) -> bool:
        """Tell whether a request shows the token, if there is one."""
        if self.token is None:
            return True
        expected = self.token.encode()
        return any([hmac.compare_digest(one, expected) for one in _shown(request)])  # all of them: as long for each

    def shares_with(self, origin: str | None) -> str | None:
        """Give the origin that the browser is to be told may read the answer, or None."""
        if self.cors == (ANY,):
            return ANY  # browsers then send no password along, and a token is needed as ever
        return origin if origin is not None and origin.lower() in self.cors else None


def check(access: Access) -> Middleware:
    """Refuse requests that call this machine by another name, or that do not show the token.

    Parameters
    ----------
    access
        Who may look.

    Returns
    -------
    The check, for the application.
    """
    health = f"{access.prefix}{HEALTH}"

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        for host in (*access.proxies.visitor_of(request).hosts, *_host_of_target(request)):
            if not access.knows(host):
                raise web.HTTPMisdirectedRequest(text=_unknown(host))
        if request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers:
            return _preflight(access, request)
        if request.path != health and not access.accepts(request):
            refusal = web.HTTPUnauthorized(text="a token is needed: ?token=..., or as the password of any user\n")
            refusal.headers.add(hdrs.WWW_AUTHENTICATE, 'Basic realm="edge-srcnn", charset="UTF-8"')
            refusal.headers.add(hdrs.WWW_AUTHENTICATE, 'Bearer realm="edge-srcnn"')
            raise refusal
        if request.method not in _SAFE and not _is_same_origin(request, access.proxies.visitor_of(request).hosts):
            raise web.HTTPForbidden(text="pages of another origin may not change anything here\n")
        return await handler(request)

    return checked


def header_signal(access: Access) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Make the signal of aiohttp's that adds what every answer carries."""
    sources = " ".join(("'self'", *access.frame)) if access.frame else "'none'"
    shared = {} if access.frame else {"X-Frame-Options": "DENY"}
    if access.cors and access.cors != (ANY,):
        shared["Vary"] = "Origin"
    embedded = "cross-origin" if access.cors or access.frame else "same-origin"

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        base = "'self'" if access.proxies.visitor_of(request).prefix else "'none'"
        policy = _POLICY.format(base=base, frame=sources)
        response.headers.update(_HEADERS)
        response.headers.update({"Content-Security-Policy": policy, "Cross-Origin-Resource-Policy": embedded, **shared})
        origin = access.shares_with(request.headers.get(hdrs.ORIGIN))
        if origin is not None:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED
            if origin not in (ANY, NULL) and access.token is not None:  # any page can show a frame of origin null
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"

    return add_headers


def _host_of_target(request: web.Request) -> Iterator[str]:
    """Give the host of ``GET http://host/ HTTP/1.1``, which counts more than the header (RFC 9112, 3.2.2)."""
    _, absolute, rest = request.raw_path.partition("://")
    if absolute and not request.raw_path.startswith("/"):
        yield re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]


def _is_same_origin(request: web.Request, hosts: Sequence[str]) -> bool:
    """Tell whether a page of ours asks, or no page at all: a browser says which page it is (Fetch, 3.1 and 5.6)."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origins = request.headers.getall(hdrs.ORIGIN, ())
    return all(origin.lower().partition("://")[2] in map(str.lower, hosts) for origin in origins)


def _preflight(access: Access, request: web.Request) -> web.Response:
    """Tell a browser whether a page of another origin may ask, and how; no token comes with that question."""
    origin = request.headers.get(hdrs.ORIGIN, "")
    if access.shares_with(origin) is None:
        named = origin if origin == NULL or ORIGIN.fullmatch(origin.lower()) else "https://PAGE"
        raise web.HTTPForbidden(text=f"pages of another origin may not read this; cors={named} lets one\n")
    headers: dict[str, str] = {
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS,
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: hdrs.AUTHORIZATION,
        hdrs.ACCESS_CONTROL_MAX_AGE: str(_PREFLIGHT_S),
    }
    if request.headers.get("Access-Control-Request-Private-Network") == "true":  # Chromium's, of public pages
        headers["Access-Control-Allow-Private-Network"] = "true"
    return web.Response(status=204, headers=headers)


def _shown(request: web.Request) -> Iterator[bytes]:
    """Give every token that the request shows."""
    for value in request.query.getall("token", []):
        yield value.encode(errors="surrogateescape")
    for value in request.headers.getall(hdrs.AUTHORIZATION, []):
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "bearer":
            yield rest.strip().encode(errors="surrogateescape")
        elif scheme.lower() == "basic":
            with suppress(ValueError):  # no base64
                yield base64.b64decode(rest.strip(), validate=True).partition(b":")[2]


def _unknown(host: str) -> str:
    """Say that nothing is answered by that name, and how to have it answered."""
    name = _PORT.sub("", host).lower()
    shown = name if _NAME.fullmatch(name) else "NAME"
    return f"this server is not called {shown}; hosts={shown} among its options lets it answer to that\n"


def _is_address(host: str) -> bool:
    """Tell whether a host is an address; one of IPv6 stands in brackets, with or without a zone."""
    bracketed = host.startswith("[") and host.endswith("]")
    inner = host[1:-1].partition("%")[0] if bracketed else host
    try:
        return (ip_address(inner).version == 6) == bracketed
    except ValueError:
        return False


def own_names() -> frozenset[str]:
    """Collect the names by which others may call this machine; without a question to the network."""
    return _own_names(int(monotonic() / _KNOWN_S))


@lru_cache(maxsize=1)
def _own_names(now: int) -> frozenset[str]:
    """Collect them anew with each ``now``: the machine may get its name after the service has begun."""
    full = socket.gethostname().lower().rstrip(".")
    short = full.partition(".")[0]
    names = {"localhost", short, full}
    domains = [
        *_LOCAL_DOMAINS,
        *(word for key, *words in _lines(_RESOLVER) if key in ("search", "domain") for word in words),
    ]
    names.update(f"{short}.{domain.strip('.').lower()}" for domain in domains if domain.strip("."))
    for _, *called in _lines(_KNOWN_HOSTS):
        if {short, full} & set(called):
            names.update(called)
    return frozenset(names - {""})


def _lines(file: Path) -> Iterator[list[str]]:
    """Give the words of each line that has some, without comments; none where the file cannot be read."""
    with suppress(OSError), file.open(encoding="utf-8", errors="replace") as text:
        for line in text.read(_READ_BYTES).splitlines():
            words = line.partition("#")[0].lower().split()
            if words:
                yield words

"""Who may look: the name that was called, a token, and what browsers are told about our pages."""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

OPEN_PATHS = frozenset({"/healthz"})
"""What needs no token."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # a token in the address stays here
    "Server": "edge-srcnn",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT = re.compile(r":\d+$")


def host_check(own_name: str) -> Middleware:
    """Refuse other names than those of this machine.

    A page elsewhere could have its own name point to 127.0.0.1 (DNS rebinding); the browser would then let it read.
    """
    names = _LOOPBACK_NAMES | {own_name.lower()}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        called = request.headers.get(hdrs.HOST)
        if called is not None and _PORT.sub("", called).lower() not in names:
            raise web.HTTPMisdirectedRequest(text="this address answers to localhost and 127.0.0.1 only\n")
        return await handler(request)

    return check


def token_check(token: str) -> Middleware:
    """Refuse requests that do not show the token: as bearer, as ``?token=``, or as password of basic authentication."""
    expected = token.encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        shown = [hmac.compare_digest(one, expected) for one in _shown(request)]
        if request.path not in OPEN_PATHS and not any(shown):
            refusal = web.HTTPUnauthorized(text="a token is needed: ?token=..., or as the password of any user\n")
            refusal.headers.add(hdrs.WWW_AUTHENTICATE, 'Basic realm="edge-srcnn", charset="UTF-8"')
            refusal.headers.add(hdrs.WWW_AUTHENTICATE, 'Bearer realm="edge-srcnn"')
            raise refusal
        return await handler(request)

    return check


async def add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Add what every answer carries; a signal of aiohttp's."""
    for name, value in HEADERS.items():
        response.headers[name] = value


def _shown(request: web.Request) -> Iterator[bytes]:
    """Every token that the request shows."""
    for value in request.query.getall("token", []):
        yield value.encode(errors="surrogateescape")
    for value in request.headers.getall(hdrs.AUTHORIZATION, []):
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "bearer":
            yield rest.strip().encode(errors="surrogateescape")
        elif scheme.lower() == "basic":
            try:
                yield base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                continue

"""Ask the cameras of a wall, all at a time: what they call themselves, and whether a browser will be let in."""

import http.client
import json
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any

from edge_srcnn.errors import reason
from edge_srcnn.system.certificates import TRUST
from edge_srcnn.web.address import ANY, NULL
from edge_srcnn.web.client import connect
from edge_srcnn.web.wall.cameras import Camera

LIMIT_S = 4.0
"""For each step of a question: cameras of a house answer within a fraction of it."""

STREAMS_PER_ORIGIN = 4
"""Of the six connections that browsers open to one server over HTTP/1.1; two are for single pictures and the state."""

_AT_A_TIME = 32
_MOST_BYTES, _PART_BYTES = 1_000_000, 65_536
_LINE = 200


@dataclass(frozen=True)
class Seen:
    """Tell what a camera answered.

    Attributes
    ----------
    name
        What it calls itself.
    says
        How it goes, in a few words.
    problem
        Why a browser will show nothing, or less, and what to do; None where all is good.
    readable
        The page may read stream and state.
    shown
        The page may show pictures.
    """

    name: str | None
    says: str
    problem: str | None = None
    readable: bool = False
    shown: bool = False


def check(cameras: Sequence[Camera], origin: str = NULL) -> list[Seen]:
    """Ask all cameras.

    Parameters
    ----------
    cameras
        At least one.
    origin
        Of the page, as browsers write it; ``null`` for one that is a file.

    Returns
    -------
    One answer a camera.
    """
    with ThreadPoolExecutor(min(len(cameras), _AT_A_TIME), thread_name_prefix="check") as several:
        return list(several.map(lambda camera: look(camera, origin), cameras))


def look(camera: Camera, origin: str = NULL) -> Seen:
    """Ask one camera for its state, as a page of ``origin`` will."""
    headers = {"Accept": "application/json", "Origin": origin}
    if camera.place.token is not None:
        headers["Authorization"] = f"Bearer {camera.place.token}"
    try:
        connection = connect(camera.place, TRUST, LIMIT_S)
        try:
            connection.request("GET", f"{camera.place.path}/state", headers=headers)
            answer = connection.getresponse()
            text = _body(answer).decode(errors="replace")
        finally:
            connection.close()
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or reason(error)
        return _silent(
            f"its certificate is not trusted here ({why}); where the browser does not trust it either, open "
            f"{camera.address} in it and accept the certificate, or have an authority of yours sign it"
        )
    except (OSError, http.client.HTTPException, UnicodeError, ValueError) as error:
        return _silent(f"does not answer now ({reason(error)}); the page shows it when it does")
    allowed = answer.headers.get("Access-Control-Allow-Origin")
    readable = allowed in (origin, ANY)
    shown = readable or answer.headers.get("Cross-Origin-Resource-Policy", "cross-origin") == "cross-origin"
    if answer.status == http.client.UNAUTHORIZED:
        cure = "the page asks for one; or give it in the address (?token=) or by --token-file"
        problem = "refuses this token" if camera.place.token is not None else "asks for a token"
        return Seen(None, problem, f"{problem}: {cure}", readable, shown)
    state = _state(text)
    if answer.status != http.client.OK or state is None:
        line = " ".join(text.split())[:_LINE] if answer.headers.get_content_type() == "text/plain" else ""
        said = f"answered {answer.status}" + (f" ({line})" if line else "")
        return Seen(None, said, f"{said}; is it the page of edge-srcnn?", readable, shown)
    name = state.get("name") if isinstance(state.get("name"), str) else None
    return Seen(name, _summary(state), _closed(readable, shown, origin), readable, shown)


def connection_limits(cameras: Sequence[Camera]) -> list[str]:
    """Tell of servers behind which more cameras are than browsers open connections to one server."""
    origins = [camera.origin for camera in cameras]
    return [
        f"{origin}: {origins.count(origin)} cameras on one server; browsers open six connections to it, so "
        f"{STREAMS_PER_ORIGIN} at a time stream, and the others show single pictures"
        for origin in dict.fromkeys(origins)
        if origins.count(origin) > STREAMS_PER_ORIGIN
    ]


def _body(answer: http.client.HTTPResponse) -> bytes:
    """Read a body that comes in time; ``TimeoutError`` where it trickles."""
    end_s, parts, size = monotonic() + LIMIT_S, list[bytes](), 0
    while size < _MOST_BYTES and (part := answer.read1(_PART_BYTES)):
        parts.append(part)
        size += len(part)
        if monotonic() > end_s:
            raise TimeoutError("timed out")
    return b"".join(parts)


def _silent(problem: str) -> Seen:
    return Seen(None, "no answer", problem)


def _closed(readable: bool, shown: bool, origin: str) -> str | None:
    if readable:
        return None
    cure = f"add cors={origin} to the options of its http sink"
    if shown:
        return f"shows pictures on the page, but neither their age nor its state; {cure}"
    return f"lets no page of another origin show it; {cure}"


def _state(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "signal" in found else None


def _summary(state: dict[str, Any]) -> str:
    if not state["signal"]:
        return "no signal"
    rate, model = state.get("fps_in"), state.get("model")
    figures = [f"{rate:.1f} fps" if isinstance(rate, int | float) else "", model if isinstance(model, str) else ""]
    return ", ".join(["live", *filter(None, figures)])

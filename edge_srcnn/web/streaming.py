"""Multipart JPEG: what ``mjpg-streamer`` and ``ustreamer`` send, and their clients read."""

import asyncio
import logging

from aiohttp import web

from edge_srcnn.web.broadcast import Broadcast, Shot
from edge_srcnn.web.views import PARTS

log = logging.getLogger(__name__)

BOUNDARY = "boundarydonotcross"
"""The word that the clients of both programs know."""

STALL_S = 30.0
"""A viewer that takes nothing for so long is gone."""

STREAM_HEADERS = {
    "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx then hands frames on at once
}


async def send_stream(request: web.Request, broadcast: Broadcast, view: str) -> web.StreamResponse:
    """Send pictures until the viewer leaves, or there are no more.

    A picture is handed to the system when the one before has left; those that come in between are left out.
    """
    response = web.StreamResponse(headers=STREAM_HEADERS)
    response.force_close()
    if request.transport is not None:
        request.transport.set_write_buffer_limits(high=0)  # "drained" is then: nothing is left here
    try:
        with broadcast.viewer(view):
            await response.prepare(request)
            await response.write(f"--{BOUNDARY}\r\n".encode())
            number = 0
            while (shot := await broadcast.newer(number, view)) is not None:
                number = shot.number
                for part in PARTS[view]:
                    data = _part(shot, part, await broadcast.jpeg(shot, part))
                    async with asyncio.timeout(STALL_S):
                        await response.write(data)
                        await request.writer.drain()
    except TimeoutError:
        log.info("viewer %s took nothing for %.0f s; its connection is closed", request.remote, STALL_S)
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:  # it left
        pass
    return response


def _part(shot: Shot, view: str, jpeg: bytes) -> bytes:
    """One picture. The boundary that ends it goes with it: browsers show a picture when they see that."""
    head = (
        "Content-Type: image/jpeg\r\n"
        f"Content-Length: {len(jpeg)}\r\n"
        f"X-Timestamp: {shot.captured_s:.6f}\r\n"
        f"X-View: {view}\r\n"
        f"X-Signal: {'live' if shot.live else 'lost'}\r\n"
        "\r\n"
    )
    return b"".join((head.encode(), jpeg, f"\r\n--{BOUNDARY}\r\n".encode()))

"""A service in this process that serves, and requests that change it."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from edge_srcnn.service.changes import Changes
from tests.edge_srcnn.service.controlled import CARD, Running, controlled
from tests.edge_srcnn.web.serving import LIMIT_S, Answer

JSON = {"Content-Type": "application/json"}


@contextmanager
def served(options: str = "", *sinks: str, source: str = CARD, changes: Changes | None = None) -> Iterator[Any]:
    """A running service; ``address`` is where its pages are."""
    with controlled(
        source, f"http://127.0.0.1:0#{options}" if options else "http://127.0.0.1:0", "null:", *sinks
    ) as it:
        it.changes = changes or it.changes
        it.address = it.sinks[0].address
        yield it


def send(service: Running, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """One request with a body, as JSON unless it is bytes; the names of headers are written with _ for -."""
    place = urlsplit(service.address)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    if data is not None and "Content-Type" not in named:
        named |= JSON
    with closing(http.client.HTTPConnection(place.hostname or "", place.port, timeout=LIMIT_S)) as connection:
        connection.request(method, path, data, named)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def patch(service: Running, body: Any, path: str = "/control", **headers: str) -> Answer:
    """Change settings."""
    return send(service, "PATCH", path, body, **headers)

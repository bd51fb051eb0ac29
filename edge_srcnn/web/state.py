"""How it goes, as ``/state`` tells it."""

import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from edge_srcnn.system.temperature import processor_temperature_c
from edge_srcnn.uri import without_secrets
from edge_srcnn.web.broadcast import Broadcast
from edge_srcnn.web.views import VIEWS

PROJECT = "edge-srcnn"

_TOLD = (PROJECT, "aiohttp", "simplejpeg")


def status(look: Callable[[], Any], broadcast: Broadcast) -> dict[str, Any]:
    """Collect the pipeline's state and the viewers', ready for JSON; ``look`` gives a dataclass."""
    state = asdict(look())
    for sink in state.get("sinks", ()):
        sink["name"] = without_secrets(sink["name"])
        sink["error"] = sink["error"] and without_secrets(sink["error"])
    return {
        **state,
        "signal": broadcast.is_fresh(),
        "picture_age_s": broadcast.age_s(),
        "clients": broadcast.viewers.total(),
        "views": {view: broadcast.viewers[view] for view in (*VIEWS, *sorted(set(broadcast.viewers) - set(VIEWS)))},
        "temperature_c": processor_temperature_c(),
        "versions": versions(),
    }


@cache
def versions() -> dict[str, str]:
    """Of this package and what it serves with, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in _TOLD:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found

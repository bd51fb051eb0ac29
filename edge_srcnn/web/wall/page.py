"""Write the wall: HTML in one file, which loads nothing but the cameras' pictures."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from edge_srcnn.web.wall.cameras import Camera
from edge_srcnn.web.wall.check import STREAMS_PER_ORIGIN, Seen

_STYLES, _SCRIPTS = ("wall/wall.css",), ("page/stream.js", "wall/feeds.js", "wall/tile.js", "wall/wall.js")
_PLAIN_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?")  # the rest a policy cannot name (CSP 3, 2.3.1)
_IN_SCRIPT = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"})


@dataclass(frozen=True)
class Look:
    """Say how the wall looks.

    Attributes
    ----------
    title
        Of the page.
    view
        What tiles show, as ``/stream.mjpg?view=`` takes it; a large one is always enhanced.
    every_s
        Seconds between two single pictures, which take the place of streams; None: streams.
    """

    title: str = "Cameras"
    view: str = "enhanced"
    every_s: float | None = None


def page(cameras: Sequence[Camera], seen: Sequence[Seen | None], look: Look) -> str:
    """Write the page.

    Parameters
    ----------
    cameras
        In the order of their tiles.
    seen
        What each answered; None where nobody asked.
    look
        How it is to look.

    Returns
    -------
    HTML that needs no other file.
    """
    names = names_of(cameras, seen)
    tiles = [_tile(camera, name, answer) for camera, name, answer in zip(cameras, names, seen, strict=True)]
    data = {
        "cameras": tiles,
        "view": look.view,
        "everyMs": None if look.every_s is None else round(1000 * look.every_s),
        "streamsPerOrigin": STREAMS_PER_ORIGIN,
    }
    style, script = ("".join(map(_text, each)) for each in (_STYLES, _SCRIPTS))
    icon = base64.b64encode(_text("page/icon.svg").encode()).decode()
    links = "".join(
        f'<li><a href="{escape(tile["address"])}" rel="noreferrer">{escape(tile["name"])}</a></li>' for tile in tiles
    )
    return Template(_text("wall/wall.html")).substitute(
        title=escape(look.title),
        policy=escape(_policy(cameras, style, script)),
        icon=f"data:image/svg+xml;base64,{icon}",
        style=style,
        script=script,
        data=json.dumps(data, ensure_ascii=False).translate(_IN_SCRIPT),
        links=links,
    )


def names_of(cameras: Sequence[Camera], seen: Sequence[Seen | None]) -> list[str]:
    """Name the tiles: as was asked, else as the camera calls itself, else by its address; no name twice."""
    wanted = [
        camera.name or (answer.name if answer and answer.name else _short(camera))
        for camera, answer in zip(cameras, seen, strict=True)
    ]
    return [
        name if camera.name or wanted.count(name) == 1 else f"{name} ({_short(camera)})"
        for camera, name in zip(cameras, wanted, strict=True)
    ]


def _tile(camera: Camera, name: str, seen: Seen | None) -> dict[str, Any]:
    hint = seen.problem if seen is not None and not seen.readable and seen.says != "no answer" else None
    return {
        "name": name,
        "own": camera.name is None,  # then the page follows what the camera calls itself
        "address": camera.address,
        "origin": camera.origin,
        "token": camera.place.token,
        "hint": hint,
    }


def _short(camera: Camera) -> str:
    return camera.address.partition("://")[2].rstrip("/")


def _text(name: str) -> str:
    return (files("edge_srcnn.web") / name).read_text(encoding="utf-8")


def _policy(cameras: Sequence[Camera], style: str, script: str) -> str:
    """Write the policy: this style, this script, these cameras, and nothing else."""
    origins = dict.fromkeys(
        camera.origin if _PLAIN_ORIGIN.fullmatch(camera.origin) else f"{camera.place.scheme}:" for camera in cameras
    )
    sources = " ".join(origins)
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {_digest(style)}",
            f"script-src {_digest(script)}",
            f"img-src data: blob: {sources}",
            f"connect-src {sources}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"

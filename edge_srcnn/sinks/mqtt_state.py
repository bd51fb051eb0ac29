"""Tell the pipeline's state as one flat JSON object, in units that people read."""

import json
import re
import socket
import unicodedata
from hashlib import sha256
from typing import Any

from edge_srcnn.errors.masking import without_secrets
from edge_srcnn.system.temperature import processor_temperature_c

ROOT = "edge-srcnn"
_CHANGES = ("phase", "errors", "refused", "model", "engine")
_NOT_ID = re.compile(r"[^a-z0-9]+")
_HASH_LETTERS = 6


def topic_of(name: str | None) -> str:
    """Make a topic of a camera's name, or of this machine's where it has none: the same at every start."""
    return f"{ROOT}/{slug(name or socket.gethostname().partition('.')[0])}"


def slug(text: str) -> str:
    """Spell a name in a to z, digits and hyphens; one that loses letters by that gets a few of its digest."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    spelled = _NOT_ID.sub("-", plain).strip("-")
    if spelled == re.sub(r"[ _/-]+", "-", text.lower()).strip("-"):
        return spelled
    return f"{spelled}-{sha256(text.encode(errors='replace')).hexdigest()[:_HASH_LETTERS]}".strip("-")


def state_of(state: Any, refused: str) -> dict[str, Any]:
    """Choose what is told of the pipeline's state, or the service's.

    Parameters
    ----------
    state
        As ``Stream.state`` gives it.
    refused
        Why the last command was not followed; empty where it was.

    Returns
    -------
    Name to value; None: not known, or not measured yet.
    """
    frames_out, latency = state.frames_out, state.latency.median_ms
    return {
        "phase": str(getattr(state, "phase", "idle" if state.idle else "live")),
        "status": without_secrets(getattr(state, "status", "")),
        "errors": [without_secrets(each) for each in getattr(state, "errors", ())],
        "refused": refused,
        "fps_in": round(state.fps_in, 1),
        "fps_out": round(state.fps_out, 1),
        "latency_ms": round(latency) if frames_out else None,
        "dropped": state.dropped,
        "frames": frames_out,
        "model": state.model or state.engine,
        "engine": state.engine,
        "strength": round(state.strength, 2),
        "noise": None if state.temporal.noise is None else round(state.temporal.noise, 1),
        "still_percent": None if state.still_share is None else round(state.still_share * 100),
        "temperature_c": None if (heat := processor_temperature_c()) is None else round(heat, 1),
    }


def differs(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Tell whether something changed that people want to know at once."""
    return any(before.get(name) != now[name] for name in _CHANGES)


def as_json(value: Any) -> bytes:
    """Write a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")

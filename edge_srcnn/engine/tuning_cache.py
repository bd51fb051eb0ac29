"""Settings that were measured on this machine, remembered between runs.

One JSON file in the user's cache folder: winners of ``edge-srcnn tune``, and what a frame took with each rung of the
ladder. What does not belong to this machine, model or interpreter does not match, and a file that makes no sense is
ignored with a warning: it is only a cache.
"""

import json
import logging
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from edge_srcnn.engine.blocks import Blocks
from edge_srcnn.engine.plan import MAX_THREADS, WHOLE_TILE, Setting, parse_tile, tile_text
from edge_srcnn.errors import CannotWrite, UsageError
from edge_srcnn.system.files import write_whole

log = logging.getLogger(__name__)

FORMAT = 1
MAX_SIDE = 1 << 20
MOST_MEASURED = 200
"""So many times of live frames are kept, the newest ones."""


@dataclass(frozen=True)
class Occasion:
    """What a measurement holds for.

    Attributes
    ----------
    model
        SHA-256 of the graph.
    processor
        Its name, and how many of it this process may use.
    interpreter
        Engine and version.
    height, width
        Of the up-scaled picture.
    """

    model: str
    processor: str
    interpreter: str
    height: int
    width: int


@dataclass(frozen=True)
class Tuned:
    """A winner, and what a frame took with it."""

    occasion: Occasion
    setting: Setting
    milliseconds: float


@dataclass(frozen=True)
class Measured:
    """What a live frame took with the setting that was in use, everything included."""

    occasion: Occasion
    milliseconds: float


def cache_file() -> Path:
    """Where winners are remembered: ``$XDG_CACHE_HOME/edge-srcnn/tuned.json``, or below ``~/.cache``."""
    folder = os.environ.get("XDG_CACHE_HOME") or ""
    base = Path(folder) if os.path.isabs(folder) else Path(os.path.expanduser("~/.cache"))
    return base / "edge-srcnn" / "tuned.json"


def recall(occasion: Occasion, path: Path | None = None, *, upsampling: int = 1) -> Setting | None:
    """The winner for this occasion, else that of the picture nearest in size, else None.

    ``upsampling`` is the network's: pixels of the result for each one of the plane that tiles are cut from.
    """
    known = [entry for entry in _load(path or cache_file())[0] if _same_machine(entry.occasion, occasion)]
    if not known:
        return None

    def distance(entry: Tuned) -> float:
        pixels = entry.occasion.height * entry.occasion.width
        same = (entry.occasion.height, entry.occasion.width) == (occasion.height, occasion.width)
        return -1.0 if same else abs(math.log(pixels / (occasion.height * occasion.width)))

    nearest = min(known, key=distance)
    setting = nearest.setting
    if setting.tile == WHOLE_TILE and nearest.occasion != occasion:  # a larger picture is not to take more memory
        height, width = (-(-side // upsampling) for side in (nearest.occasion.height, nearest.occasion.width))
        setting = replace(setting, tile=(height, width))
    return setting


def remember(winner: Tuned, path: Path | None = None) -> Path:
    """Keep a winner in place of what was known for the same occasion; returns the file.

    Raises
    ------
    CannotWrite
        The cache folder cannot be written.
    """
    path = path or cache_file()
    tuned, measured = _load(path)
    kept = [entry for entry in tuned if entry.occasion != winner.occasion]
    slower = [entry for entry in measured if not _same_machine(entry.occasion, winner.occasion)]
    _write(path, [*kept, winner], slower)  # what was measured with another setting does not hold any more
    return path


def recall_ms(occasion: Occasion, path: Path | None = None) -> float | None:
    """Milliseconds that a live frame of exactly this size took, or None where that was never measured."""
    _, measured = _load(path or cache_file())
    return next((entry.milliseconds for entry in measured if entry.occasion == occasion), None)


def remember_ms(entry: Measured, path: Path | None = None) -> None:
    """Keep what a live frame took, in place of what was known for the same occasion.

    Raises
    ------
    CannotWrite
        The cache folder cannot be written.
    """
    path = path or cache_file()
    tuned, measured = _load(path)
    prepare(path)
    _write(path, tuned, [*(known for known in measured if known.occasion != entry.occasion), entry][-MOST_MEASURED:])


def prepare(path: Path | None = None) -> None:
    """Make the cache folder, so that a long measurement does not end in an error.

    Raises
    ------
    CannotWrite
        It cannot be made or written to.
    """
    path = path or cache_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{path.parent}: cannot be made ({error.strerror})") from error
    if not os.access(path.parent, os.W_OK) or path.is_dir():
        raise CannotWrite(f"{path}: cannot be written")


def forget(path: Path | None = None) -> bool:
    """Remove what is remembered; False when there was nothing."""
    path = path or cache_file()
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be removed ({error.strerror})") from error
    return True


def _same_machine(one: Occasion, other: Occasion) -> bool:
    return (one.model, one.processor, one.interpreter) == (other.model, other.processor, other.interpreter)


def _load(path: Path) -> tuple[list[Tuned], list[Measured]]:
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']!r}, not {FORMAT}")
        tuned = [_from_json(entry) for entry in document["tuned"]]
        return tuned, [_measured_from_json(entry) for entry in document.get("measured", ())]
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        try:
            changed_ns = path.stat().st_mtime_ns
        except OSError:
            changed_ns = 0
        _warn(path, _reason(error), changed_ns)
        return [], []


def _write(path: Path, tuned: Sequence[Tuned], measured: Sequence[Measured]) -> None:
    document: dict[str, Any] = {"format": FORMAT, "tuned": [_to_json(entry) for entry in tuned]}
    if measured:
        document["measured"] = [{**vars(entry.occasion), "milliseconds": entry.milliseconds} for entry in measured]
    write_whole(path, json.dumps(document, indent=1).encode(), overwrite=True)


@cache  # once for each version of the file, however many sizes and models come
def _warn(path: Path, reason: str, changed_ns: int) -> None:
    log.warning("%s: ignored, %s; 'edge-srcnn tune' writes it anew", path, reason)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"it cannot be read ({error.strerror})"
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return f"it is damaged or foreign ({error})"


def _to_json(entry: Tuned) -> dict[str, Any]:
    setting = entry.setting
    return {
        **vars(entry.occasion),
        "block": str(setting.blocks),
        "tile": tile_text(setting.tile),
        "threads": setting.threads,
        "milliseconds": entry.milliseconds,
    }


def _from_json(stored: Any) -> Tuned:
    occasion, milliseconds = _measured(stored)
    threads, tile = stored["threads"], parse_tile(str(stored["tile"]))
    _check("threads", threads, int)
    if not 1 <= threads <= MAX_THREADS or tile is None:
        raise UsageError(f"no setting is {stored!r}")
    return Tuned(occasion, Setting(Blocks.parse(str(stored["block"])), tile, threads), milliseconds)


def _measured_from_json(stored: Any) -> Measured:
    occasion, milliseconds = _measured(stored)
    if not 0 < milliseconds < math.inf:
        raise UsageError(f"milliseconds is {milliseconds!r}")
    return Measured(occasion, milliseconds)


def _measured(stored: Any) -> tuple[Occasion, float]:
    """What both kinds of entries hold."""
    for name in ("model", "processor", "interpreter"):
        _check(name, stored[name], str)
    for name in ("height", "width"):
        _check(name, stored[name], int)
    _check("milliseconds", stored["milliseconds"], int, float)
    occasion = Occasion(**{name: stored[name] for name in ("model", "processor", "interpreter", "height", "width")})
    if not 1 <= min(occasion.height, occasion.width) <= max(occasion.height, occasion.width) <= MAX_SIDE:
        raise UsageError(f"no size is {stored!r}")
    return occasion, float(stored["milliseconds"])


def _check(name: str, value: Any, *kinds: type) -> None:
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}")

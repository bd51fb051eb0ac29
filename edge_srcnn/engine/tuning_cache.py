"""Plans that were measured on this machine, kept between runs.

One JSON file in the user's cache folder: winners of ``edge-srcnn tune``, and what a live frame took with each model.
What does not belong to this machine, model or interpreter does not match, and a file that makes no sense is ignored
with a warning: it is only a cache.
"""

import json
import logging
import math
import os
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from edge_srcnn.engine.plan import MAX_THREADS, WHOLE_TILE, Blocks, Plan, parse_tile, tile_text
from edge_srcnn.errors import CannotWrite, UsageError
from edge_srcnn.system.files import write_whole

log = logging.getLogger(__name__)

FORMAT = 1
MAX_SIDE = 1 << 20
MOST_MEASURED = 200
"""So many times of live frames are kept, the newest ones."""


@dataclass(frozen=True)
class TuningKey:
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
        Of the upscaled picture.
    """

    model: str
    processor: str
    interpreter: str
    height: int
    width: int

    @property
    def size(self) -> tuple[int, int]:
        """Give height and width."""
        return self.height, self.width

    def is_alike(self, other: "TuningKey") -> bool:
        """Tell whether nothing but the size differs."""
        return replace(self, height=other.height, width=other.width) == other


@dataclass(frozen=True)
class Entry:
    """What a frame took: with ``plan``, which won a tuning; or, without, live and with everything included."""

    key: TuningKey
    milliseconds: float
    plan: Plan | None = None


def cache_file() -> Path:
    """Give the file's place: ``$XDG_CACHE_HOME/edge-srcnn/tuned.json``, or below ``~/.cache``."""
    folder = os.environ.get("XDG_CACHE_HOME") or ""
    base = Path(folder) if os.path.isabs(folder) else Path(os.path.expanduser("~/.cache"))
    return base / "edge-srcnn" / "tuned.json"


class TuningCache:
    """The file of what was measured; read anew each time.

    Parameters
    ----------
    path
        None: ``cache_file()``.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_file()

    def get(self, key: TuningKey, *, upsampling: int = 1) -> Plan | None:
        """Give the winner for a key, else that of the picture nearest in size, else None.

        ``upsampling`` is the network's: pixels of the result for each one of the plane that tiles are cut from.
        """

        def distance(entry: Entry) -> float:
            pixels, wanted = math.prod(entry.key.size), math.prod(key.size)
            return -1.0 if entry.key.size == key.size else abs(math.log(pixels / wanted))

        alike = [entry for entry in self._load() if entry.plan and entry.key.is_alike(key)]
        nearest = min(alike, key=distance, default=None)
        if nearest is None or nearest.plan is None:
            return None
        if nearest.plan.tile == WHOLE_TILE and nearest.key != key:  # a larger picture is not to take more memory
            height, width = (-(-side // upsampling) for side in nearest.key.size)
            return replace(nearest.plan, tile=(height, width))
        return nearest.plan

    def get_ms(self, key: TuningKey) -> float | None:
        """Give the milliseconds that a live frame of exactly this size took, or None where that is not known."""
        return next((entry.milliseconds for entry in self._load() if not entry.plan and entry.key == key), None)

    def put(self, key: TuningKey, milliseconds: float, plan: Plan | None = None) -> None:
        """Keep what a frame took in place of what was known for the same key.

        What live frames took with another plan does not hold any more once there is a new one.

        Raises
        ------
        CannotWrite
            The cache folder cannot be written.
        """

        def holds(known: Entry) -> bool:
            if bool(known.plan) == bool(plan):
                return known.key != key
            return bool(known.plan) or not known.key.is_alike(key)

        kept = [known for known in self._load() if holds(known)]
        self._write([*kept, Entry(key, milliseconds, plan)])

    def prepare(self) -> None:
        """Make the cache folder, so that a long measurement does not end in an error.

        Raises
        ------
        CannotWrite
            It cannot be made or written to.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWrite(f"{self.path.parent}: cannot be made ({error.strerror})") from error
        if not os.access(self.path.parent, os.W_OK) or self.path.is_dir():
            raise CannotWrite(f"{self.path}: cannot be written")

    def clear(self) -> bool:
        """Remove the file; False when there was none."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise CannotWrite(f"{self.path}: cannot be removed ({error.strerror})") from error
        return True

    def _load(self) -> list[Entry]:
        try:
            document = json.loads(self.path.read_bytes())
            if document["format"] != FORMAT:
                raise ValueError(f"format {document['format']!r}, not {FORMAT}")
            tuned = [_from_json(entry, tuned=True) for entry in document["tuned"]]
            return tuned + [_from_json(entry, tuned=False) for entry in document.get("measured", ())]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            _warn(self.path, _reason(error), self.path.stat().st_mtime_ns if os.path.exists(self.path) else 0)
            return []

    def _write(self, entries: list[Entry]) -> None:
        tuned, measured = ([_to_json(each) for each in entries if bool(each.plan) == kind] for kind in (True, False))
        document = {"format": FORMAT, "tuned": tuned} | ({"measured": measured[-MOST_MEASURED:]} if measured else {})
        write_whole(self.path, json.dumps(document, indent=1).encode(), overwrite=True)


@cache  # once for each version of the file, however many sizes and models come
def _warn(path: Path, reason: str, changed_ns: int) -> None:
    log.warning("%s: ignored, %s; 'edge-srcnn tune' writes it anew", path, reason)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"it cannot be read ({error.strerror})"
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return f"it is damaged or foreign ({error})"


def _to_json(entry: Entry) -> dict[str, Any]:
    plan = entry.plan
    how = {"block": str(plan.blocks), "tile": tile_text(plan.tile), "threads": plan.threads} if plan else {}
    return {**asdict(entry.key), **how, "milliseconds": entry.milliseconds}


def _from_json(stored: Any, *, tuned: bool) -> Entry:
    key = TuningKey(*(_checked(stored, each.name, each.type) for each in fields(TuningKey)))
    milliseconds = float(_checked(stored, "milliseconds", int | float))
    if not 1 <= min(key.size) <= max(key.size) <= MAX_SIDE:
        raise UsageError(f"no size is {stored!r}")
    if not tuned:
        if not 0 < milliseconds < math.inf:
            raise UsageError(f"milliseconds is {milliseconds!r}")
        return Entry(key, milliseconds)
    threads, tile = _checked(stored, "threads", int), parse_tile(str(stored["tile"]))
    if not 1 <= threads <= MAX_THREADS or tile is None:
        raise UsageError(f"no plan is {stored!r}")
    return Entry(key, milliseconds, Plan(Blocks.parse(str(stored["block"])), tile, threads))


def _checked(stored: Any, name: str, kind: Any) -> Any:
    value = stored[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}")
    return value

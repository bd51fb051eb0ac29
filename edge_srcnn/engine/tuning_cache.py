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
    """The model, the machine and the size that a measurement holds for.

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


def cache_file() -> Path:
    """Give the file's place: ``$XDG_CACHE_HOME/edge-srcnn/tuned.json``, or below ``~/.cache``."""
    folder = os.environ.get("XDG_CACHE_HOME") or ""
    home = os.path.expanduser("~")  # stays as it is where nobody knows the user
    base = Path(folder) if os.path.isabs(folder) else Path(home if os.path.isabs(home) else "/", ".cache")
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
        """Give the winner for a key, else that of the picture nearest in size.

        Parameters
        ----------
        key
            What is asked for.
        upsampling
            The network's: pixels of the result for each one of the plane that tiles are cut from.

        Returns
        -------
        None where nothing was tuned but for other models, processors or interpreters.
        """

        def distance(known: TuningKey) -> float:
            return -1.0 if known == key else abs(math.log(math.prod(known.size) / math.prod(key.size)))

        tuned, _ = self._load()
        nearest = min(filter(key.is_alike, tuned), key=distance, default=None)
        if nearest is None:
            return None
        _, plan = tuned[nearest]
        if plan.tile == WHOLE_TILE and nearest != key:  # a larger picture is not to take more memory
            height, width = (-(-side // upsampling) for side in nearest.size)
            return replace(plan, tile=(height, width))
        return plan

    def get_ms(self, key: TuningKey) -> float | None:
        """Give the milliseconds that a live frame of exactly this size took, or None where that is not known."""
        return self._load()[1].get(key)

    def put(self, key: TuningKey, milliseconds: float, plan: Plan | None = None) -> None:
        """Keep what a frame took in place of what was known for the same key.

        What live frames took with another plan does not hold any more once there is a new one.

        Parameters
        ----------
        key
            What it holds for.
        milliseconds
            Of a frame.
        plan
            What won a tuning; None: the frame was live, with everything included.

        Raises
        ------
        CannotWrite
            The cache folder cannot be written.
        """
        tuned, measured = self._load()
        if plan:
            tuned[key] = milliseconds, plan
            measured = {known: ms for known, ms in measured.items() if not known.is_alike(key)}
        else:
            measured.pop(key, None)  # the newest is the last
            measured[key] = milliseconds
        document = {"format": FORMAT, "tuned": [_to_json(known, *won) for known, won in tuned.items()]}
        if measured:
            document["measured"] = [_to_json(*known) for known in list(measured.items())[-MOST_MEASURED:]]
        write_whole(self.path, json.dumps(document, indent=1).encode(), overwrite=True)

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

    def _load(self) -> tuple[dict[TuningKey, tuple[float, Plan]], dict[TuningKey, float]]:
        """Read what won tunings, and what live frames took, in milliseconds; the newest last."""
        try:
            document = json.loads(self.path.read_bytes())
            if document["format"] != FORMAT:
                raise ValueError(f"format {document['format']!r}, not {FORMAT}")
            tuned = {_key_of(each): (_milliseconds_of(each), _plan_of(each)) for each in document["tuned"]}
            return tuned, {_key_of(each): _milliseconds_of(each) for each in document.get("measured", ())}
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            _warn(self.path, _reason(error), self.path.stat().st_mtime_ns if os.path.exists(self.path) else 0)
        return {}, {}


@cache  # once for each version of the file, however many sizes and models come
def _warn(path: Path, reason: str, changed_ns: int) -> None:
    log.warning("%s: ignored, %s; 'edge-srcnn tune' writes it anew", path, reason)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"it cannot be read ({error.strerror})"
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return f"it is damaged or foreign ({error})"


def _to_json(key: TuningKey, milliseconds: float, plan: Plan | None = None) -> dict[str, Any]:
    how = {"block": str(plan.blocks), "tile": tile_text(plan.tile), "threads": plan.threads} if plan else {}
    return {**asdict(key), **how, "milliseconds": milliseconds}


def _key_of(stored: Any) -> TuningKey:
    key = TuningKey(*(_checked(stored, each.name, each.type) for each in fields(TuningKey)))
    if not 1 <= min(key.size) <= max(key.size) <= MAX_SIDE:
        raise UsageError(f"no size is {stored!r}")
    return key


def _milliseconds_of(stored: Any) -> float:
    milliseconds = float(_checked(stored, "milliseconds", int | float))
    if not 0 < milliseconds < math.inf:
        raise UsageError(f"milliseconds is {milliseconds!r}")
    return milliseconds


def _plan_of(stored: Any) -> Plan:
    threads, tile = _checked(stored, "threads", int), parse_tile(str(stored["tile"]))
    if not 1 <= threads <= MAX_THREADS or tile is None:
        raise UsageError(f"no plan is {stored!r}")
    return Plan(Blocks.parse(str(stored["block"])), tile, threads)


def _checked(stored: Any, name: str, kind: Any) -> Any:
    value = stored[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}")
    return value

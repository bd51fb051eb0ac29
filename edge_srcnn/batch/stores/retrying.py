"""Ask a store again that does not answer, with growing pauses; one warning tells that it is away."""

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from edge_srcnn.batch.stores import filesystems
from edge_srcnn.batch.stores.address import StoreUrl
from edge_srcnn.batch.stores.failures import Cancelled, Failure, read_failure
from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.system.backoff import Backoff

log = logging.getLogger(__name__)

PATIENCE_S = 120.0
"""So long a store that has answered before may be away, for each thing that is asked of it."""

FIRST_PATIENCE_S = 10.0
"""The same for one that has never answered: its name is wrong, most likely."""

_LONGEST_PAUSE_S = 10.0
_Answer = TypeVar("_Answer")


class _Health:
    """Know whether a store answers; for any thread.

    Parameters
    ----------
    name
        Of the store, for the log.

    Attributes
    ----------
    known
        It has answered before.
    given_up
        Somebody has waited for it in vain, and it has not answered since: nobody else waits.
    """

    def __init__(self, name: str) -> None:
        self.known = self.given_up = False
        self._name = name
        self._away_since: float | None = None
        self._lock = threading.Lock()

    @property
    def patience_s(self) -> float:
        if self.given_up:
            return 0.0
        return PATIENCE_S if self.known else FIRST_PATIENCE_S

    def answers(self) -> None:
        with self._lock:
            away_since, self._away_since = self._away_since, None
            self.known, self.given_up = True, False
        if away_since is not None:
            log.info("%s: answers again after %.0f s", self._name, monotonic() - away_since)

    def is_away(self, failure: Failure) -> None:
        with self._lock:
            first, self._away_since = self._away_since is None, self._away_since or monotonic()
        if first:
            log.warning("%s: %s; trying again for up to %.0f s", self._name, failure.why, self.patience_s)


_stores: dict[StoreUrl, _Health] = {}
_stores_lock = threading.Lock()


def ask(
    url: StoreUrl,
    action: Callable[[Any], _Answer],
    *,
    writing: bool = False,
    stop: threading.Event | None = None,
) -> _Answer:
    """Do something with a store, again and again while it is away.

    Parameters
    ----------
    url
        What it is about.
    action
        Gets a filesystem of fsspec, for itself alone; has done nothing, or can be done again, where it raises.
    writing
        An error is one of writing.
    stop
        Set when nobody waits for the answer any more.

    Returns
    -------
    What the action returns.

    Raises
    ------
    EdgeSrcnnError
        The store refuses, or is away for longer than ``PATIENCE_S``.
    """
    health = _health_of(url)
    stop = threading.Event() if stop is None else stop
    pauses, away_since = Backoff(_LONGEST_PAUSE_S), None
    while True:
        try:
            answer = _once(url, action)
        except (EdgeSrcnnError, Cancelled, MemoryError):
            raise
        except Exception as error:
            failure = read_failure(error, url)
            if not failure.passing or stop.is_set():
                if failure.answered:
                    health.answers()
                raise failure.as_error(url, writing=writing) from error
            now_s = monotonic()
            if away_since is None:  # the first try was with a connection that may be old
                away_since = now_s
            else:
                health.is_away(failure)
            if now_s - away_since >= health.patience_s:
                health.given_up = True
                raise failure.as_error(url, writing=writing) from error
            stop.wait(pauses.next_s())
        else:
            health.answers()
            return answer


def _once(url: StoreUrl, action: Callable[[Any], _Answer]) -> _Answer:
    filesystem = filesystems.take(url)
    try:
        answer = action(filesystem)
    except Exception as error:
        if isinstance(error, Cancelled) or read_failure(error, url).passing:
            filesystems.forget(url, filesystem)
        else:
            filesystems.give_back(url, filesystem)
        raise
    except BaseException:  # an interruption may leave half an answer in the connection
        filesystems.forget(url, filesystem)
        raise
    filesystems.give_back(url, filesystem)
    return answer


def _health_of(url: StoreUrl) -> _Health:
    with _stores_lock:
        return _stores.setdefault(url.server, _Health(str(url.store)))

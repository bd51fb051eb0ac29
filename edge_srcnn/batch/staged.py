"""Do a job whose picture or video lies in a store: its input is fetched first, its result is sent at the end."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from edge_srcnn.batch.jobs import AnyJob, Job, Outcome, StoreJob
from edge_srcnn.batch.stores.failures import Cancelled
from edge_srcnn.batch.stores.sending import send
from edge_srcnn.batch.stores.staging import exists, fetch, local_name, refuse_to_replace, working_folder
from edge_srcnn.errors import EdgeSrcnnError, InternalError

log = logging.getLogger(__name__)

_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Prepared:
    """Hold a job whose input is on this machine.

    Attributes
    ----------
    job
        As it was planned.
    local
        The same, of two paths.
    seconds
        That it took to get there.
    """

    job: AnyJob
    local: Job
    seconds: float


def run_staged(job: StoreJob, do: Callable[[Job], Outcome], *, overwrite: bool, skip_existing: bool = False) -> Outcome:
    """Fetch the input, do the job, and send the result; an error ends as an ``Outcome``, too.

    Parameters
    ----------
    job
        One picture or video, of which a side at least is in a store.
    do
        Does a job of two paths.
    overwrite
        Replace the result, if it is there.
    skip_existing
        Leave the job out if it is.

    Returns
    -------
    What became of it.
    """
    with ExitStack() as until:
        prepared = prepare(job, until, overwrite=overwrite, skip_existing=skip_existing)
        if isinstance(prepared, Outcome):
            return prepared
        return finish(prepared, do_prepared(prepared, do), overwrite=overwrite)


def prepare(
    job: AnyJob, until: ExitStack, *, overwrite: bool, skip_existing: bool, stop: threading.Event | None = None
) -> Prepared | Outcome:
    """Look whether the result is there already, and fetch the input.

    Parameters
    ----------
    job
        One picture or video.
    until
        Keeps a working folder until it is closed.
    overwrite
        Replace the result, if it is there.
    skip_existing
        Leave the job out if it is.
    stop
        Set to give up.

    Returns
    -------
    The job on this machine, or what became of it: left out, or failed.
    """
    began = time.perf_counter()

    def get() -> Prepared | Outcome:
        if skip_existing and exists(job.target):
            return Outcome(job, 0.0, skipped=True)
        target = job.target
        if isinstance(job, Job):
            return Prepared(job, job, 0.0)
        if not overwrite:
            refuse_to_replace(target)
        folder = until.enter_context(working_folder())
        if not isinstance(target, Path):
            target = local_name(folder, "out", target)
        source = job.source if isinstance(job.source, Path) else fetch(job.source, folder, stop)
        return Prepared(job, Job(source, target), time.perf_counter() - began)

    return _or_failed(job, began, get)


def do_prepared(prepared: Prepared, do: Callable[[Job], Outcome]) -> Outcome:
    """Do a job that was fetched, and name the store's URLs in all that is told of it."""
    with _urls_for_paths(prepared):
        return do(prepared.local)


def finish(prepared: Prepared, outcome: Outcome, *, overwrite: bool, stop: threading.Event | None = None) -> Outcome:
    """Send the result of a job.

    Parameters
    ----------
    prepared
        The job.
    outcome
        What became of it on this machine; nothing is sent of one that failed.
    overwrite
        Replace what is in the store.
    stop
        Set to give up.

    Returns
    -------
    What became of it in the end.
    """
    job, began = prepared.job, time.perf_counter()

    def put() -> Outcome:
        if outcome.error is not None:
            _rename(outcome.error, prepared)
        elif not isinstance(job.target, Path) and isinstance(prepared.local.target, Path):
            send(prepared.local.target, job.target, overwrite=overwrite, stop=stop)
        seconds = prepared.seconds + outcome.seconds + time.perf_counter() - began
        return replace(outcome, job=job, seconds=seconds)

    return _or_failed(job, began, put)


def _or_failed(job: AnyJob, began: float, action: Callable[[], _Made]) -> _Made | Outcome:
    error: EdgeSrcnnError
    try:
        return action()
    except EdgeSrcnnError as known:
        error = known
    except Cancelled:
        raise
    except Exception as unforeseen:
        log.debug("%s", job.source, exc_info=unforeseen)
        error = InternalError.of(unforeseen, str(job.source))
    return Outcome(job, time.perf_counter() - began, error=error)


def _names(prepared: Prepared) -> dict[str, str]:
    job, local = prepared.job, prepared.local
    pairs = ((local.source, job.source), (local.target, job.target))
    return {str(path): str(name) for path, name in pairs if path != name}


def _rename(error: EdgeSrcnnError, prepared: Prepared) -> None:
    for path, name in _names(prepared).items():
        error.args = tuple(each.replace(path, name) if isinstance(each, str) else each for each in error.args)


@contextmanager
def _urls_for_paths(prepared: Prepared) -> Iterator[None]:
    """Let the log name what the user named, not the working folder."""
    names = _names(prepared)

    def rename(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        for path, name in names.items():
            message = message.replace(path, name)
        if message != record.getMessage():
            record.msg, record.args = message, None
        return True

    handlers = logging.getLogger().handlers[:]
    for handler in handlers:
        handler.addFilter(rename)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(rename)

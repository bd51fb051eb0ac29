"""Fetch the next inputs and send the last results while a job is done, so that the way to a store costs little time."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar

from edge_srcnn.batch.jobs import AnyJob, Job, Outcome
from edge_srcnn.batch.staged import Prepared, do_prepared, finish, prepare
from edge_srcnn.batch.stores.filesystems import close_idle
from edge_srcnn.live.threads import in_thread

PICTURES_AHEAD = 4
"""Pictures that are fetched ahead, and results that are on their way; of videos, which fill disks, one each."""

_END_S = 10.0
"""So long transfers may take to end after an interruption, in seconds."""

Ready = Prepared | Outcome
_Result = TypeVar("_Result")


def run_ahead(
    jobs: Sequence[AnyJob], do: Callable[[AnyJob, Job], Outcome], *, overwrite: bool, skip_existing: bool
) -> Iterator[Outcome]:
    """Do jobs of which some are in stores, one after another, in their order.

    Parameters
    ----------
    jobs
        Pictures and videos.
    do
        Does a job as it was planned, which comes first, by the same job of two paths.
    overwrite
        Replace results that are there.
    skip_existing
        Leave out jobs whose results are there.

    Yields
    ------
    What became of each job, when its result is in its place.
    """
    transfers = _Transfers(jobs, overwrite=overwrite, skip_existing=skip_existing)
    ending = deque[Future[Outcome]]()
    try:
        while (following := transfers.take()) is not None:
            job, ready = following
            most = 2 if job.is_video else PICTURES_AHEAD
            while not ready.done() or len(ending) >= most:
                awaited: list[Future[Any]] = [*([] if ready.done() else [ready]), *list(ending)[:1]]
                wait(awaited, return_when=FIRST_COMPLETED)
                yield from _ended(ending)
            found = ready.result()
            if isinstance(found, Prepared):
                ending.append(transfers.send(found, do_prepared(found, partial(do, job))))
            else:
                ending.append(transfers.drop(found))
            yield from _ended(ending)
        while ending:
            yield ending.popleft().result()
    finally:
        transfers.end()


def _ended(ending: deque[Future[Outcome]]) -> Iterator[Outcome]:
    """Give what has ended, unless something before it has not."""
    while ending and ending[0].done():
        yield ending.popleft().result()


class _Transfers:
    """Fetch and send in threads, each job in a working folder of its own."""

    def __init__(self, jobs: Sequence[AnyJob], *, overwrite: bool, skip_existing: bool) -> None:
        self._overwrite, self._skip_existing = overwrite, skip_existing
        self._stop = threading.Event()
        self._waiting = deque(jobs)
        self._fetching = deque[tuple[AnyJob, Future[Ready]]]()
        self._folders: dict[AnyJob, ExitStack] = {}
        self._running: set[Future[Any]] = set()

    def take(self) -> tuple[AnyJob, Future[Ready]] | None:
        """Take the next job, and fetch those behind it meanwhile; None when there is none."""
        self._fetch_ahead()
        if not self._fetching:
            return None
        following = self._fetching.popleft()
        self._fetch_ahead()
        return following

    def send(self, prepared: Prepared, outcome: Outcome) -> Future[Outcome]:
        """Begin to send the result of a job."""

        def work() -> Outcome:
            try:
                return finish(prepared, outcome, overwrite=self._overwrite, stop=self._stop)
            finally:
                self._folders.pop(prepared.job).close()

        return self._begin("send", work)

    def drop(self, outcome: Outcome) -> Future[Outcome]:
        """Give a job that has ended already its place in the order."""
        self._folders.pop(outcome.job).close()
        future: Future[Outcome] = Future()
        future.set_result(outcome)
        return future

    def end(self) -> None:
        """End what still runs, and remove the folders; a thread that hangs in a library holds up nobody for long."""
        self._stop.set()
        wait(list(self._running), _END_S)
        for folder in list(self._folders.values()):
            folder.close()
        close_idle()

    def _fetch_ahead(self) -> None:
        while self._waiting and self._has_room_for(self._waiting[0]):
            job = self._waiting.popleft()
            until = self._folders[job] = ExitStack()
            work = partial(
                prepare, job, until, overwrite=self._overwrite, skip_existing=self._skip_existing, stop=self._stop
            )
            self._fetching.append((job, self._begin("fetch", work)))

    def _has_room_for(self, job: AnyJob) -> bool:
        if not self._fetching:
            return True
        videos = job.is_video or any(each.is_video for each, _ in self._fetching)
        return len(self._fetching) < PICTURES_AHEAD and not videos

    def _begin(self, name: str, work: Callable[[], _Result]) -> Future[_Result]:
        future = in_thread(name, work)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

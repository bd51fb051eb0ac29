"""Send tasks to the workers of a Dask cluster, a bounded number at a time, and take what they come to."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from edge_srcnn.batch.cluster.connection import GONE, RETRIES, Cluster, mapped
from edge_srcnn.batch.cluster.crew import Crew
from edge_srcnn.batch.cluster.engines import Engines, Recipe
from edge_srcnn.batch.cluster.files import read_source
from edge_srcnn.batch.cluster.tasks import PROGRESS, Carried, Done, Task
from edge_srcnn.batch.cluster.videos import VideoInParts
from edge_srcnn.batch.cluster.worker import work
from edge_srcnn.batch.jobs import Job
from edge_srcnn.batch.work import attempt
from edge_srcnn.errors import EdgeSrcnnError, InternalError, Unavailable

if TYPE_CHECKING:
    from distributed import Future

_MOST_IN_FLIGHT = 1 << 29
"""Bytes of sources that travel, unless it is a single one."""

_LOST = f"{GONE}; what is done is kept, and --skip-existing goes on"

_POLL_S = 0.5


@dataclass(eq=False)
class Unit:
    """Hold what is sent as one task; ``size`` is that of its source in bytes, if it travels."""

    task: Task
    video: VideoInParts | None = None
    carry: bool = False
    size: int = 0


class Window:
    """Keep the tasks that are in flight.

    Parameters
    ----------
    cluster
        Computes them.
    crew
        Its workers.
    recipe
        Of the engines, one for each worker.
    name
        Of the batch: tasks are called after it, and workers tell how far they are by it.
    on_frames
        Told of videos: number of the job, segment, frames done and how many there are, as far as they are known.

    Attributes
    ----------
    carries
        Sources travel: a worker did not see one.
    """

    def __init__(
        self,
        cluster: Cluster,
        crew: Crew,
        recipe: Recipe,
        name: str,
        on_frames: Callable[[int, int | None, int, int | None], None],
    ) -> None:
        self.carries = False
        self._cluster, self._client, self._crew, self._name = cluster, cluster.client, crew, name
        self._on_frames = on_frames
        self._arrived: SimpleQueue[Any] = SimpleQueue()
        self._in_flight: dict[Future[Any], Unit] = {}
        self._sent_videos: dict[int, Future[Carried]] = {}
        with mapped(cluster.name, lost=_LOST):
            self._engines = self._client.submit(Engines, recipe, key=f"engines-{name}", retries=RETRIES)
            self._client.subscribe_topic(name, lambda event: self._arrived.put(event[1]))

    def __len__(self) -> int:
        return len(self._in_flight)

    @property
    def has_room(self) -> bool:
        """Whether one more task may be sent."""
        size = sum(unit.size for unit in self._in_flight.values())
        return len(self) < self._crew.most_in_flight and size < _MOST_IN_FLIGHT

    def pack(self, unit: Unit) -> "Carried | Future[Carried] | None":
        """Read the source of a task that has to travel; ``EdgeSrcnnError`` where that cannot be done."""
        task = unit.task
        if isinstance(task.job.source, Path) and (unit.carry or self.carries or not isinstance(task.job, Job)):
            unit.carry = True
            return self._carried(unit)
        return None

    def send(self, unit: Unit, carried: "Carried | Future[Carried] | None") -> None:
        """Send a task, with its source as ``pack`` gave it."""
        task, fit = unit.task, self._crew.fit
        with mapped(self._cluster.name, lost=_LOST):
            future = self._client.submit(
                *(work, self._engines, task, carried),
                key=f"{'video' if task.job.is_video else 'picture'}-{self._name}-{task.number}-{token_hex(4)}",
                retries=RETRIES,
                workers=fit,
                allow_other_workers=fit is not None,
                pure=False,
            )
        self._in_flight[future] = unit
        future.add_done_callback(self._arrived.put)

    def take(self) -> tuple[Unit, Done | EdgeSrcnnError]:
        """Wait until a task has ended, and tell what it came to; ``Unavailable`` where the scheduler is gone."""
        future = self._wait()
        unit = self._in_flight.pop(future)
        return unit, self._result_of(future, unit)

    def drop(self, video: VideoInParts, number: int) -> None:
        """Cancel all tasks of a video."""
        futures = [future for future, unit in self._in_flight.items() if unit.video is video]
        for future in futures:
            del self._in_flight[future]
        with mapped(self._cluster.name, lost=_LOST):
            self._client.cancel(futures, force=True)
        self._sent_videos.pop(number, None)

    def close(self) -> None:
        """Cancel all tasks; the cluster may be gone."""
        with suppress(Exception):  # nobody is there any more to be told
            self._client.cancel([*self._in_flight, *self._sent_videos.values()], force=True)
            self._client.unsubscribe_topic(self._name)
        self._engines = None
        self._in_flight.clear()
        self._sent_videos.clear()

    def _carried(self, unit: Unit) -> "Carried | Future[Carried]":
        """Give the source in a form that travels: with the task, or once to each worker for all segments of a video."""
        number, job = unit.task.number, unit.task.job
        if number in self._sent_videos:
            return self._sent_videos[number]
        data = attempt(job, lambda: read_source(job))
        unit.size = len(data)
        if unit.video is None:
            return Carried(job.source.name, data)
        key = f"source-{self._name}-{number}"
        with mapped(self._cluster.name, lost=_LOST):
            sent = self._client.submit(Carried, job.source.name, data, key=key, retries=RETRIES)
        self._sent_videos[number] = sent
        return sent

    def _wait(self) -> "Future[Any]":
        """Wait until a task has ended, and look at the cluster meanwhile."""
        while True:
            arrived = None
            with suppress(Empty):
                arrived = self._arrived.get(timeout=_POLL_S)
            if isinstance(arrived, dict):
                self._on_frames(*(arrived[name] for name in PROGRESS))
            elif arrived in self._in_flight:
                return arrived
            if self._client.status not in ("running", "connecting"):
                raise self._gone()
            self._crew.look_now_and_then()

    def _result_of(self, future: "Future[Any]", unit: Unit) -> Done | EdgeSrcnnError:
        from distributed.scheduler import KilledWorker

        if future.status == "cancelled":
            raise self._gone()
        source = unit.task.job.source
        with mapped(self._cluster.name, lost=_LOST):
            error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker):
            return Unavailable(f"{source}: several workers died while they had it; is it too large for their memory?")
        if error is not None:
            self._cluster.check_versions()  # a worker with another version may fail at anything
            return InternalError.of(_as_exception(error), str(source))
        with mapped(self._cluster.name, lost=_LOST):
            done: Done = future.result()
        return done

    def _gone(self) -> Unavailable:
        return Unavailable(f"--dask {self._cluster.name}: {_LOST}")


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(str(error))

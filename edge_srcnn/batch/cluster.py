"""Reach a Dask cluster, or start one on this machine, and look at its workers.

Dask schedules, retries, and moves data. What stands here opens and closes its client, and turns its failures into ours.
"""

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import edge_srcnn
from edge_srcnn.engine.processor import available_processors
from edge_srcnn.errors import EdgeSrcnnError, NoInput, Unavailable, UsageError, reason
from edge_srcnn.packages import why_not_imported

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

T = TypeVar("T")

LOCAL = "local"
CONNECT_S = 10.0
ANSWER_S = 15.0
WORKERS_S = 60.0
"""How long a batch waits for the first worker, and for another one when all are gone."""

_SAY_S = 3.0
_MOST_LOCAL = 1024
_SAME = ("numpy", "cv2", "PIL", "av", "ai_edge_litert", "tifffile")
"""Packages whose version may change the bytes of results."""

_LOGGERS = ("distributed", "bokeh", "tornado", "tornado.application")


class Cluster(AbstractContextManager["Cluster"]):
    """A connection to a scheduler of Dask.

    Parameters
    ----------
    name
        As the user gave it.
    client
        Dask's.
    resources
        What is closed with it.
    wait_s
        How long to wait for a worker where there is none.
    """

    def __init__(self, name: str, client: "Client", resources: ExitStack, wait_s: float) -> None:
        self.name, self.client, self.wait_s = name, client, wait_s
        self._resources = resources

    def workers(self) -> Mapping[str, tuple[str, int]]:
        """Ask for the workers: host and threads by address; ``Unavailable`` where the scheduler does not answer."""
        found = self.ask(self.client.scheduler_info)["workers"]
        return {
            address: (address.partition("://")[2].rpartition(":")[0], about["nthreads"])
            for address, about in found.items()
            if about["status"] != "closed"
        }

    def wait_for_workers(self) -> Mapping[str, tuple[str, int]]:
        """Wait until there is a worker, and say so; ``Unavailable`` where none comes in time."""
        began_s, said = monotonic(), False
        while not (found := self.workers()):
            waited_s = monotonic() - began_s
            if waited_s > self.wait_s:
                raise Unavailable(f"--dask {self.name}: no worker within {self.wait_s:g} s; {self.cure()}")
            if waited_s > _SAY_S and not said:
                log.warning("--dask %s: no worker; waiting up to %g s (%s)", self.name, self.wait_s, self.cure())
                said = True
            threading.Event().wait(0.2)
        return found

    def cure(self) -> str:
        """Say how a worker is started."""
        if self.name.partition(":")[0] == LOCAL:
            return "give a smaller number, or leave out --dask"
        what = f"--scheduler-file {self.name}" if "://" not in self.name else self.name
        return f"start one with: dask worker {what} --nthreads 1"

    def check_versions(self) -> None:
        """Refuse workers with another version of edge-srcnn; warn where a library differs."""
        found = self.ask(lambda: self.client.get_versions(packages=["edge_srcnn", *_SAME]))
        own = found["client"]["packages"]
        told = {address: each["packages"] for address, each in found["workers"].items()}
        version = edge_srcnn.__version__
        differing = {
            address: f"has edge-srcnn {packages['edge_srcnn']}" if packages.get("edge_srcnn") else "has no edge-srcnn"
            for address, packages in told.items()
            if packages.get("edge_srcnn") != version
        }
        if differing:
            which = "; ".join(f"worker {address} {what}" for address, what in sorted(differing.items()))
            raise Unavailable(f"--dask {self.name}: {which}; this machine has {version}: install the same on all")
        for name in _SAME:
            others = sorted({str(packages[name]) for packages in told.values() if packages.get(name) != own.get(name)})
            if others:
                which = ", ".join(sorted(a for a, packages in told.items() if packages.get(name) != own.get(name)))
                log.warning(
                    *("%s: %s on worker %s, %s here; results may differ in their bytes", name, ", ".join(others)),
                    *(which, own.get(name)),
                )

    def ask(self, question: Callable[[], T]) -> T:
        """Ask the scheduler something; ``Unavailable`` where it is gone, or does not answer in time."""
        answers: list[T] = []
        failures: list[BaseException] = []

        def call() -> None:
            try:
                with mapped(self.name):
                    answers.append(question())
            except BaseException as error:
                failures.append(error)

        asking = threading.Thread(target=call, name="question", daemon=True)
        asking.start()
        asking.join(ANSWER_S)
        if failures:
            raise failures[0]
        if not answers:
            raise Unavailable(f"--dask {self.name}: no answer within {ANSWER_S:g} s; look at the scheduler and workers")
        return answers[0]

    def close(self) -> None:
        """Leave the cluster: Dask cancels what this client asked for; may be called twice."""
        self._resources.close()

    def __exit__(self, *reason: object) -> None:
        self.close()


def open_cluster(name: str, *, wait_s: float = WORKERS_S) -> Cluster:
    """Connect to a scheduler, or start one with workers on this machine.

    Parameters
    ----------
    name
        ``tcp://HOST:8786`` or ``tls://HOST:8786``, the path of a scheduler file, ``local`` or ``local:4`` for so many
        processes here.
    wait_s
        How long to wait for a worker where there is none.

    Returns
    -------
    A context manager, or to be closed.

    Raises
    ------
    UsageError
        The name makes no sense.
    NoInput
        There is no such scheduler file.
    Unavailable
        Dask is not installed, nobody listens, or it is no scheduler.
    """
    kind, _, rest = name.partition(":")
    count = _local_count(name, rest) if kind == LOCAL else None
    if count is None and "://" not in name and not os.path.isfile(name):
        if "/" not in name and rest.isdecimal():
            raise UsageError(f"--dask {name}: say tcp://{name} or tls://{name}")
        raise NoInput(f"--dask {name}: there is no such scheduler file; give tcp://HOST:8786, a file, or local:4")
    _import(name)
    with mapped(name), ExitStack() as opened:
        client = _start_here(count, opened) if count is not None else _connect(name)
        opened.callback(_close_client, client)
        return Cluster(name, client, opened.pop_all(), wait_s)


def _local_count(name: str, text: str) -> int:
    if not text and name == LOCAL:
        return available_processors()
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_LOCAL:
        raise UsageError(f"--dask {name}: give a number of processes from 1 to {_MOST_LOCAL}, such as local:4")
    return int(text)


def _import(name: str) -> None:
    try:
        import dask
        import distributed
    except Exception as error:  # one that was built for other libraries raises anything
        why = why_not_imported("Dask, which spreads work over processes and machines,", error, "edge-srcnn[cluster]")
        raise Unavailable(f"--dask {name}: {why}") from error
    del distributed
    level = "warning" if log.isEnabledFor(logging.DEBUG) else "critical"
    dask.config.set(
        {
            "logging": dict.fromkeys(_LOGGERS, level),  # workers on this machine get all this, too
            "distributed.admin.large-graph-warning-threshold": "1TB",  # a task is as large as a picture
            "distributed.worker.profile.enabled": False,
        }
    )
    for each in _LOGGERS:  # what happens to workers and scheduler is told in our words
        logging.getLogger(each).setLevel(level.upper())


def _start_here(count: int, opened: ExitStack) -> "Client":
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        memory_limit=0,  # as without Dask
        silence_logs=logging.getLogger("distributed").level,
    )
    opened.callback(_close_here, cluster)
    return Client(cluster, timeout=CONNECT_S, set_as_default=False)


def _connect(name: str) -> "Client":
    from distributed import Client

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions; those that matter are looked at
        where = {"address": name} if "://" in name else {"scheduler_file": name}
        return Client(**where, timeout=CONNECT_S, set_as_default=False, name="edge-srcnn")


def _close_client(client: "Client") -> None:
    with suppress(Exception):  # it is lost already; Dask raises what its connections do
        client.close(timeout=CONNECT_S)


def _close_here(cluster: Any) -> None:
    with suppress(Exception):
        cluster.close(timeout=CONNECT_S)


@contextmanager
def mapped(name: str) -> Iterator[None]:
    """Turn what Dask raises into ``Unavailable``; ``name`` is the cluster's."""
    try:
        yield
    except EdgeSrcnnError:
        raise
    except Exception as error:  # its own, asyncio's, and those of sockets, TLS and JSON
        raise Unavailable(f"--dask {name}: {_told(error)}") from error


def _told(error: Exception) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, ConnectionRefusedError):
        return "nobody listens there; start one with: dask scheduler"
    if isinstance(error, TimeoutError | OSError):
        return f"no scheduler answers within {CONNECT_S:g} s ({reason(cause)})"
    return reason(error)

"""Reach a Dask cluster, or start one on this machine, and look at its workers.

Dask schedules, retries, and moves data. What stands here opens and closes its client, and turns its failures into ours.
"""

import asyncio
import json
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from edge_srcnn.batch import cluster_look
from edge_srcnn.batch.cluster_look import look
from edge_srcnn.engine.processor import available_processors
from edge_srcnn.errors import BadConfiguration, BadData, EdgeSrcnnError, NoInput, Unavailable, UsageError, reason
from edge_srcnn.packages import why_not_imported

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

T = TypeVar("T")

LOCAL = "local"
CONNECT_S = 10.0
_CALL_S = 4.0
ANSWER_S = 15.0
WORKERS_S = 60.0
"""How long a batch waits for the first worker, and for another one when all are gone."""

_SAY_S = 3.0
_MOST_LOCAL = 1024
_OURS = "edge_srcnn"
_LIBRARIES = ("numpy", "cv2", "PIL", "av", "ai_edge_litert", "tifffile")
"""Modules whose version may change the bytes of results."""

_ENCRYPTED = ("tls://", "wss://")
_LOGGERS = ("distributed", "distributed.client", "bokeh", "tornado", "tornado.application", "asyncio")


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
    at_end
        Of them: what is called when nothing runs any more.
    wait_s
        How long to wait for a worker where there is none.
    """

    def __init__(self, name: str, client: "Client", resources: ExitStack, at_end: ExitStack, wait_s: float) -> None:
        self.name, self.client, self.at_end, self.wait_s = name, client, at_end, wait_s
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
        told: dict[str, dict[str, str] | Exception] = self.ask(
            lambda: self.client.run(look, [_OURS, *_LIBRARIES], on_error="return")
        )
        own = look([_OURS, *_LIBRARIES])
        differing = []
        for address, found in sorted(told.items()):
            if isinstance(found, Exception):
                differing.append(f"worker {address} cannot be looked at ({reason(found)}); has it another Python?")
            elif found.get(_OURS) != own[_OURS]:
                version = f"edge-srcnn {found[_OURS]}" if _OURS in found else "no edge-srcnn"
                differing.append(f"worker {address} has {version}")
        if differing:
            raise Unavailable(
                f"--dask {self.name}: {'; '.join(differing)}; this machine has {own[_OURS]}: install the same on all"
            )
        for name in _LIBRARIES:
            others = {a: v.get(name, "none") for a, v in told.items() if isinstance(v, dict)}
            if which := sorted(address for address, version in others.items() if version != own.get(name, "none")):
                log.warning(
                    *("%s is %s on worker %s, and %s here; results may differ in their bytes", name, others[which[0]]),
                    *(", ".join(which), own.get(name, "none")),
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
        at_end = opened.enter_context(ExitStack())
        client = _start_here(count, opened) if count is not None else _connect(name)
        opened.callback(_close_client, client)
        return Cluster(name, client, opened.pop_all(), at_end, wait_s)


def _local_count(name: str, text: str) -> int:
    if not text and name == LOCAL:
        return available_processors()
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_LOCAL:
        raise UsageError(f"--dask {name}: give a number of processes from 1 to {_MOST_LOCAL}, such as local:4")
    return int(text)


def _import(name: str) -> None:
    try:
        import cloudpickle
        import dask
        import distributed
    except Exception as error:  # one that was built for other libraries raises anything
        why = why_not_imported("Dask, which spreads work over processes and machines,", error, "edge-srcnn[cluster]")
        raise Unavailable(f"--dask {name}: {why}") from error
    del distributed
    cloudpickle.register_pickle_by_value(cluster_look)
    level = "warning" if log.isEnabledFor(logging.DEBUG) else "critical"
    dask.config.set(
        {
            "logging": dict.fromkeys(_LOGGERS, level),  # workers on this machine get all this, too
            "distributed.admin.large-graph-warning-threshold": "1TB",  # a task is as large as a picture
            "distributed.worker.profile.enabled": False,
        }
    )
    for each in list(logging.root.manager.loggerDict):  # what happens to workers and scheduler is told in our words
        if each.partition(".")[0] in _LOGGERS:
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
        preload=["edge_srcnn.batch.cluster_worker"],
    )
    opened.callback(_close_here, cluster)
    return Client(cluster, timeout=CONNECT_S, set_as_default=False)


def _connect(name: str) -> "Client":
    from distributed import Client

    address = name if "://" in name else _address_in(Path(name))
    asyncio.run(_check_scheduler(name, address))  # a client that fails in the middle of this keeps on trying
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions; those that matter are looked at
        return Client(address, timeout=CONNECT_S, set_as_default=False, name="edge-srcnn")


def _address_in(file: Path) -> str:
    try:
        address = json.loads(file.read_text())["address"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"--dask {file}: is no scheduler file, as dask scheduler --scheduler-file writes it") from error
    return str(address)


def _security(name: str, address: str) -> dict[str, Any]:
    """Read from Dask's configuration what TLS needs, and look at the address."""
    from distributed import Security
    from distributed.comm import get_address_host_port

    try:
        get_address_host_port(address)
    except ValueError as error:
        raise UsageError(f"--dask {name}: {reason(error)}; give tcp://HOST:8786 or tls://HOST:8786") from error
    arguments: dict[str, Any] = Security().get_connection_args("client")
    if address.startswith(_ENCRYPTED) and arguments.get("ssl_context") is None:
        raise BadConfiguration(
            f"--dask {name}: Dask knows no certificates; set DASK_DISTRIBUTED__COMM__TLS__CA_FILE, and "
            "..._TLS__CLIENT__CERT and ..._TLS__CLIENT__KEY beside it, to the names of files"
        )
    return arguments


async def _check_scheduler(name: str, address: str) -> None:
    """Find out whether a scheduler answers, and why not."""
    from distributed import rpc

    scheduler = rpc(address, connection_args=_security(name, address), timeout=_CALL_S)
    try:
        found = await asyncio.wait_for(scheduler.identity(), CONNECT_S)
    finally:
        await scheduler.close_rpc()
    if found.get("type") != "Scheduler":
        raise Unavailable(f"--dask {name}: is a {str(found.get('type')).lower()} of Dask, and no scheduler")


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
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    if any("refused" in str(cause) for cause in causes):  # Dask tells it in a text only
        return "nobody listens there; start one with: dask scheduler"
    if isinstance(error, TimeoutError):
        return f"no scheduler answers within {CONNECT_S:g} s"
    if isinstance(error, OSError):
        return f"no scheduler can be reached there ({reason(next(c for c in reversed(causes) if str(c)))})"
    return reason(error)

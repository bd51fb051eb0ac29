"""Reach a Dask cluster, or start one on this machine.

Dask schedules, retries, and moves data. What stands here opens and closes its client.
"""

import asyncio
import json
import logging
import os
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_srcnn.batch.cluster import look
from edge_srcnn.batch.cluster.connection import CONNECT_S, LOCAL, Cluster, mapped
from edge_srcnn.engine.processor import available_processors
from edge_srcnn.errors import BadConfiguration, BadData, NoInput, Unavailable, UsageError, reason
from edge_srcnn.system.packages import why_not_imported

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

WORKERS_S = 60.0
"""How long a batch waits for the first worker, and for another one when all are gone."""

_CALL_S = 4.0
_MOST_LOCAL = 1024
_ENCRYPTED = ("tls://", "wss://")
_LOGGERS = ("distributed", "distributed.client", "bokeh", "tornado", "tornado.application", "asyncio")


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
    cloudpickle.register_pickle_by_value(look)
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
        dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False},
        memory_limit=0,  # as without Dask
        silence_logs=logging.getLogger("distributed").level,
        preload=["edge_srcnn.batch.cluster.worker"],
        security=_own_security(),
    )
    opened.callback(_close_here, cluster)
    return Client(cluster, timeout=CONNECT_S, set_as_default=False)


def _own_security() -> Any:
    """Make certificates that only the processes of this batch have; without the library for it, other users get in."""
    from distributed import Security

    try:
        return Security.temporary()
    except ImportError:  # cryptography
        return None


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

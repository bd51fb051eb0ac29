"""Talk to a Dask cluster: its workers and their versions, and its failures as errors of ours."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, ExitStack, contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar

from edge_srcnn.batch.cluster.look import look
from edge_srcnn.errors import EdgeSrcnnError, Unavailable, reason

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

T = TypeVar("T")

LOCAL = "local"
RETRIES = 2
"""Of a task whose worker failed in a way that nobody foresaw; Dask counts workers that died by itself."""

GONE = "the scheduler is gone"

CONNECT_S = 10.0
ANSWER_S = 15.0

_SAY_S, _POLL_S = 3.0, 0.2
_OURS = "edge_srcnn"
_LIBRARIES = ("numpy", "cv2", "PIL", "av", "ai_edge_litert", "tifffile")
"""Modules whose version may change the bytes of results."""


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
            address: (host_of(address), about["nthreads"])
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
            sleep(_POLL_S)
        return found

    def cure(self) -> str:
        """Say how a worker is started."""
        if self.name.partition(":")[0] == LOCAL:
            return "give a smaller number, or leave out --dask"
        what = f"--scheduler-file {self.name}" if "://" not in self.name else self.name
        return f"start one with: dask worker {what} --nthreads 1"

    def check_versions(self) -> None:
        """Refuse workers with another version of edge-srcnn; warn where a library differs."""
        try:
            told: dict[str, dict[str, str] | Exception] = self.ask(
                lambda: self.client.run(look, [_OURS, *_LIBRARIES], on_error="return")
            )
        except Unavailable as error:  # one that hangs is no reason to wait: each task looks at the version, too
            log.warning("%s", error)
            return
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
                with mapped(self.name, lost=GONE):
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


def host_of(address: str) -> str:
    """Give the host in a worker's address."""
    return address.partition("://")[2].rpartition(":")[0]


@contextmanager
def mapped(name: str, *, lost: str | None = None) -> Iterator[None]:
    """Turn what Dask raises into ``Unavailable``.

    Parameters
    ----------
    name
        The cluster's.
    lost
        What it means that nobody is there any more; None: nobody was there yet.
    """
    try:
        yield
    except EdgeSrcnnError:
        raise
    except Exception as error:  # its own, asyncio's, and those of sockets, TLS and JSON
        raise Unavailable(f"--dask {name}: {_told(error, lost)}") from error


def _told(error: Exception, lost: str | None) -> str:
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    refused = any("refused" in str(cause) for cause in causes)  # Dask tells it in a text only
    slow = isinstance(error, TimeoutError) and not refused
    if lost and not slow and (refused or isinstance(error, OSError | CancelledError)):
        return lost
    if refused:
        return "nobody listens there; start one with: dask scheduler"
    if slow:
        return f"no scheduler answers within {CONNECT_S:g} s"
    if isinstance(error, OSError):
        return f"no scheduler can be reached there ({reason(next(c for c in reversed(causes) if str(c)))})"
    return reason(error)

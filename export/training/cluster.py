"""Name the processes that train one network together: where they meet, and which of them this one is."""

import ipaddress
import re
from dataclasses import dataclass

from edge_srcnn.errors import EdgeSrcnnError, UsageError

AUTO = "auto"
"""Instead of an address: the scheduler's environment (SLURM, Open MPI, Kubernetes, Cloud TPU) tells all."""

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})")
_RANK = re.compile(r"(\d+)/(\d+)")


class ProcessLost(EdgeSrcnnError):
    """Report that another process of a training ended, or cannot be reached."""


LOST = (
    "another process of the training ended, or cannot be reached: its own last line says why;"
    " start all of them again, and the training goes on from its last checkpoint"
)


@dataclass(frozen=True)
class Cluster:
    """Name the processes that train together.

    Attributes
    ----------
    address
        HOST:PORT of process 0, at which the others meet it; None: a scheduler's environment tells it.
    rank, processes
        Which process this one is, from 0 on, and how many there are; not told where ``address`` is None.
    """

    address: str | None
    rank: int = 0
    processes: int = 1

    @property
    def is_loopback(self) -> bool:
        """Tell whether nobody but this machine is to be met."""
        host = (self.address or "").rpartition(":")[0].strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def read_cluster(cluster: str | None, rank: str | None) -> Cluster | None:
    """Read ``--cluster HOST:PORT --rank K/N``, or ``--cluster auto``.

    Parameters
    ----------
    cluster
        Address of process 0, or ``auto``; None where the option was not given.
    rank
        Which process of how many, such as ``0/2``.

    Returns
    -------
    The processes; None where this one trains alone.

    Raises
    ------
    UsageError
        One option lacks the other, or makes no sense.
    """
    if cluster is None:
        if rank is not None:
            raise UsageError(f"--rank {rank}: give --cluster HOST:PORT too, the address of process 0")
        return None
    if cluster == AUTO:
        if rank is not None:
            raise UsageError(f"--rank {rank}: the scheduler tells it; leave it out beside --cluster auto")
        return Cluster(None)
    found = _ADDRESS.fullmatch(cluster)
    if found is None or not 0 < int(found[2]) < 65536:
        raise UsageError(f"--cluster {cluster!r}: give HOST:PORT of process 0, such as 10.0.0.1:4711, or auto")
    if rank is None:
        raise UsageError("--cluster needs --rank K/N: process K, from 0 on, of N")
    numbers = _RANK.fullmatch(rank)
    if numbers is None or not int(numbers[1]) < int(numbers[2]):
        raise UsageError(f"--rank {rank!r}: give K/N, such as 0/2 and 1/2: process K, from 0 on, of N")
    return Cluster(cluster, int(numbers[1]), int(numbers[2]))

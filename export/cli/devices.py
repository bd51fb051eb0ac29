"""Read the options that say what a training runs on and where its pictures lie, and open the devices."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_srcnn.errors import UsageError
from export.cli.arguments import one_of
from export.cli.supervision import is_supervised, leave_at_once, supervise
from export.training.cluster import Cluster, read_cluster

if TYPE_CHECKING:
    from export.training.devices import Devices

ALL = "all"
BACKENDS = ("tensorflow", "jax", "torch")
RARE: dict[str, Any] = {"rich_help_panel": "Rare: --help-all", "hidden": True}
"""How an option is shown by ``--help-all`` alone."""

BackendOption = Annotated[
    str | None,
    typer.Option("--backend", help="Keras back end: tensorflow, jax or torch. (default: Keras' own)", **RARE),
]
PrecisionOption = Annotated[
    str, typer.Option("--precision", help="float32, or mixed_bfloat16 (faster where the processor has it).", **RARE)
]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="Keep prepared pictures in this folder, mapped into memory. (default: more than 1 GB of them in the output"
        " folder, until the model is there)",
        rich_help_panel="Training pictures",
    ),
]
_PANEL: dict[str, Any] = {"rich_help_panel": "Training on several devices and machines"}

DevicesOption = Annotated[
    str,
    typer.Option(
        "--devices",
        metavar="N|all",
        help="GPUs (or TPUs) of this machine that share each batch. On a machine without: virtual ones, to try it out.",
        **_PANEL,
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="HOST:PORT|auto",
        help="Train in several processes, which meet at the address of process 0; auto: a scheduler such as SLURM tells"
        " it. Needs --backend jax.",
        **_PANEL,
    ),
]
RankOption = Annotated[
    str | None,
    typer.Option("--rank", metavar="K/N", help="This is process K, from 0 on, of N: 0/2 and 1/2.", **_PANEL),
]


def take_backend(backend: str | None) -> None:
    """Let Keras take a back end, before it is imported; ``UsageError`` where it has none of that name."""
    if backend is not None:
        one_of("--backend", backend, BACKENDS)
        os.environ["KERAS_BACKEND"] = backend


def read_devices(text: str) -> int | None:
    """Read ``--devices``: a number, or None for ``all``; ``UsageError`` where it is something else."""
    if text == ALL:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--devices {text!r}: give a number from 1 on, or {ALL}")
    return int(text)


def read_processes(cluster: str | None, rank: str | None, *, trains: bool) -> Cluster | None:
    """Read ``--cluster`` and ``--rank``; where they are given, run this command again in a child, and end with it.

    Parameters
    ----------
    cluster
        HOST:PORT or ``auto``, as it was given.
    rank
        K/N, as it was given.
    trains
        False: there is nothing to train together, which is a ``UsageError``.

    Returns
    -------
    The processes, in the child; None where this one trains alone.
    """
    together = read_cluster(cluster, rank)
    if together is not None and not trains:
        raise UsageError("--cluster: --weights are packaged as they are, and nothing is trained")
    if together is not None and not is_supervised():
        raise typer.Exit(supervise())
    return together


@contextmanager
def training_devices(wanted: int | None, cluster: Cluster | None) -> Iterator["Devices"]:
    """Open the devices of a training, and say what there is to know of them.

    Parameters
    ----------
    wanted
        Devices of each process; None: all of them.
    cluster
        The processes that train together; None: this one alone.

    Yields
    ------
    The devices. Where the block fails in one of several processes, it ends without waiting for the others.
    """
    from edge_srcnn.cli.console import say_warning
    from export.training.devices import check_backend, open_devices

    if cluster is None:
        found = open_devices(wanted)
        if found.remark:
            say_warning(f"--devices {wanted}: {found.remark}")
        yield found
        return
    check_backend(cluster)
    with leave_at_once():
        if cluster.address is not None:
            say_warning(f"process {cluster.rank} of {cluster.processes}: meeting the others at {cluster.address}")
        found = open_devices(wanted, cluster)
        work = "trains, and writes the files" if found.rank == 0 else "only trains"
        say_warning(
            f"process {found.rank} of {found.processes}: {work}; {found.count} devices in all"
            + (f" ({found.remark})" if found.remark else "")
        )
        yield found
    if found.rank:
        say_warning(f"process {found.rank} of {found.processes}: the training is over; process 0 writes the files")

"""``edge-srcnn run --config``: the service, and the signals that it answers to."""

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from edge_srcnn.errors import BadConfiguration, UsageError
from edge_srcnn.system.signals import acting_on

_MANY_FILES = 65_536
_M_ARENA_MAX, _ARENAS = -8, 2  # <malloc.h>


def run_supervised(path: Path | None, flags: Mapping[str, Any], seconds: float | None) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads the configuration again, SIGUSR1 writes the state to the log.

    Raises
    ------
    BadConfiguration
        The configuration makes no sense; trying again would not help.
    """
    from edge_srcnn.service.build import Service
    from edge_srcnn.service.config.load import load_config
    from edge_srcnn.service.logs import configure_logging

    config = load_config(path, os.environ, flags).config
    configure_logging(config.service.log)
    _allow_many_files()
    _share_memory()
    try:
        service = Service(config)
        supervisor = service.supervisor
        actions: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: supervisor.stop,
            signal.SIGINT: supervisor.stop,
            signal.SIGHUP: lambda: service.reload(lambda: load_config(path, os.environ, flags).config),
            signal.SIGUSR1: supervisor.dump,
        }
        with acting_on(actions):
            if seconds is not None:
                timer = threading.Timer(seconds, supervisor.stop)
                timer.daemon = True
                timer.start()
            supervisor.run(begun=lambda: _tell_addresses(service.sinks))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)  # a driver that hangs would hang the interpreter's end
    except UsageError as error:
        raise BadConfiguration(str(error)) from error


def _share_memory() -> None:
    """Let all threads allocate in the same two arenas: those that come and go with a camera leave nothing then."""
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def _allow_many_files() -> None:
    """As many as we may: by itself a crowd of visitors would leave none for cameras and recordings."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_FILES if most == resource.RLIM_INFINITY else min(most, _MANY_FILES)
    with suppress(OSError, ValueError):  # a system call filter forbids it
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _tell_addresses(sinks: list[Any]) -> None:
    for each in sinks:
        if each.address:
            typer.echo(f"look at {each.address}", err=True)

"""Run what ``edge-srcnn run`` put together: once, or as a service; and tell how it goes."""

import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict

import typer

from edge_srcnn.cli.console import print_json
from edge_srcnn.errors import EdgeSrcnnError, reason
from edge_srcnn.live.governor import LadderState
from edge_srcnn.live.pipeline import State
from edge_srcnn.live.statistics import rate_text, still_text
from edge_srcnn.service.build import Service
from edge_srcnn.service.changes import Changes
from edge_srcnn.service.configuration import Loaded
from edge_srcnn.service.settings import Config
from edge_srcnn.service.systemd import configure_logging
from edge_srcnn.system.memory import share_arenas, spare_what_stays
from edge_srcnn.system.signals import acting_on, is_ignored
from edge_srcnn.system.standard_streams import flush_stdout, never_wait_for_stderr

log = logging.getLogger(__name__)

_LINE_EVERY_S = 0.5
_MANY_FILES = 65_536


def run_once(config: Config, seconds: float | None, *, json: bool) -> None:
    """Run until the end, SIGTERM, SIGINT, or SIGHUP of a terminal that is closed; the first failure ends it, too.

    What is recorded is finished then, whether or not anybody can read what is said.
    """
    never_wait_for_stderr()
    _allow_many_files()
    service = Service(config, steady=False)
    state = service.supervisor.state
    try:
        with nullcontext() if json else _status_line(state):
            _run(service, seconds, {} if is_ignored(signal.SIGHUP) else {signal.SIGHUP: service.supervisor.stop})
    except EdgeSrcnnError:
        if json:  # a program that asked wants to know, above all then
            _print_statistics(state())
        raise
    else:
        if json:
            _print_statistics(state())
        else:
            for line in _summary(state()):
                typer.echo(line, err=True)
        if service.supervisor.hangs:
            _end()
    finally:
        if not service.supervisor.hangs:
            service.close()


def serve(load: Callable[[], Loaded], seconds: float | None) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads the configuration again, SIGUSR1 writes the state to the log."""
    loaded = load()
    config = loaded.config
    never_wait_for_stderr()
    configure_logging(config.service.log)
    for warning in loaded.warnings:
        log.warning("%s", warning)
    _allow_many_files()
    share_arenas()
    service = Service(config, changes=Changes(loaded.changes, loaded.origins))
    spare_what_stays()
    _run(
        service,
        seconds,
        {signal.SIGHUP: lambda: service.reload(lambda: load().config), signal.SIGUSR1: service.supervisor.dump},
    )
    _end()


def _run(service: Service, seconds: float | None, actions: dict[signal.Signals, Callable[[], None]]) -> None:
    stop = service.supervisor.stop
    with acting_on({signal.SIGTERM: stop, signal.SIGINT: stop, **actions}):
        timer = threading.Timer(seconds or 0, stop)
        timer.daemon = True
        if seconds is not None:
            timer.start()
        try:
            service.supervisor.run(begun=lambda: _tell_addresses(service))
        finally:
            timer.cancel()


def _tell_addresses(service: Service) -> None:
    for each in service.sinks:
        if each.address:
            typer.echo(f"look at {each.address}", err=True)


def _print_statistics(state: State) -> None:
    """Print one JSON document; the work is done, whatever becomes of that."""
    try:
        print_json(asdict(state))
    except OSError as error:
        log.warning("standard output: the statistics cannot be written (%s)", reason(error))


def _end() -> None:
    """End the process at once: a driver that hangs would hang the interpreter's end."""
    flush_stdout()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(0)


def _allow_many_files() -> None:
    """Raise the limit of open files: by itself many viewers would leave none for cameras and recordings."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_FILES if most == resource.RLIM_INFINITY else min(most, _MANY_FILES)
    with suppress(OSError, ValueError):  # a system call filter forbids it
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


@contextmanager
def _status_line(look: Callable[[], State]) -> Iterator[None]:
    """Show a line of statistics on a terminal until the block ends."""
    from rich.console import Console  # not in a service, which runs for years

    console, ended = Console(stderr=True), threading.Event()

    def show() -> None:
        with console.status("waiting for the first frame") as status:
            while not ended.wait(_LINE_EVERY_S):
                state = look()
                if state.frames_out or state.idle:
                    status.update(_line(state))

    shown = threading.Thread(target=show, daemon=True)
    if console.is_terminal:
        shown.start()
    try:
        yield
    finally:
        ended.set()
        if shown.ident is not None:
            shown.join()


def _summary(state: State) -> Iterator[str]:
    """Tell the final statistics."""
    yield _line(state) if state.frames_out or state.idle else "no frame came"
    if state.ladder is not None and len(state.ladder.models) > 1 and any(state.ladder.frame_ms):
        yield from _of_ladder(state.ladder)
    for each in state.sinks:
        yield f"{each.name.rstrip(':')}: {each.written} frames, {each.dropped} missed"


def _line(state: State) -> str:
    if state.idle:
        return f"idle: nobody takes pictures; {state.frames_in} came, {state.frames_out} were enhanced"
    (width, height), (new_width, new_height) = state.size_in or (0, 0), state.size_out or (0, 0)
    share = "" if state.enhanced_share > 0.995 else f", {state.enhanced_share:.0%} enhanced"
    strength = "" if state.strength == 1 else f", strength {state.strength:.3g}"
    unwanted = f", {state.idle_frames} not wanted" if state.idle_frames else ""
    seen = still_text(state.temporal.noise, state.still_share)
    reason = f" ({state.ladder.last_step})" if state.ladder is not None and state.ladder.last_step else ""
    return (
        f"{width}x{height} -> {new_width}x{new_height}  {state.frames_out} frames, {rate_text(state.fps_out)}, "
        f"{state.dropped} dropped{unwanted}, latency {state.latency.median_ms:.0f} ms{share}{strength}, "
        f"{seen and f'{seen}, '}{state.model or state.engine}{reason}"
    )


def _of_ladder(ladder: LadderState) -> Iterator[str]:
    """Say which models there were to choose from, which one it came to, and why."""
    times = [f"{ms:.3g} ms" if ms else "not tried" for ms in ladder.frame_ms]
    tried = ", ".join(f"{name} {time}" for name, time in zip(ladder.models, times, strict=True))
    yield f"a frame takes: {tried}"
    present, fps = ladder.models[ladder.index], ladder.target_fps
    steps = sum(each.count for each in ladder.steps)
    if ladder.last_step:
        why = f" after {steps} step{'s'[: steps - 1]}; the last time it {ladder.last_step}"
    elif ladder.too_slow:
        why = ", the fastest there is"
    elif ladder.hot:
        why = f", since the processor is hot or throttled: {ladder.hot}"
    elif fps is None:
        why = ", which keeps up"
    else:
        why = f", the best with time to spare at {fps:.3g} frames a second, {1000 / fps:.0f} ms apart"
    yield f"--model auto came to {present}{why}"

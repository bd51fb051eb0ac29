"""What ``edge-srcnn run`` tells of how it goes: one line while it runs, and a summary at the end."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from edge_srcnn.live.governor import LadderState
    from edge_srcnn.live.pipeline import State

_LINE_EVERY_S = 0.5


@contextmanager
def status_line(look: "Callable[[], State]") -> Iterator[None]:
    """Show a line of statistics on a terminal until the block ends."""
    from rich.console import Console

    console, ended = Console(stderr=True), threading.Event()
    shown = threading.Thread(target=_show, args=(console, look, ended), daemon=True)
    if console.is_terminal:
        shown.start()
    try:
        yield
    finally:
        ended.set()
        if shown.ident is not None:
            shown.join()


def report(state: "State", *, json: bool) -> None:
    """Print the final statistics."""
    from edge_srcnn.cli.console import print_json

    if json:
        print_json(asdict(state))
        return
    typer.echo(_line(state) if state.frames_out or state.idle else "no frame came", err=True)
    if state.ladder is not None and len(state.ladder.models) > 1 and any(state.ladder.frame_ms):
        for line in _of_ladder(state.ladder):
            typer.echo(line, err=True)
    for each in state.sinks:
        typer.echo(f"{each.name.rstrip(':')}: {each.written} frames, {each.dropped} missed", err=True)


def _show(console: Any, look: "Callable[[], State]", ended: threading.Event) -> None:
    with console.status("waiting for the first frame") as status:
        while not ended.wait(_LINE_EVERY_S):
            state = look()
            if state.frames_out or state.idle:
                status.update(_line(state))


def _line(state: "State") -> str:
    from edge_srcnn.live.statistics import rate_text

    if state.idle:
        return f"idle: nobody takes pictures; {state.frames_in} came, {state.frames_out} were enhanced"
    (width, height), (new_width, new_height) = state.size_in or (0, 0), state.size_out or (0, 0)
    share = "" if state.enhanced_share > 0.995 else f", {state.enhanced_share:.0%} enhanced"
    unwanted = f", {state.idle_frames} not wanted" if state.idle_frames else ""
    return (
        f"{width}x{height} -> {new_width}x{new_height}  {state.frames_out} frames, {rate_text(state.fps_out)}, "
        f"{state.dropped} dropped{unwanted}, latency {state.latency.median_ms:.0f} ms{share}, "
        f"{state.model or state.engine}{_reason(state)}"
    )


def _reason(state: "State") -> str:
    return f" ({state.ladder.last_step})" if state.ladder is not None and state.ladder.last_step else ""


def _of_ladder(ladder: "LadderState") -> Iterator[str]:
    """Say which models there were to choose from, which one it came to, and why."""
    times = [f"{ms:.3g} ms" if ms else "not tried" for ms in ladder.frame_ms]
    tried = ", ".join(f"{name} {time}" for name, time in zip(ladder.models, times, strict=True))
    yield f"a frame takes: {tried}"
    present, fps = ladder.models[ladder.index], ladder.target_fps
    why = (
        ", which keeps up"
        if fps is None
        else f", the best with time to spare at {fps:.3g} frames a second, {1000 / fps:.0f} ms apart"
    )
    if ladder.too_slow:
        why = ", the fastest there is"
    elif ladder.hot:
        why = f", since the processor is hot or throttled: {ladder.hot}"
    steps = sum(each.count for each in ladder.steps)
    if ladder.last_step:
        why = f" after {steps} step{'s'[: steps - 1]}; the last time it {ladder.last_step}"
    yield f"--model auto came to {present}{why}"

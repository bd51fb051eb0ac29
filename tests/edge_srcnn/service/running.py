"""The real service in a process of its own, seen from outside: its pages, its log, and what it tells systemd."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from PIL import Image

from tests.edge_srcnn.machine import SLOWER
from tests.edge_srcnn.web.serving import Viewer, get, wait_until

START_S = 20.0 * SLOWER
BACK_S = 2.0 * SLOWER
"""A camera that is back is seen again after so long, and a service that is told to end has ended."""

_ADDRESS = "look at "
_MAIN = "from edge_srcnn.cli import main; main()"


class Systemd:
    """The socket that systemd gives to a service of Type=notify, and what came there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.messages: list[tuple[float, dict[str, str]]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        threading.Thread(target=self._listen, daemon=True).start()

    def said(self, name: str, value: str | None = None, *, since_s: float = 0.0) -> list[tuple[float, dict[str, str]]]:
        """Messages that have a field, by itself of any value."""
        recent = [(at, fields) for at, fields in self.messages.copy() if at >= since_s]
        return [(at, fields) for at, fields in recent if name in fields and value in (None, fields[name])]

    def hear(self, name: str, value: str | None = None, *, since_s: float = 0.0, limit_s: float = START_S) -> Any:
        """Wait for a message that has a field; its time and all its fields."""
        wait_until(lambda: bool(self.said(name, value, since_s=since_s)), limit_s)
        return self.said(name, value, since_s=since_s)[0]

    @property
    def status(self) -> str:
        """What systemctl would show; to be waited for, since a page may tell of a phase before systemd hears of it."""
        told = self.said("STATUS")
        return told[-1][1]["STATUS"] if told else ""

    def close(self) -> None:
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                lines = self._socket.recv(65536).decode().splitlines()
                self.messages.append((monotonic(), dict(line.split("=", 1) for line in lines)))


class Service:
    """``python -m edge_srcnn run --config FILE``, running.

    Parameters
    ----------
    watchdog_s
        What systemd would ask for.
    address
        Where its pages are to be; by itself where it says.
    instead
        Python that does something before it does what ``edge_srcnn.__main__`` does.
    prefix
        A program, and its arguments, that becomes the service.
    """

    def __init__(
        self,
        folder: Path,
        config: str,
        *,
        watchdog_s: float | None = None,
        environment: Mapping[str, str] | None = None,
        address: str | None = None,
        instead: str | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "edge-srcnn.toml"
        self.config.write_text(config)
        self.systemd = Systemd(folder)
        self._address, self._log = address, folder / "log"
        told = {"NOTIFY_SOCKET": str(self.systemd.path), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": ""}
        if watchdog_s is not None:
            told["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        program = ["-m", "edge_srcnn"] if instead is None else ["-c", f"{instead}\n{_MAIN}"]
        self.began_s = monotonic()
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, *program, "run", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                cwd=folder,
                env={**os.environ, **told, **(environment or {})},
            )

    @property
    def address(self) -> str:
        """Where its pages are."""
        if self._address is None:
            wait_until(lambda: _ADDRESS in self.log or self.process.poll() is not None, START_S)
            assert _ADDRESS in self.log, "it ended, or was not started"
            self._address = self.log.partition(_ADDRESS)[2].split()[0]
        return self._address

    @property
    def log(self) -> str:
        """All that it said."""
        return self._log.read_text(errors="replace")

    def state(self) -> Any:
        """What ``/state`` tells."""
        return get(self, "/state").json

    def wait_for(self, fits: Callable[[Any], bool], limit_s: float = START_S) -> float:
        """Wait for a state; when it was seen first."""
        wait_until(lambda: fits(self.state()), limit_s)
        return monotonic()

    def wait_for_phase(self, phase: str, limit_s: float = START_S) -> float:
        """When it was seen in that phase."""
        return self.wait_for(lambda state: state["phase"] == phase, limit_s)

    def usage(self) -> dict[str, int]:
        """Memory in kB, threads, descriptors."""
        process = Path("/proc", str(self.process.pid))
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        memory, threads = (int(status[name].split()[0]) for name in ("VmRSS", "Threads"))
        return {"memory_kb": memory, "threads": threads, "descriptors": len(os.listdir(process / "fd"))}

    def send(self, number: signal.Signals) -> float:
        """Send a signal; the time just before, since what it does may come at once."""
        sent_s = monotonic()
        self.process.send_signal(number)
        return sent_s

    def stop(self, limit_s: float = 20.0) -> float:
        """SIGTERM; the seconds until it was gone."""
        began = self.send(signal.SIGTERM)
        self.process.wait(limit_s)
        return monotonic() - began

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
        self.systemd.close()


@contextmanager
def running(folder: Path, config: str, **options: Any) -> Iterator[Service]:
    """A service until the end of the block; what it said is shown when the test fails."""
    service = Service(folder, config, **options)
    try:
        yield service
    except BaseException:
        print(service.log, file=sys.stderr)  # noqa: T201 - pytest shows it
        raise
    finally:
        service.close()


def config(
    source: str, *sinks: str, engine: str = "bicubic", retry_sink_s: float = 0.5, more: str = "", idle: bool = False
) -> str:
    """A configuration; by itself with pages at any port, light work, and somebody who takes each frame."""
    watched = all(sink.startswith("http") for sink in sinks)
    places = ("http://127.0.0.1:0", *sinks, *(("null:",) if watched and not idle else ()))
    return (
        f"source = {json.dumps(source)}\nsinks = {json.dumps(places)}\n[enhance]\nengine = {json.dumps(engine)}\n"
        f"[service]\nretry_sink_s = {retry_sink_s}\n{more}"
    )


@dataclass(frozen=True)
class Part:
    """A picture that a viewer saw: when, and whether it was said to be live."""

    at_s: float
    live: bool
    size: tuple[int, int]


class Watcher(threading.Thread):
    """A viewer that stays connected and remembers what it saw. A context manager.

    Attributes
    ----------
    parts
        The pictures.
    broken
        Why the connection ended, or None.
    """

    def __init__(self, service: Any) -> None:
        super().__init__(daemon=True)
        self.parts: list[Part] = []
        self.broken: Exception | None = None
        self._viewer = Viewer(service)
        self._left = False
        self.start()

    def run(self) -> None:
        try:
            self._viewer.open()
            while True:
                headers, jpeg = self._viewer.part()
                with Image.open(io.BytesIO(jpeg)) as image:
                    self.parts.append(Part(monotonic(), headers["x-signal"] == "live", image.size))
        except (OSError, ValueError, KeyError) as error:
            if not self._left:
                self.broken = error

    def sees(self, *, live: bool, since_s: float, size: tuple[int, int] | None = None, limit_s: float = 10.0) -> float:
        """Wait for a picture; when it came."""
        end = monotonic() + limit_s
        while True:
            for part in reversed(self.parts.copy()):
                if part.at_s < since_s:
                    break
                if part.live == live and size in (None, part.size):
                    return min(
                        each.at_s
                        for each in self.parts.copy()
                        if each.at_s >= since_s and each.live == live and size in (None, each.size)
                    )
            assert self.broken is None, f"the viewer was cut off: {self.broken!r}"
            assert monotonic() < end, f"no {'live' if live else 'stale'} picture within {limit_s} s"
            sleep(0.01)

    def longest_gap_s(self, since_s: float = 0.0) -> float:
        """Between two live pictures."""
        times = [part.at_s for part in self.parts.copy() if part.live and part.at_s >= since_s]
        return max((after - before for before, after in pairwise(times)), default=0.0)

    def rate(self, since_s: float) -> float:
        """Live pictures a second until now."""
        return sum(part.live and part.at_s >= since_s for part in self.parts.copy()) / (monotonic() - since_s)

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(self, *reason: object) -> None:
        self._left = True
        with suppress(OSError):
            self._viewer.socket.shutdown(socket.SHUT_RDWR)
        self.join(5)
        self._viewer.close()


def note(
    record_property: Callable[[str, object], None],
    fault: str,
    *,
    noticed_s: float | None = None,
    served_again_s: float | None = None,
    lost: int | None = None,
    remarks: str = "",
) -> None:
    """Keep what was measured: with the test's result, and in the file that EDGE_SRCNN_FAULTS names."""
    noticed, again = (None if value is None else round(value, 2) for value in (noticed_s, served_again_s))
    row = {"fault": fault, "noticed_s": noticed, "served_again_s": again, "lost": lost, "remarks": remarks}
    for name, value in row.items():
        record_property(name, value)
    path = os.environ.get("EDGE_SRCNN_FAULTS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

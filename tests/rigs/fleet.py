"""Ten services, the real Prometheus, one mosquitto, the wall in Chromium: one camera dies, is told by all, comes back.

Runs the files of ``examples/fleet/`` at free ports. Two processors will do. Prints what it saw.

usage: python -m tests.rigs.fleet [PICTURE.png]        (from the repository's root; apt: prometheus mosquitto chromium)
"""

import asyncio
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.edge_srcnn.machine import SLOWER
from tests.edge_srcnn.sinks.brokers import free_port
from tests.edge_srcnn.web.chromium import PROGRAM, Browser, Tab
from tests.edge_srcnn.web.serving import wait_until

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "fleet"
HOST, WINDOW = "127.0.0.1", (1280, 800)
START_S, SOON_S = 120.0 * SLOWER, 40.0 * SLOWER
DYING = "hall"
UP = 'sum(up{job="edge-srcnn"})'
BOXES = """tiles.map(({ canvas }) => { const box = canvas.getBoundingClientRect();
    return [box.left, box.top, box.right, box.bottom].map(Math.round); })"""


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Fleet:
    """The example's files in a folder of their own, at ports that are free, and the processes that run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker_port, self.prometheus_port = free_port(), free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        text = (EXAMPLE / "fleet.txt").read_text(encoding="utf-8")
        text = re.sub(r"127\.0\.0\.1:\d+", lambda found: f"{HOST}:{free_port()}", text)
        (folder / "fleet.txt").write_text(text, encoding="utf-8")
        broker = f"mqtt://{HOST}:{self.broker_port}"
        command = [sys.executable, EXAMPLE / "configure.py", folder / "fleet.txt", folder, broker]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.cameras = {file.stem: file for file in sorted(folder.glob("*.toml"))}
        for name in ("prometheus.yml", "alerts.yml", "mosquitto.conf"):
            text = (EXAMPLE / name).read_text(encoding="utf-8")
            text = text.replace("listener 1883", f"listener {self.broker_port}").replace(
                "_interval: 10s", "_interval: 1s"
            )
            (folder / name).write_text(text, encoding="utf-8")

    def start(self, name: str, *command: object) -> None:
        """Start a process; what it says goes to a file of its name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(each) for each in command], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(self.folder / "cache")},
            )  # fmt: skip

    def start_camera(self, name: str) -> None:
        """Do what the unit ``edge-srcnn@NAME`` does."""
        self.start(name, sys.executable, "-m", "edge_srcnn", "run", "--config", self.cameras[name])

    def start_all(self) -> None:
        """Start the broker, ten cameras and Prometheus."""
        self.start("mosquitto", shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", "mosquitto.conf")
        for name in self.cameras:
            self.start_camera(name)
        self.start(
            "prometheus", "prometheus", "--config.file=prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address={HOST}:{self.prometheus_port}", "--log.level=warn",
        )  # fmt: skip

    def kill(self, name: str) -> None:
        """End a process as a power cut does."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def close(self) -> None:
        """End all of them."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()

    def query(self, expression: str) -> list[Any]:
        """Give the series that Prometheus has for an expression."""
        address = f"http://{HOST}:{self.prometheus_port}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        with suppress(OSError), urllib.request.urlopen(address, timeout=10) as answer:
            return list(json.load(answer)["data"]["result"])
        return []

    def number(self, expression: str) -> float | None:
        """Give the value of an expression that has one."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def availability(self) -> dict[str, str]:
        """Give what the broker keeps of each camera: online or offline."""
        command = ["mosquitto_sub", "-p", str(self.broker_port), "-v", "-W", "1", "-t", "edge-srcnn/+/availability"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")
        return {line.split("/")[1]: line.split()[1] for line in told if line.count(" ") == 1}

    def discovered(self) -> set[str]:
        """Give the names of the devices that Home Assistant would find."""
        command = ["mosquitto_sub", "-p", str(self.broker_port), "-W", "2", "-t", "homeassistant/+/+/+/config"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        return {json.loads(line)["device"]["name"] for line in told}


@contextmanager
def fleet() -> Iterator[Fleet]:
    """Run the example, and end it."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        running = Fleet(Path(folder))
        try:
            running.start_all()
            yield running
        except BaseException:
            for log in sorted(Path(folder).glob("*.log")):
                say("\n".join([f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-5:]]))
            raise
        finally:
            running.close()


async def moving(tab: Tab) -> list[bool]:
    """Tell of which tiles pixels change, as a person sees them."""
    boxes = await tab.evaluate(BOXES)
    pictures = []
    for _ in range(2):
        with Image.open(io.BytesIO(await tab.screenshot())) as image:
            pictures.append(np.asarray(image.convert("RGB")).copy())
        await asyncio.sleep(1.0)
    first, second = pictures
    places = [(slice(top, bottom), slice(left, right)) for left, top, right, bottom in boxes]
    return [bool((first[place] != second[place]).any()) for place in places]


async def look(tab: Tab, running: Fleet, picture: Path | None) -> None:
    """See the camera alive, dead and alive again."""
    names = list(running.cameras)

    def said(text: str) -> None:
        say(f"{time.monotonic() - began_s:5.1f} s  {text}")

    began_s = time.monotonic()
    await tab.open((running.folder / "wall.html").as_uri(), *WINDOW)
    await tab.wait_for("tiles.every((tile) => tile.signal === 'live')", SOON_S)
    shown = await tab.evaluate("tiles.map((tile) => tile.name)")
    at = shown.index(DYING.capitalize())
    said(f"{sum(await moving(tab))} of {len(names)} tiles move")

    running.kill(DYING)
    died_s = time.monotonic()
    await tab.wait_for(f"tiles[{at}].signal === 'lost'", SOON_S)
    words = await tab.evaluate("$('told').textContent")
    said(f"killed; the wall says so after {time.monotonic() - died_s:.1f} s: {words}")
    await asyncio.to_thread(wait_until, lambda: running.number(UP) == len(names) - 1, SOON_S)
    said(f"Prometheus after {time.monotonic() - died_s:.1f} s: {UP} = {running.number(UP):.0f}")
    await asyncio.to_thread(wait_until, lambda: running.availability().get(DYING) == "offline", SOON_S)
    told = running.availability()
    online = list(told.values()).count("online")
    said(f"broker after {time.monotonic() - died_s:.1f} s: {DYING} {told[DYING]}, {online} online")
    assert online == len(names) - 1
    down = f'ALERTS{{alertname="CameraDown", instance="{DYING}"}}'
    await asyncio.to_thread(wait_until, lambda: bool(running.query(down)), SOON_S)
    said(f"alert CameraDown: {running.query(down)[0]['metric']['alertstate']}")
    seen = await moving(tab)
    assert seen == [number != at for number in range(len(names))], seen
    assert await tab.evaluate("$('summary').textContent") == f"{len(names) - 1} of {len(names)} live"
    if picture is not None:
        picture.write_bytes(await tab.screenshot())

    running.start_camera(DYING)
    back_s = time.monotonic()
    await tab.wait_for(f"tiles[{at}].signal === 'live'", SOON_S)
    said(f"started; the wall shows it after {time.monotonic() - back_s:.1f} s")
    await asyncio.to_thread(wait_until, lambda: running.number(UP) == len(names), SOON_S)
    await asyncio.to_thread(wait_until, lambda: running.availability().get(DYING) == "online", SOON_S)
    assert all(await moving(tab))
    said(f"{UP} = {running.number(UP):.0f}, {DYING} online, all tiles move")


def main() -> None:
    """Run all of it."""
    if PROGRAM is None or shutil.which("prometheus") is None:
        sys.exit("skipped: chromium or prometheus is not installed")
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with fleet() as running, Browser() as browser:
        wait_until(lambda: running.number(UP) == len(running.cameras), START_S)
        wait_until(lambda: list(running.availability().values()) == ["online"] * len(running.cameras), START_S)
        found = ", ".join(sorted(running.discovered()))
        say(f"{len(running.cameras)} services, {UP} = {running.number(UP):.0f}, all online; discovery: {found}")
        command = [sys.executable, "-m", "edge_srcnn", "wall", "--cameras", "cameras.txt", "--title", "House"]
        done = subprocess.run(
            command, cwd=running.folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
        say(done.stdout + done.stderr)
        assert done.returncode == 0 and not done.stderr

        async def run() -> None:
            async with browser.tab() as tab:
                await look(tab, running, picture)

        asyncio.run(run())
        series = running.number('count({job="edge-srcnn"})') or 0
        say(f"{series / len(running.cameras):.0f} series a camera in Prometheus")


if __name__ == "__main__":
    main()

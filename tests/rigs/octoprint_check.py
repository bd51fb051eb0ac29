"""OctoPrint beside our server; run by ``octoprint.sh``, which names its program."""

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from checks import run

from tests.edge_srcnn.web.chromium import Browser

KEY = "0123456789ABCDEF0123456789ABCDEF"
TOKEN = "0123456789abcdef0123"
CONFIG = f"""
server: {{firstRun: false, secretKey: {KEY}, onlineCheck: {{enabled: false}}, pluginBlacklist: {{enabled: false}}}}
accessControl:
  {{autologinLocal: true, autologinAs: pi, autologinHeadsupAcknowledged: true, localNetworks: [127.0.0.0/8]}}
api: {{key: {KEY}}}
plugins: {{_disabled: [softwareupdate, announcements, tracking, pluginmanager, backup, discovery, corewizard]}}
"""
IMAGE = "[...document.images].find(image => image.src.includes('action=stream'))"


@contextmanager
def running(*command: str) -> Iterator["subprocess.Popen[str]"]:
    """A program that is ended with the block."""
    program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield program
    finally:
        program.terminate()
        program.wait(30)


@contextmanager
def camera(options: str) -> Iterator[str]:
    """Our server; gives its address."""
    sink = f"http://127.0.0.1:0#{options}"
    with running(
        sys.executable, "-m", "edge_srcnn", "run", "--source", "test:?size=320x240", "--sink", sink
    ) as program:
        assert program.stderr is not None
        for line in program.stderr:
            if line.startswith("look at "):
                yield line.removeprefix("look at ").strip().rstrip("/")
                return
    raise AssertionError("the server did not start")


@contextmanager
def octoprint() -> Iterator[str]:
    """OctoPrint with an account that needs no password here; gives its address."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        Path(folder, "config.yaml").write_text(CONFIG)
        start = (sys.argv[1], "--basedir", folder)
        subprocess.run([*start, "user", "add", "pi", "--password", "pi", "--admin"], capture_output=True, check=True)
        address = f"http://127.0.0.1:{port}"
        with running(*start, "serve", "--iknowwhatimdoing", "--host", "127.0.0.1", "--port", str(port)):
            end = time.monotonic() + 90
            while True:
                with suppress(OSError, HTTPException):  # a page that says "starting" comes first
                    urlopen(Request(f"{address}/api/version", headers={"X-Api-Key": KEY}), timeout=5)
                    break
                assert time.monotonic() < end, "OctoPrint did not start"
                time.sleep(0.2)
            yield address


def ask(address: str, path: str, question: dict[str, Any]) -> Any:
    """Ask OctoPrint's API."""
    head = {"X-Api-Key": KEY, "Content-Type": "application/json"}
    with urlopen(Request(f"{address}/api/{path}", json.dumps(question).encode(), head), timeout=30) as answer:
        return json.load(answer)


def shown(address: str, stream: str) -> tuple[int, int]:
    """Set the stream, open OctoPrint's control tab, and tell the size of the picture there; (0, 0): none."""
    ask(address, "settings", {"plugins": {"classicwebcam": {"stream": stream, "snapshot": ""}}})

    async def look() -> tuple[int, int]:
        with Browser() as browser:
            async with browser.tab() as tab:
                await tab.open(f"{address}/#control", 1100, 800)
                await tab.wait_for("document.querySelector('#control_link a') !== null", 60)
                await asyncio.sleep(3)  # until OctoPrint has bound its page
                await tab.evaluate("document.querySelector('#control_link a').click()")
                await tab.wait_for(f"{IMAGE} !== undefined", 60)
                with suppress(AssertionError, TimeoutError):
                    await tab.wait_for(f"{IMAGE}.naturalWidth > 0", 10)
                size = await tab.evaluate(f"[{IMAGE}.naturalWidth, {IMAGE}.naturalHeight]")
                return size[0], size[1]

    return asyncio.run(look())


def check_it_fetches_snapshots_and_shows_the_stream() -> None:
    with octoprint() as address:
        with camera(f"frame={address}") as ours:
            question = {"command": "url", "url": f"{ours}/?action=snapshot", "method": "GET"}
            assert ask(address, "util/test", question | {"content_type_whitelist": ["image/*"]})["result"]
            assert shown(address, f"{ours}/?action=stream") == (640, 480)
        with camera("quality=85") as ours:
            assert shown(address, f"{ours}/?action=stream") == (0, 0), "another address, and frame= does not name it"
        with camera(f"token={TOKEN}&frame={address}") as ours:
            without = {"command": "url", "url": f"{ours}/?action=snapshot", "method": "GET"}
            assert not ask(address, "util/test", without)["result"]
            assert ask(address, "util/test", without | {"url": f"{without['url']}&token={TOKEN}"})["result"]
            assert shown(address, f"{ours}/?action=stream&token={TOKEN}") == (640, 480)


if __name__ == "__main__":
    run(globals())

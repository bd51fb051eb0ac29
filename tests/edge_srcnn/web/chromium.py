"""Chromium without a window, driven over its DevTools protocol: what a person sees and does on the page."""

import asyncio
import base64
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
_START_S = 30.0
_ANSWER_S = 20.0
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


WINDOWS = {"desktop": (1280, 800), "phone": (390, 844), "across": (844, 390)}
"""Sizes in CSS pixels; ``across`` is a phone, too."""

SIGNAL = "document.body.dataset.signal"
TEXT = "document.getElementById({!r}).textContent"


class Tab:
    """A page in the browser.

    Attributes
    ----------
    complaints
        What the page wrote to the console as an error, and exceptions that nobody caught.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._socket.close()

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(_ANSWER_S):
            answer = await self._answers[number]
        del self._answers[number]
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    async def open(self, url: str, width: int, height: int, *, scheme: str = "dark", phone: bool = False) -> None:
        """Open an address in a window of this size, in CSS pixels."""
        for domain in ("Page", "Runtime", "Log"):
            await self.send(f"{domain}.enable")
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        await self.send("Emulation.setTouchEmulationEnabled", enabled=phone)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.send("Emulation.setEmulatedMedia", features=features)
        await self.send("Page.navigate", url=url)
        await self.wait_for('document.readyState === "complete"')

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        answer = await self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def wait_for(self, expression: str, timeout_s: float = 15.0) -> None:
        """Wait until an expression is true."""
        try:
            async with asyncio.timeout(timeout_s):
                while not await self.evaluate(expression):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"not within {timeout_s} s: {expression}; complaints: {self.complaints}") from None

    async def screenshot(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode((await self.send("Page.captureScreenshot", format="png"))["data"])

    async def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """One event of the mouse: mousePressed, mouseMoved, mouseReleased or mouseWheel."""
        button = "none" if kind == "mouseWheel" else "left"
        held = 1 if kind in ("mousePressed", "mouseMoved") else 0
        event = {"type": kind, "x": x, "y": y, "button": button, "buttons": held, "clickCount": 1}
        await self.send("Input.dispatchMouseEvent", **event, **more)

    async def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """Press, move in steps, let go."""
        await self.mouse("mousePressed", *begin)
        for step in range(1, 6):
            share = step / 5
            await self.mouse("mouseMoved", *(a + (b - a) * share for a, b in zip(begin, end, strict=True)))
        await self.mouse("mouseReleased", *end)

    async def touch(self, *positions: list[tuple[float, float]]) -> None:
        """Put fingers down at the first positions, move them through the others, lift them."""
        for kind, fingers in zip(["touchStart"] + ["touchMove"] * (len(positions) - 1), positions, strict=True):
            points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
            await self.send("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        await self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    async def hide(self, hidden: bool) -> None:
        """Let the page think that it is hidden, or seen again."""
        await self.evaluate(
            f'Object.defineProperty(document, "hidden", {{ get: () => {str(hidden).lower()}, configurable: true }});'
            'document.dispatchEvent(new Event("visibilitychange"))'
        )

    async def key(self, key: str) -> None:
        """Press a key; its name in JavaScript."""
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    async def _read(self) -> None:
        async for message in self._socket:
            data = message.json()
            if "id" in data:
                waiting = self._answers.get(data["id"])
                if waiting and not waiting.done():
                    waiting.set_result(data)
            elif data["method"] == "Runtime.exceptionThrown":
                self.complaints.append(str(data["params"]["exceptionDetails"]))
            elif data["method"] == "Log.entryAdded" and data["params"]["entry"]["level"] in ("error", "warning"):
                self.complaints.append(str(data["params"]["entry"]))
            elif data["method"] == "Runtime.consoleAPICalled" and data["params"]["type"] in ("error", "warning"):
                self.complaints.append(str(data["params"]["args"]))


class Browser:
    """The process; ``with`` ends it, and removes what it wrote."""

    def __init__(self) -> None:
        assert PROGRAM is not None
        self._folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        self.downloads = Path(self._folder.name, "downloads")
        self._process = subprocess.Popen(
            [PROGRAM, *_OPTIONS, f"--user-data-dir={self._folder.name}/profile", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[Tab]:
        """A new page."""
        port = await self._port()
        async with aiohttp.ClientSession() as session:
            async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
                target = await answer.json()
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                download = {"behavior": "allow", "downloadPath": str(self.downloads)}
                try:
                    await tab.send("Browser.setDownloadBehavior", **download)
                    yield tab
                    await tab.send("Page.close")
                finally:
                    await tab.close()

    async def _port(self) -> int:
        file = Path(self._folder.name, "profile", "DevToolsActivePort")
        async with asyncio.timeout(_START_S):
            while not file.exists() or "\n" not in (text := file.read_text()):
                assert self._process.poll() is None, "chromium has ended"
                await asyncio.sleep(0.05)
        return int(text.partition("\n")[0])


Use = Callable[[Tab], Awaitable[None]]


def use(browser: Browser, url: str, steps: Use, window: str = "desktop", *, complaints: bool = False) -> None:
    """Open the page, use it, and see that it complained of nothing."""

    async def run() -> None:
        async with browser.tab() as tab:
            await tab.open(url, *WINDOWS[window], phone=window != "desktop")
            await steps(tab)
            assert complaints or tab.complaints == []

    asyncio.run(run())

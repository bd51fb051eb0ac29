"""Make the pictures of README and docs: the same crop before and after, and the page in headless Chromium.

All that goes in is built in: a photograph of scikit-image (NASA, public domain).
"""

import asyncio
import io
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from edge_srcnn.imaging.metrics import psnr  # noqa: E402 - found below ROOT, which is no installed package
from tests.edge_srcnn.web.chromium import SIGNAL, WINDOWS, Browser  # noqa: E402
from tests.edge_srcnn.web.relay import Relay  # noqa: E402

OUT = ROOT / "docs" / "pictures"
COMMAND = [sys.executable, "-m", "edge_srcnn"]
SCALE = 3
FACE = (154, 8, 314, 188)
"""Left, upper, right, lower in the photograph: a face and hair."""

PANEL = 384, 432
GAP_PX = 6

CAMERA_VIEW = (3, 0, 447, 333)
CAMERA_SIZE = 320, 240
CAMERA_FPS = 15
CAMERA_NOISE, CAMERA_FRAMES = 5.0, 45
"""Standard deviation in grey levels, and how many frames are sent in turn."""

WINDOW = 1120, 800
SETTLE_S = 6.0
"""Until rate and latency are those of a running stream."""

STATES = {
    "live": (),
    "frozen": (),
    "waiting": ("--steady", "--source", "http://127.0.0.1:9/stream.mjpg"),  # where nobody serves: RFC 863
    "bicubic": ("--engine", "bicubic"),
    "camera": (),
    "settings": (),
}
"""What the page is shown doing, and what it takes."""

SIGNALS = {"waiting": "waiting"}


def command(*arguments: str | Path) -> None:
    """Run ``edge-srcnn``."""
    subprocess.run([*COMMAND, *map(str, arguments)], check=True, cwd=ROOT)


def before_after(file: Path) -> None:
    """Downscale the photograph, upscale it with and without the network, and lay crops side by side."""
    pixels = data.astronaut()
    height, width = (side // SCALE * SCALE for side in pixels.shape[:2])
    hr = Image.fromarray(pixels[:height, :width])
    panels = []
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, "small.png")
        hr.resize((width // SCALE, height // SCALE), Image.Resampling.BICUBIC).save(small)
        for name, engine in (("bicubic", "bicubic"), ("edge-srcnn", "auto")):
            large = Path(folder, f"{name}.png")
            command("upscale", small, "-o", large, "--scale", str(SCALE), "--engine", engine, "--quiet")
            with Image.open(large) as opened:
                picture = opened.convert("RGB")
            panels.append(panel(picture, f"{name} x{SCALE}, {psnr(luma(picture), luma(hr)):.1f} dB"))
    panels.append(panel(hr, "original"))
    sheet = Image.new("RGBA", (len(panels) * (PANEL[0] + GAP_PX) - GAP_PX, PANEL[1]))
    for column, each in enumerate(panels):
        sheet.paste(each, (column * (PANEL[0] + GAP_PX), 0))
    sheet.save(file, quality=82, method=6)


def luma(picture: Image.Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Take the luma of a picture, uint8 ``[h, w]``."""
    return np.asarray(picture.convert("L"))


def panel(picture: Image.Image, caption: str) -> Image.Image:
    """Enlarge the crop of a picture, and write a caption into it."""
    shown = picture.crop(FACE).resize(PANEL, Image.Resampling.BICUBIC)
    draw, font = ImageDraw.Draw(shown, "RGBA"), ImageFont.load_default(19)
    left, top, right, bottom = draw.textbbox((22, 19), caption, font=font)
    draw.rounded_rectangle((left - 10, top - 7, right + 10, bottom + 7), 16, fill=(20, 22, 26, 190))
    draw.text((22, 19), caption, fill="white", font=font)
    return shown


def page(file: Path) -> None:
    """Show the photograph as a network camera would, and take the page's picture."""
    with photograph_camera() as camera, serving("--source", camera) as address, Browser() as browser:
        save(asyncio.run(screenshot(browser, address, WINDOW, "live")), file, quality=85)


def page_states(folder: Path) -> None:
    """Take pictures of the page in each of its states, in windows of each size."""
    with photograph_camera() as camera, Browser() as browser:
        for state, arguments in STATES.items():
            source = ("--source", camera) if "--source" not in arguments else ()
            for window, size in WINDOWS.items():
                with serving("--name", "Garden", *source, *arguments) as address, Relay(address) as relay:
                    phone = window != "desktop"
                    png = asyncio.run(screenshot(browser, relay.address, size, state, phone=phone, relay=relay))
                save(png, folder / f"{state}-{size[0]}x{size[1]}.webp", quality=75, size=size)


def save(png: bytes, file: Path, *, quality: int, size: tuple[int, int] | None = None) -> None:
    """Write a screenshot as WebP; ``size``: of that many pixels."""
    with Image.open(io.BytesIO(png)) as opened:
        picture = opened.convert("RGB")
    if size is not None and picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    picture.save(file, quality=quality, method=6)


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """Run the live page; gives its address."""
    command = [*COMMAND, "run", "--sink", "http://127.0.0.1:0", "--seconds", "120", *arguments]
    quiet = {**os.environ, "NO_COLOR": "1"}
    live = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=quiet)
    try:
        yield next(found[0] for line in live.stderr or () if (found := re.search(r"http://127[\d.:]+", line)))
    finally:
        live.terminate()
        live.communicate(timeout=30)


@contextmanager
def photograph_camera() -> Iterator[str]:
    """Serve the photograph as a noisy MJPEG camera does; gives its address."""
    view = Image.fromarray(data.astronaut()).crop(CAMERA_VIEW).resize(CAMERA_SIZE, Image.Resampling.BICUBIC)
    rng, parts = np.random.default_rng(0), []
    for _ in range(CAMERA_FRAMES):
        noise = rng.normal(0, CAMERA_NOISE, (*CAMERA_SIZE[::-1], 1))
        seen = np.clip(np.rint(np.asarray(view) + noise), 0, 255).astype(np.uint8)
        with io.BytesIO() as file:
            Image.fromarray(seen).save(file, "JPEG", quality=95)
            jpeg = file.getvalue()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
        parts.append(head + jpeg + b"\r\n")
    closing = threading.Event()

    class Camera(BaseHTTPRequestHandler):
        """Send the same picture again and again."""

        def do_GET(self) -> None:
            """Answer with a stream of parts."""
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for part in cycle(parts):
                if closing.wait(1 / CAMERA_FPS):
                    return
                self.wfile.write(part)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

        def handle(self) -> None:
            """End when the reader is gone."""
            try:
                super().handle()
            except ConnectionError:
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/stream.mjpg"
    finally:
        closing.set()
        server.shutdown()
        server.server_close()


async def screenshot(
    browser: Browser,
    address: str,
    size: tuple[int, int],
    state: str,
    *,
    phone: bool = False,
    relay: Relay | None = None,
) -> bytes:
    """Open an address, wait until the page is in that state, and take what is seen."""
    async with browser.tab() as tab:
        await tab.open(address, *size, phone=phone)
        await tab.wait_for(f'{SIGNAL} === "{SIGNALS.get(state, "live")}"', timeout_s=60)
        if state == "camera":
            await tab.evaluate("setCompared('camera')")
        if state == "settings":
            await tab.evaluate("openDrawer()")
        await asyncio.sleep(SETTLE_S)
        if state == "frozen" and relay is not None:
            relay.silence()
            await tab.wait_for(f'{SIGNAL} === "lost"')
            await asyncio.sleep(SETTLE_S)
        return await tab.screenshot()


def main() -> None:
    """Make each picture, and say how large it is: whoever runs this looks at them."""
    OUT.mkdir(exist_ok=True)
    (OUT / "page").mkdir(exist_ok=True)
    before_after(OUT / "before-after.webp")
    page(OUT / "page.webp")
    page_states(OUT / "page")
    for file in sorted(OUT.rglob("*.webp")):
        with Image.open(file) as picture:
            width, height = picture.size
        print(f"{file.relative_to(ROOT)}: {width}x{height}, {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

"""Make the pictures of README and docs: the same crop before and after, and the page in headless Chromium.

All that goes in is built in: a photograph of scikit-image (public domain), and the moving test card.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from skimage import data

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests.edge_srcnn.web.chromium import Browser  # noqa: E402 - found below ROOT, which is no installed package

OUT = ROOT / "docs" / "pictures"
CROP = (168, 36, 296, 164)
"""Left, upper, right, lower in the photograph: a face with hair and a badge."""

ENLARGED = 3
CAPTION_PX = 34
WINDOW = 1120, 800
_SETTLE_S = 1.5
COMMAND = [sys.executable, "-m", "edge_srcnn"]


def command(*arguments: str | Path) -> None:
    """Run ``edge-srcnn``."""
    subprocess.run([*COMMAND, *map(str, arguments)], check=True, cwd=ROOT)


def before_after(file: Path, scale: int = 2) -> None:
    """Upscale the photograph, downscaled before, with and without the network; lay enlarged crops side by side."""
    hr = Image.fromarray(data.astronaut())
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, "small.png")
        hr.resize((hr.width // scale, hr.height // scale), Image.Resampling.BICUBIC).save(small)
        crops = {}
        for label, engine in (("bicubic", "bicubic"), ("edge-srcnn", "auto")):
            large = Path(folder, f"{label}.png")
            command("upscale", small, "-o", large, "--scale", str(scale), "--engine", engine, "--quiet")
            with Image.open(large) as picture:
                crops[label] = picture.convert("RGB").crop(CROP)
    crops["original"] = hr.crop(CROP)
    side_by_side(crops).save(file, quality=88, method=6)


def side_by_side(crops: dict[str, Image.Image]) -> Image.Image:
    """Enlarge crops by whole pixels, each below its name."""
    side = (CROP[2] - CROP[0]) * ENLARGED
    gap = 6
    sheet = Image.new("RGB", (len(crops) * (side + gap) - gap, side + CAPTION_PX), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(20)
    for column, (label, crop) in enumerate(crops.items()):
        left = column * (side + gap)
        draw.text((left + 4, 4), label, fill=(40, 40, 40), font=font)
        sheet.paste(crop.resize((side, side), Image.Resampling.NEAREST), (left, CAPTION_PX))
    return sheet


def page(file: Path) -> None:
    """Run the test card onto a page, and take the page's picture."""
    live = subprocess.Popen(
        [*COMMAND, "run", "--source", "test:?size=480x360", "--sink", "http://127.0.0.1:0", "--seconds", "120"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
    )
    try:
        address = next(found[0] for line in live.stderr or () if (found := re.search(r"http://[\d.:]+\S*", line)))
        with Browser() as browser, tempfile.TemporaryDirectory() as folder:
            png = Path(folder, "page.png")
            png.write_bytes(asyncio.run(screenshot(browser, address)))
            with Image.open(png) as picture:
                picture.convert("RGB").save(file, quality=85, method=6)
    finally:
        live.terminate()
        live.wait(30)


async def screenshot(browser: Browser, address: str) -> bytes:
    """Open an address, wait for live pictures, and take what is seen."""
    async with browser.tab() as tab:
        await tab.open(address, *WINDOW)
        await tab.wait_for('document.body.dataset.signal === "live"', timeout_s=60)
        await asyncio.sleep(_SETTLE_S)
        return await tab.screenshot()


def main() -> None:
    """Make each picture, and say how large it is: whoever runs this looks at them."""
    OUT.mkdir(exist_ok=True)
    for file, make in ((OUT / "before-after.webp", before_after), (OUT / "page.webp", page)):
        make(file)
        with Image.open(file) as picture:
            width, height = picture.size
        print(f"{file.relative_to(ROOT)}: {width}x{height}, {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

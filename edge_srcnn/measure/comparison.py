"""Compare models on one picture: side by side, or as a page to look closer at."""

import base64
import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from math import ceil
from string import Template

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edge_srcnn.engine.backends import AUTO, BICUBIC
from edge_srcnn.errors import NoInput, UsageError
from edge_srcnn.imaging.bicubic import base_name
from edge_srcnn.imaging.luma import Samples, UInt8Array, to_8_bits
from edge_srcnn.measure import median_ms
from edge_srcnn.models.bundled import bundled_models, find_model
from edge_srcnn.models.file import read_model
from edge_srcnn.upscaler import load_model

SHEET_PX, PAGE_PX = (160, 120), (480, 360)
"""Width and height of what a sheet, and a page, show of a large picture unless somebody says what."""

_CAPTION_PX, _GAP_PX, _COLUMNS, _LEAST_WIDTH_PX = 34, 10, 3, 640
_TIMED = 3
_INK, _PAPER = (32, 36, 40), (255, 255, 255)


@dataclass(frozen=True)
class Entry:
    """Hold what a model made of the picture, uint8 RGB, in how many milliseconds; ``note`` says what it is."""

    name: str
    note: str
    scale: int
    pixels: UInt8Array
    milliseconds: float


def names_for(scale: int) -> list[str]:
    """Name what is compared: bicubic (at scale 1, the input), then the bundled models of a scale, least work first."""
    models = {name: read_model(path).spec for name, path in bundled_models().items()}
    chosen = [name for name, spec in models.items() if spec.scale == scale]
    return [
        base_name(scale),
        *sorted(chosen, key=lambda name: (models[name].degradation == "camera", models[name].macs_per_pixel, name)),
    ]


def compare(
    pixels: Samples,
    scale: int,
    names: Sequence[str],
    strength: float | str | None = None,
    on_done: Callable[[str], None] = lambda name: None,
) -> list[Entry]:
    """Upscale a picture by each model.

    Parameters
    ----------
    pixels
        ``[h, w]`` or ``[h, w, channels]``; transparency is left out.
    scale
        Factor.
    names
        Models, by name or path, and ``bicubic``; at scale 1 ``input``, the picture as it is.
    strength
        Of each model, see ``load_model``.
    on_done
        Is told the name of each that is done.

    Returns
    -------
    One entry a name.

    Raises
    ------
    UsageError
        A model is for another scale.
    """
    shown = to_8_bits(pixels)
    if shown.ndim == 3 and shown.shape[2] in (2, 4):
        shown = np.ascontiguousarray(shown[..., 0] if shown.shape[2] == 2 else shown[..., :3])
    entries = []
    for name in names:
        plain, engine = (None, BICUBIC) if name == base_name(scale) else (name, AUTO)
        with load_model(plain, scale=scale, strength=strength, engine=engine) as upscaler:
            if upscaler.scale != scale:
                raise UsageError(f"{name}: is for x{upscaler.scale}, not x{scale}; give --scale {upscaler.scale}")
            result = to_8_bits(upscaler.upscale(shown))
            milliseconds = median_ms(lambda: upscaler.upscale(shown), _TIMED)  # called at once
            note = "no network" if upscaler.spec is None else f"for {upscaler.spec.degradation} pictures"
        rgb = cv2.cvtColor(result, cv2.COLOR_GRAY2RGB) if result.ndim == 2 else result
        entries.append(Entry(name, note, scale, np.asarray(rgb, np.uint8), milliseconds))
        on_done(name)
    return entries


def sheet(entries: Sequence[Entry]) -> UInt8Array:
    """Lay results side by side under their names, uint8 RGB; small ones with their pixels enlarged."""
    zoom = max(_LEAST_WIDTH_PX // entries[0].pixels.shape[1], 1)
    height, width = (side * zoom for side in entries[0].pixels.shape[:2])
    columns = min(_COLUMNS, len(entries))
    rows = ceil(len(entries) / columns)
    size = columns * (width + _GAP_PX) - _GAP_PX, rows * (height + _CAPTION_PX + _GAP_PX) - _GAP_PX
    image = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(18)
    for number, entry in enumerate(entries):
        left = number % columns * (width + _GAP_PX)
        top = number // columns * (height + _CAPTION_PX + _GAP_PX)
        draw.text((left + 4, top + 6), caption(entry), fill=_INK, font=font)
        enlarged = Image.fromarray(entry.pixels).resize((width, height), Image.Resampling.NEAREST)
        image.paste(enlarged, (left, top + _CAPTION_PX))
    return np.asarray(image)


def page(entries: Sequence[Entry], title: str) -> str:
    """Write a page, HTML in one file: two of the results under a divider, first bicubic and what ``auto`` takes."""
    scale, right = entries[0].scale, len(entries) - 1
    with suppress(NoInput):  # no model of the scale is bundled
        best = find_model(None, scale).stem
        right = next((number for number, entry in enumerate(entries) if entry.name == best), right)
    figures = "\n".join(
        f'<option value="{number}" data-src="{_data(entry.pixels)}">{escape(caption(entry))}</option>'
        for number, entry in enumerate(entries)
    )
    height, width = entries[0].pixels.shape[:2]
    template = Template(files("edge_srcnn.measure").joinpath("comparison.html").read_text("utf-8"))
    return template.substitute(title=escape(title), options=figures, right=right, width=width, height=height)


def caption(entry: Entry) -> str:
    """Say in a line what made a result, and how long it took."""
    return f"{entry.name}  {entry.milliseconds:.3g} ms"


def _data(pixels: UInt8Array) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"

"""Render one self-contained HTML file that shows whether a model is good (template: ``report.html``)."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template

from PIL import Image

from edge_srcnn.imaging.bicubic import base_name
from edge_srcnn.imaging.metrics import psnr
from export.edgetpu.exporting import TpuExport, render_section
from export.evaluation.crops import Crop
from export.evaluation.curve import Point, draw_curve
from export.evaluation.evaluate import Score
from export.int8.trace import LayerNoise

FULL_PRECISION, QUANTIZED = "float32", "int8"
"""The methods of the quality table that are compared with one another, and with the base."""

TOLERATED_LOSS_DB = 0.1
"""What int8 may cost. A network that puts out the residual loses less, one that puts out pixels far more."""

NOTABLE_DB = 0.05
"""By how much a model is worse than the bundled one before it is not called good any more."""

HELD_OUT = "held-out"
"""The set of the training pictures that are held out."""

LAYER_SCALE_DB = 60.0
_BASE_MEANING = {"bicubic": "the filter that the device has without a network", "input": "the picture as it comes"}
CROP_ZOOM = 2


@dataclass(frozen=True)
class Report:
    """Hold everything that the page shows; where something is empty, the page says so.

    Attributes
    ----------
    title
        Name of the model.
    facts
        (label, value): architecture, scale, training data, licence, time, seed, versions, SHA-256 and so on.
    history
        (step, held-out PSNR in dB, mean square error of the training patches in 0..1, or nan).
    base_psnr
        PSNR in dB of the base on the held-out pictures; nan when nothing was trained.
    quality
        Score of each method on each benchmark set; the base, ``float32`` and ``int8`` are compared.
    layers
        What int8 does to each layer, first to last.
    crops
        Pieces of pictures to look at.
    scale
        Factor of upscaling.
    bundled
        Name of the bundled model that it is compared with; None: there is none of its scale and kind.
    short
        Says that the training was short; empty: it was not.
    tpu
        What was made for an Edge TPU; None: the page does not speak of it.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    history: tuple[tuple[int, float, float], ...]
    base_psnr: float
    quality: tuple[Score, ...]
    layers: tuple[LayerNoise, ...]
    crops: tuple[Crop, ...]
    tpu: TpuExport | None = None
    scale: int = 2
    bundled: str | None = None
    short: str = ""

    @property
    def base(self) -> str:
        """Name what the network is compared with: ``bicubic``; at scale 1, ``input``."""
        return base_name(self.scale)

    @property
    def result(self) -> str:
        """Name what it makes of a picture, in one word."""
        return "cleaned" if self.scale == 1 else "sharpened"


def render_report(report: Report) -> str:
    """Render the report in HTML: it loads nothing from anywhere, and is the same for the same report."""
    template = resources.files("export.evaluation").joinpath("report.html").read_text(encoding="utf-8")
    state, verdict = _verdict(report)
    return Template(template).substitute(
        title=escape(report.title),
        state=state,
        verdict=escape(verdict),
        tiles=_tiles(report),
        base=report.base,
        base_meaning=_BASE_MEANING[report.base],
        result=report.result,
        quality=_quality(report.quality, report.base) or "<tr><td>No benchmark set was measured.</td></tr>",
        crops="\n".join(_crop(crop, report) for crop in report.crops) or "<p>No pictures were compared.</p>",
        curves=_curves(report) or "<p>No curve: nothing was trained for this model.</p>",
        edgetpu=render_section(report.tpu),
        layers=_layers(report.layers) or "<tr><td>No layer was measured.</td></tr>",
        facts="\n".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd></div>" for a, b in report.facts),
    )


def _verdict(report: Report) -> tuple[str, str]:
    """Choose the CSS class and the sentences of the evaluation: what is better to have comes first."""
    state, sentence = _beside_base(report.quality, report.base)
    if state == "good" and (report.short or any(db <= -NOTABLE_DB for _, db in _differences(report))):
        state, sentence = "fair", sentence.removeprefix("Good: ").capitalize()
    return state, " ".join(filter(None, (beside_bundled(report), report.short, sentence)))


def _beside_base(rows: Sequence[Score], base: str) -> tuple[str, str]:
    """Compare with the base, and int8 with float32."""
    gain, loss = _worst(rows, base), _worst(rows, FULL_PRECISION)
    than = "the input" if base == base_name(1) else base
    if gain is None:
        return "unknown", f"Not evaluated: no benchmark set has both int8 and {base}."
    if gain[0] <= 0.0:
        return "bad", f"Do not use it: on {gain[1]} it is no better than {than}."
    if loss is None:
        return "good", f"Good: better than {than} on every set."
    if loss[0] < -TOLERATED_LOSS_DB:
        return "fair", f"Usable: better than {than}, but int8 costs {-loss[0]:.2f} dB on {loss[1]}."
    return "good", f"Good: better than {than} on every set, and int8 costs next to nothing."


def beside_bundled(report: Report) -> str:
    """Compare with the bundled model, in a sentence for each set; empty where there is none."""
    return " ".join(
        f"{abs(db):.2f} dB {'below' if db < 0 else 'above'} the bundled {report.bundled}"
        f" on {'the held-out pictures' if name.startswith(HELD_OUT) else name}."
        for name, db in _differences(report)
    )


def _differences(report: Report) -> list[tuple[str, float]]:
    """Subtract the bundled model's PSNR, in dB, on each set that has both."""
    shipped = QUANTIZED if any(row.method == QUANTIZED for row in report.quality) else FULL_PRECISION
    found = [
        (row.set, round(_difference(row, report.quality, report.bundled or ""), 2))
        for row in report.quality
        if row.method == shipped
    ]
    return [(name, db) for name, db in found if not math.isnan(db)]


def _worst(rows: Sequence[Score], reference: str) -> tuple[float, str] | None:
    """Find the smallest difference int8 - ``reference`` in dB, and its set."""
    differences = [(_difference(row, rows, reference), row.set) for row in rows if row.method == QUANTIZED]
    return min((found for found in differences if not math.isnan(found[0])), default=None)


def _difference(row: Score, rows: Sequence[Score], reference: str) -> float:
    """Subtract the PSNR of the ``reference`` method on the same set from that of a row, in dB; nan without one."""
    return row.psnr - next((r.psnr for r in rows if (r.set, r.method) == (row.set, reference)), math.nan)


def _tiles(report: Report) -> str:
    tiles = []
    if gain := _worst(report.quality, report.base):
        tiles.append((_number(gain[0], "+.2f"), f"int8 over {report.base}", f"smallest gain, on {gain[1]}"))
    if loss := _worst(report.quality, FULL_PRECISION):
        tiles.append((_number(loss[0], "+.2f"), "int8 against float32", f"largest loss, on {loss[1]}"))
    if weakest := min(report.layers, key=lambda x: (math.isnan(x.snr_db), x.snr_db), default=None):
        tiles.append((_number(weakest.snr_db, ".1f"), "weakest layer", f"signal to noise of {weakest.name}"))
    if best := _best(report):
        tiles.append((_number(best[1]), "held-out PSNR", f"best of the training, at step {best[0]:,}"))
    return "\n".join(
        f"<li><strong>{value} <small>dB</small></strong><b>{label}</b><span>{escape(detail)}</span></li>"
        for value, label, detail in tiles
    )


def _quality(rows: Sequence[Score], base: str) -> str:
    lines = []
    for name in dict.fromkeys(row.set for row in rows):
        lines.append(f'<tr class="set"><th scope="colgroup" colspan="5">{escape(name)}</th></tr>')
        for row in (row for row in rows if row.set == name):
            gain = "" if row.method == base else _number(_difference(row, rows, base), "+.2f")
            loss = _number(_difference(row, rows, FULL_PRECISION), "+.2f") if row.method == QUANTIZED else ""
            cells = "</td><td>".join((_number(row.psnr), _number(row.ssim, ".4f"), gain, loss))
            method = escape(row.method)
            lines.append(f'<tr data-method="{method}"><th scope="row">{method}</th><td>{cells}</td></tr>')
    return "\n".join(lines)


def _layers(layers: Sequence[LayerNoise]) -> str:
    return "\n".join(
        f'<tr><th scope="row">{escape(layer.name)}</th>'
        f'<td><i style="width:{100 * min(max(0.0, layer.snr_db / LAYER_SCALE_DB), 1.0):.1f}%"></i></td>'
        f"<td>{_number(layer.snr_db, '.1f')} dB</td></tr>"
        for layer in layers
    )


def _crop(crop: Crop, report: Report) -> str:
    figures = []
    for label, plane in ((report.base, crop.base), (report.result, crop.sharpened), ("ground truth", crop.hr)):
        png = io.BytesIO()
        Image.fromarray(plane).save(png, "PNG")
        source = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")
        h, w = CROP_ZOOM * plane.shape[0], CROP_ZOOM * plane.shape[1]
        image = f'<img src="{source}" width="{w}" height="{h}" alt="{escape(crop.name)}, {label}">'
        quality = "" if label == "ground truth" else f"<b>{_number(psnr(plane, crop.hr))} dB</b>"
        figures.append(f"<figure>{image}<figcaption>{label} {quality}</figcaption></figure>")
    return f'<article class="crop"><h3>{escape(crop.name)}</h3><div>{"".join(figures)}</div></article>'


def _held_out(report: Report) -> list[Point]:
    """List step and held-out PSNR in dB of each evaluation that gave a number."""
    return [(step, db) for step, db, _ in report.history if math.isfinite(db)]


def _best(report: Report) -> Point | None:
    """Find step and held-out PSNR in dB of the best evaluation."""
    return max(_held_out(report), key=lambda point: point[1], default=None)


def _curves(report: Report) -> str:
    best = _best(report)
    if best is None:
        return ""
    caption = f"<b>Held-out PSNR</b>, dB. Best: {_number(best[1])} at step {best[0]:,}."
    if math.isfinite(report.base_psnr):
        caption += f" Dashed: {report.base}, {_number(report.base_psnr)}."
    curves = draw_curve(caption, _held_out(report), best, reference=report.base_psnr)
    if errors := [(step, mse) for step, _, mse in report.history if 0.0 < mse < math.inf]:
        caption = "<b>Training error</b>, mean square of patches in 0..1; log scale."
        curves += draw_curve(caption, errors, errors[-1], log=True)
    return curves


def _number(value: float, form: str = ".2f") -> str:
    """Render a number with a true minus sign; a dash where nothing was measured."""
    text = "&ndash;" if math.isnan(value) else format(value, form)
    if not text.strip("-0."):
        text = text.lstrip("-")  # a loss of nothing is none
    return text.replace("-", "&minus;").replace("inf", "&infin;")

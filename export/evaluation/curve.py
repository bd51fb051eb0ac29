"""Draw a curve as inline SVG that takes the colours of the page around it."""

import io
import math
import re
from collections.abc import Sequence

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator, EngFormatter, LogLocator

Point = tuple[int, float]

ACCENT, MUTED, LINE = CURVE_COLOURS = ("#010203", "#010204", "#010205")
"""What stands for the page's CSS colours while Matplotlib draws: so the curves follow light and dark."""

CURVE_STYLE = {
    "svg.fonttype": "none",
    "figure.figsize": (4.8, 2.7),
    "figure.constrained_layout.use": True,
    "lines.linewidth": 1.8,
    "axes.grid": True,
    "axes.formatter.useoffset": False,
    "grid.color": LINE,
    **{f"axes.spines.{side}": False for side in ("left", "right", "top", "bottom")},
    **{f"{axis}tick.major.size": 0.0 for axis in "xy"},
}


def draw_curve(
    caption: str, points: Sequence[Point], mark: Point, *, reference: float = math.nan, log: bool = False
) -> str:
    """Draw a curve as inline SVG, with a point at ``mark`` and a dashed line at the height of ``reference``."""
    text = io.StringIO()
    with matplotlib.style.context(["default", CURVE_STYLE, {"svg.hashsalt": caption}]):
        figure = Figure()
        axes = figure.add_subplot(xlabel="step", yscale="log" if log else "linear")
        axes.plot(*zip(*points, strict=True), color=ACCENT)
        axes.plot(*mark, "o", color=ACCENT)
        if math.isfinite(reference):
            axes.axhline(reference, color=MUTED, linestyle="--")
        if log:
            low, high = axes.get_ylim()
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > 10 * low else AutoLocator())
            axes.yaxis.set_major_formatter("{x:g}")
            axes.minorticks_off()
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # no dates, versions, addresses
        figure.savefig(text, format="svg", transparent=True, metadata=metadata)
    svg = text.getvalue()
    svg = re.sub(r' id="[^"]*_[^"]*"', "", svg[svg.index("<svg") :])  # names that two curves would share
    for colour, variable in zip(CURVE_COLOURS, ("accent", "muted", "line"), strict=True):
        svg = svg.replace(colour, f"var(--{variable})")
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"

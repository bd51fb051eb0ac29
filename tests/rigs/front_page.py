"""Shows the front: tables for docs/front.md and docs/pi.md, and docs/front.svg, of what front.py measured."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.architectures.fast import LADDER
from tests.rigs.instructions import CEILING, PROCESSORS, REFERENCE, frame

SCALE, WIDTH, HEIGHT = 2, 640, 480
PICTURES = {"set5": "Set5", "set14": "Set14", "held_out": "held out"}
INSTRUCTION_SETS = {"vnni": "AVX-512 VNNI", "avx2": "AVX2"}
RASPBERRY = {"cortex-a53": "A53 (Pi 3)", "cortex-a72": "A72 (Pi 4)", "cortex-a76": "A76 (Pi 5)"}

PEERS = (
    ("ESPCN", 1 / 12, 36.39),
    ("FSRCNNX-8", 1 / 10, 36.57),
    ("FSRCNNX-16", 1 / 4.5, 36.93),
    ("PlainUSR-U", 1 / 2.8, 37.04),
    ("PlainUSR-T", 1 / 1.2, 37.40),
    ("IMDN-RTC", 1.0, 37.25),
    ("PlainUSR-S", 1.6, 37.57),
)
"""Published weights, x2: time as a share of packed srcnn-915's (AVX2, one thread, float32), dB on Set5 (float32)."""

YARDSTICKS = {"mobilenet-v1": 569e6, "mobilenet-v2": 301e6}
"""Networks whose speed on Raspberry Pi's is published, and their multiplications (224x224)."""

PUBLISHED_MS = {
    "cortex-a53": {"mobilenet-v1": (46, 46), "mobilenet-v2": (30, 30)},
    "cortex-a72": {"mobilenet-v1": (29, 24), "mobilenet-v2": (20, 17)},
    "cortex-a76": {"mobilenet-v1": (569 / 65, 569 / 100)},
}
"""Their int8 time at most and at least on four cores, in ms: read, not measured.

Pi 3B+ and 4: XNNPACK's README (8 February 2022; the Pi 4 with 32 and 64 bits). Pi 5: 65 to 100 * 10^9 multiplications a
second, by ncnn's.
"""
CORES = 4

OURS = (("srcnn-915", 1.0, 36.69), ("srcnn-955", 4.0, 36.94))
"""The shipped SRCNNs, int8, with all their training."""


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Give the numbers of the points (cost, gain) that none costing as much or less outdoes, by rising cost."""
    front: list[int] = []
    for number in sorted(range(len(points)), key=lambda n: (points[n][0], -points[n][1])):
        if not front or points[number][1] > points[front[-1]][1]:
            front.append(number)
    return front


def ladder_networks() -> list[str]:
    """Give the networks that are shipped for x2, the fastest first."""
    return [of[SCALE].removeprefix("fast-") for of in LADDER.values()]


def shares(front: dict[str, Any], name: str) -> dict[str, float]:
    """Give a network's time and instructions as shares of packed srcnn-915's."""
    found = {}
    for kind, times in front["times"].items():
        if name in times["frame_ms"]:
            found[kind] = times["frame_ms"][name] / times["frame_ms"][REFERENCE]
    counts = front["instructions"]
    for cpu in PROCESSORS:
        if name in counts:
            found[cpu] = frame(counts[name][cpu]) / frame(counts[REFERENCE][cpu])
    return found


def of_ceiling(front: dict[str, Any], name: str) -> dict[str, float]:
    """Give the share of what the interpreter could multiply at best that a network reaches in it."""
    macs, found = front["macs"][name], {}
    for kind, times in front["times"].items():
        gmacs = macs * WIDTH * HEIGHT * SCALE**2 / times["network_ms"][name] / 1e6
        found[kind] = gmacs / times["ceiling_gmacs"]
    for cpu in PROCESSORS:
        found[cpu] = macs / front["instructions"][name][cpu]["network"] / macs_per_instruction(front, cpu)
    return found


def macs_per_instruction(front: dict[str, Any], cpu: str) -> float:
    """Give the multiplications for each instruction of what the interpreter does best."""
    best = front["instructions"][CEILING]
    return float(best["macs"] / best[cpu]["network"])


def instructions_per_ms(front: dict[str, Any], cpu: str) -> tuple[float, float]:
    """Derive how many instructions the four cores of a Raspberry Pi do in a ms, at least and at most."""
    rates = [
        front["instructions"][network][cpu]["network"] / ms
        for network, published in PUBLISHED_MS[cpu].items()
        for ms in published
    ]
    return min(rates), max(rates)


def expected_ms(front: dict[str, Any], name: str, cpu: str) -> tuple[float, float]:
    """Derive how long a frame takes on a Raspberry Pi at most and at least: network on all cores, the rest on one."""
    counts, pixels = front["instructions"][name][cpu], WIDTH * HEIGHT * SCALE**2
    work = pixels * (counts["network"] + CORES * counts["host"])
    slow, fast = instructions_per_ms(front, cpu)
    return work / slow, work / fast


def pi_table(front: dict[str, Any]) -> str:
    """Render what docs/pi.md says of each model."""
    head = ["", *(f"`{name}`" for name in LADDER)]
    lines = [head]
    for cpu, label in RASPBERRY.items():
        cells = []
        for name in ladder_networks():
            most, least = expected_ms(front, name, cpu)
            digits = 1 if most > 100 else 0
            cells.append(f"{1000 / most:.{digits}f} to {1000 / least:.{digits}f}")
        lines.append([label, *cells])
    return _markdown(lines)


def ceiling_table(front: dict[str, Any]) -> str:
    """Render the share of the int8 ceiling that each model reaches."""
    kinds = [*(kind for kind in INSTRUCTION_SETS if kind in front["times"]), *PROCESSORS]
    lines = [["", *((INSTRUCTION_SETS | RASPBERRY)[kind] for kind in kinds)]]
    for label, name in zip(
        ("`srcnn-915`", *(f"`{name}`" for name in LADDER)), (REFERENCE, *ladder_networks()), strict=True
    ):
        reached = of_ceiling(front, name)
        lines.append([label, *(f"{reached[kind]:.0%}".replace("%", " %") for kind in kinds)])
    return _markdown(lines)


def measured(front: dict[str, Any]) -> list[str]:
    """Give the networks whose time and instructions are known, the fastest with AVX2 first."""
    names = set(front["times"].get("avx2", {}).get("frame_ms", {})) & set(front["instructions"]) - {REFERENCE}
    return sorted(names, key=lambda name: shares(front, name)["avx2"])


def trained(front: dict[str, Any]) -> list[str]:
    """Give those of them whose quality is known too."""
    return [name for name in measured(front) if name in front["quality"]]


def front_page(front: dict[str, Any], rounds: int) -> str:
    """Render docs/front.md."""
    names = trained(front)
    on_front = {names[n] for n in pareto([(shares(front, n)["avx2"], front["quality"][n]["set5"]) for n in names])}
    kinds = [kind for kind in INSTRUCTION_SETS if kind in front["times"]]
    head = ["network", "MAC", *PICTURES.values(), *(f"{INSTRUCTION_SETS[kind]}, ms" for kind in kinds)]
    head += ["AVX2", *RASPBERRY.values()]
    rows = []
    for name in measured(front):
        scores, share = front["quality"].get(name, {}), shares(front, name)
        row = [
            f"`fast-{name}`",
            f"{front['macs'][name]:,.0f}",
            *(f"{scores[each]:.2f}" if scores else "" for each in PICTURES),
        ]
        row += [f"{front['times'][kind]['frame_ms'][name]:.1f}" for kind in kinds]
        row += [f"1/{1 / share[kind]:.1f}" for kind in ("avx2", *PROCESSORS)]
        rows.append([f"**{row[0]}**" if name in on_front else row[0], *row[1:]])
    last = ["`srcnn-915`, shipped", f"{front['macs'][REFERENCE]:,.0f}", "36.69", "32.49", ""]
    last += [*(f"{front['times'][kind]['frame_ms'][REFERENCE]:.1f}" for kind in kinds), *"1" * (1 + len(PROCESSORS))]
    steps = sorted({front["quality"][name]["steps"] for name in names})
    return FRONT_PAGE.format(
        steps=" or ".join(f"{n:,}" for n in steps),
        table=_markdown([head, *rows, last]),
        rounds=rounds,
        command=f"python tests/rigs/front.py runs --steps {steps[-1]} --data cid22 clic cc0 --evaluate set5 set14",
    )


FRONT_PAGE = """# The front: what a network buys for its time

x2, int8. Every `fast` network had the same short training: {steps} steps of 64 patches of 24x24 pixels. The shipped
ones are trained much longer, which gains most for the wide and deep ones.

![dB against time](front.svg)

The last four columns are shares of what packed `srcnn-915` takes. Bold: no other network here is at least as fast
(AVX2) and better (Set5).

{table}

- The name is the network. `c16d4`: 16 channels, 4 convolutions before the last one. The first is 5x5 (`k3`: 3x3), all
  others 3x3. `b2`: on blocks of 2x2 pixels.
- MAC: multiplications for each pixel of the result.
- No dB: not trained yet.
- Set5, Set14: PSNR in dB of the int8 model, MATLAB's bicubic as degradation. Held out: training pictures that were kept
  back, float.
- ms: CPU time of a frame of luma, 640x480 to 1280x960, one thread, the least of {rounds}, all networks in turns.
  AVX-512 VNNI: the machine as it is. AVX2: as if it had no int8 dot product (`tests/rigs/instruction_set.sh`).
- A53, A72, A76: instructions of a frame on emulated processors, one thread (`tests/rigs/instructions.sh`). Counted, not
  timed; [pi.md](pi.md) says what to expect of them.
- Peers in the plot: published weights in float32, with all their training. PlainUSR and IMDN compute three colours.

All of it again; what is in the folder `runs` already is kept:

```
{command}
```
"""


def _markdown(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:]))


def draw(front: dict[str, Any], into: Path) -> None:
    """Draw Set5's dB against time with AVX2, and against instructions on a Pi 4."""
    import matplotlib.style
    from matplotlib.figure import Figure

    names = trained(front)
    style = {"svg.hashsalt": "front", "font.family": "sans-serif", "font.size": 9}
    with matplotlib.style.context(["default", style]):
        figure = Figure(figsize=(11, 5.2), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.25, 1))
        _panel(left, front, names, "avx2", (*OURS,), PEERS)
        left.set_xlabel("time of a frame, share of packed srcnn-915's\n(AVX2, one thread)")
        left.set_ylabel("Set5 x2, PSNR in dB")
        _panel(right, front, names, "cortex-a72", OURS[:1], ())
        right.set_xlabel("instructions of a frame, share of packed srcnn-915's\n(Cortex-A72: Raspberry Pi 4)")
        figure.savefig(into, metadata={"Date": None})


def _panel(
    axes: Any,
    front: dict[str, Any],
    names: Sequence[str],
    kind: str,
    ours: Sequence[tuple[str, float, float]],
    peers: Sequence[tuple[str, float, float]],
) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    points = [(shares(front, name)[kind], front["quality"][name]["set5"]) for name in names]
    blocks = [name.endswith("b2") for name in names]
    line = [points[n] for n in pareto(points)]
    shipped = [
        (label, shares(front, name)[kind], front["shipped"][label])
        for label, name in zip(LADDER, ladder_networks(), strict=True)
        if label in front["shipped"]
    ]
    axes.plot(*zip(*line, strict=True), color="#1a6faf", linewidth=1.4, alpha=0.5, zorder=1)
    steps = max(front["quality"][name]["steps"] for name in names)
    on_pixels, on_blocks = ([p for p, b in zip(points, blocks, strict=True) if b == wanted] for wanted in (False, True))
    groups = [
        (f"fast, int8, {steps:,} steps", "o", "#1a6faf", on_pixels),
        ("fast on 2x2 blocks, likewise", "s", "#2c9a8f", on_blocks),
        ("fast, int8, as shipped", "*", "#7a3fa0", [(x, y) for _, x, y in shipped]),
        ("srcnn, int8, as shipped", "D", "#c8501e", [(x, y) for _, x, y in ours]),
        ("others, float32, as published", "^", "#8a8a8a", [(x, y) for _, x, y in peers]),
    ]
    for label, marker, colour, group in groups:
        if group:
            axes.scatter(*zip(*group, strict=True), marker=marker, color=colour, s=30, zorder=3, label=label)
    axes.set_xscale("log")
    ticks = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0f}" if x >= 1 else f"1/{1 / x:.0f}")
    axes.grid(True, color="#e8e8e8")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    every = [*points, *((x, y) for _, x, y in (*shipped, *ours, *peers))]
    low, high = min(x for x, _ in every), max(x for x, _ in every)
    axes.set_xlim(low / 1.35, high * 1.6)
    axes.margins(y=0.08)
    if peers:
        axes.legend(loc="lower right", frameon=False)
    marks = [(name, *point, "#1a4a73") for name, point in zip(names, points, strict=True)]
    marks += [(name, x, y, "#5d2a80") for name, x, y in shipped]
    marks += [(name, x, y, "#a03c12") for name, x, y in ours] + [(name, x, y, "#6a6a6a") for name, x, y in peers]
    _label(axes, marks)


def _label(axes: Any, marks: Sequence[tuple[str, float, float, str]]) -> None:
    """Write each mark's name beside it, where it covers neither a mark nor another name."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    size = 4 * axes.figure.dpi / 72
    spots = [axes.transData.transform((x, y)) for _, x, y, _ in marks]
    taken = [(x - size, y - size, x + size, y + size) for x, y in spots]
    if axes.get_legend() is not None:
        taken.append(axes.get_legend().get_window_extent().extents)
    inside = axes.get_window_extent().extents
    for name, x, y, colour in marks:
        tried = []
        for way in (spot for far in (6, 10, 15, 22, 30) for spot in _around(far)):
            text = _beside(axes, name, (x, y), way, colour)
            box = text.get_window_extent(canvas.get_renderer()).extents
            text.remove()
            hidden = sum(_shared(box, other) for other in taken) + 2 * (_area(box) - _shared(box, inside))
            tried.append((hidden, math.hypot(*way), way, tuple(box)))
            if hidden == 0:
                break
        _, far, way, box = min(tried)
        line = {"arrowstyle": "-", "color": "#b0b0b0", "linewidth": 0.6} if far > 12 else None
        _beside(axes, name, (x, y), way, colour, arrowprops=line)
        taken.append(box)


def _beside(axes: Any, name: str, at: tuple[float, float], way: tuple[float, float], colour: str, **more: Any) -> Any:
    side = "left" if way[0] > 0 else "right" if way[0] < 0 else "center"
    look = {"ha": side, "va": "center", "color": colour, "fontsize": 8} | more
    return axes.annotate(name, at, way, textcoords="offset points", **look)


def _around(far: int) -> list[tuple[float, float]]:
    return [(far, 0), (-far, 0), (0, far), (0, -far), (far, far), (-far, far), (far, -far), (-far, -far)]


def _shared(one: Sequence[float], other: Sequence[float]) -> float:
    """Give the area that two boxes (left, bottom, right, top) share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])

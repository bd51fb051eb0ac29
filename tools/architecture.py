"""Draw the way of a frame, ``docs/architecture.svg``: edit ``WAY``, and run this file."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "docs" / "architecture.svg"


@dataclass(frozen=True)
class Box:
    """What happens in one place.

    Attributes
    ----------
    title
        Of the box.
    thread
        The thread that runs it.
    way
        What every frame goes through, in order: (step, file).
    beside
        What stands beside the way: other cameras, arithmetic, and what acts when something fails.
    """

    title: str
    thread: str
    way: tuple[tuple[str, str], ...]
    beside: tuple[tuple[str, str], ...] = ()


WAY = (
    Box(
        "Capture: one thread for the camera",
        "capture",
        (
            ("read the USB camera, by V4L2", "sources/v4l2.py"),
            ("YUYV or JPEG to luma and chroma, without RGB", "sources/camera.py"),
            ("number the frame, count dropped ones", "live/capture.py"),
            ("newest-frame slot; files: a bounded queue", "live/threads.py"),
        ),
        (
            ("camera module, by libcamera", "sources/picamera2.py"),
            ("network camera or video file, by FFmpeg", "sources/video.py"),
            ("average cameras over time where nothing moves", "live/temporal_stage.py"),
            ("camera lost: reopen; driver hangs: abandon", "live/reader.py"),
        ),
    ),
    "Frame: luma uint8 [h, w], chroma, colour tags, time (imaging/frame.py)",
    Box(
        "Pipeline: one thread that computes",
        "pipeline",
        (
            ("take the frame, hand the result to each sink", "live/pipeline.py"),
            ("the model that keeps the rate", "live/ladder_upscaler.py"),
            ("luma to the network, chroma interpolated", "upscaler.py"),
        ),
        (
            ("when to change the model", "live/governor.py"),
            ("engine failed: the next candidate", "live/failover.py"),
        ),
    ),
    "luma [h, w]",
    Box(
        "Network: in the same thread",
        "pipeline",
        (
            ("large luma = clip(base + residual)", "engine/luma.py"),
            ("base: the bicubic picture", "imaging/bicubic.py"),
            ("tiles that changed, with their halo", "engine/inference.py"),
            ("space-to-depth, uint8 to int8; and back", "engine/tiled_graph.py"),
            ("int8 interpreter: CONV_2D only", "engine/interpreter.py"),
            ("residual: int8 to grey levels", "engine/postprocess.py"),
        ),
        (
            ("cut, mirror and pack pixels", "imaging/tiles.py"),
            ("cover what changed by tiles", "engine/patches.py"),
        ),
    ),
    "large luma [h s, w s]",
    Box(
        "Sinks: the page takes the newest result at once; others have a thread each",
        "pipeline",
        (("hand over, count missed frames", "live/sink_thread.py"),),
        (
            ("recording", "sinks/video.py"),
            ("pictures in a folder", "sinks/folder.py"),
            ("RTSP, RTMP, in a process of its own", "sinks/push.py"),
            ("sink failed: pause, try again", "live/retrying_sink.py"),
        ),
    ),
    "the newest result",
    Box(
        "Page: the web server's event loop",
        "http",
        (
            ("wake the server's loop", "web/server.py"),
            ("encode once for each view, send to all viewers", "web/broadcast.py"),
            ("enhanced, bicubic or both, to JPEG without RGB", "web/views.py"),
            ("multipart stream", "web/routes.py"),
            ("drawn with the divider", "web/page/stage.js"),
        ),
        (("names and tokens", "web/access.py"), ("limits", "web/connections.py")),
    ),
)
"""Boxes, and between them what is handed over."""

WIDTH, MARGIN, FILE_X = 760, 12, 430
LINE, TITLE, ARROW = 23, 34, 40

STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1f2933 }
  .title { font-weight: 600 }
  .file { font-family: ui-monospace, monospace; font-size: 13px; fill: #00695c }
  .handed { font-style: italic; fill: #52606d }
  .beside { opacity: 0.6 }
  rect { fill: #f5f7fa; stroke: #9aa5b1 }
  path { stroke: #52606d; stroke-width: 1.5; fill: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb } .file { fill: #4db6ac } .handed { fill: #9aa5b1 }
    rect { fill: #1f2933; stroke: #52606d } path { stroke: #9aa5b1 }
  }
"""


def text(x: int, y: int, words: str, kind: str) -> str:
    """Write a line at a place."""
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(words)}</text>'


def drawing() -> str:
    """Draw all boxes and arrows, from top to bottom."""
    y, parts = MARGIN, list[str]()
    for each in WAY:
        if isinstance(each, str):
            x = WIDTH // 2 - 150
            parts.append(f'<path d="M{x} {y + 3}v{ARROW - 8}m-5 -6l5 6l5 -6"/>')
            parts.append(text(x + 16, y + ARROW // 2 + 5, each, "handed"))
            y += ARROW
            continue
        lines = [(*step, "step") for step in each.way] + [(*step, "beside") for step in each.beside]
        height = TITLE + LINE * len(lines) + 6
        parts.append(f'<rect x="{MARGIN}" y="{y}" width="{WIDTH - 2 * MARGIN}" height="{height}" rx="6"/>')
        parts.append(text(MARGIN + 14, y + 23, each.title, "title"))
        for number, (step, file, kind) in enumerate(lines):
            below = y + TITLE + LINE * number + 15
            parts.append(text(MARGIN + 28, below, step, kind))
            parts.append(text(FILE_X, below, file, f"file {kind}"))
        y += height
    size = f'viewBox="0 0 {WIDTH} {y + MARGIN}" width="{WIDTH}" height="{y + MARGIN}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="The way of a frame">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


if __name__ == "__main__":
    FILE.write_text(drawing())

"""Draw the way of a frame, ``docs/architecture.svg``: edit ``WAY``, and run this file."""

from html import escape
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "docs" / "architecture.svg"

WAY = (
    (
        "Source: one thread reads it (live/capture.py)",
        (
            ("camera module, by libcamera", "sources/picamera2.py"),
            ("USB camera, by V4L2", "sources/v4l2.py"),
            ("network camera or file, by FFmpeg", "sources/video.py"),
            ("JPEG decoded, without RGB", "sources/camera.py"),
            ("Frame: luma uint8 [h, w], chroma, tags, time", "imaging/frame.py"),
            ("camera lost: reopen; hung: abandon", "live/reader.py"),
        ),
    ),
    "the newest frame, or a bounded queue (files): live/threads.py",
    (
        "Pipeline: the thread that computes (live/pipeline.py)",
        (
            ("which model keeps up", "live/ladder_upscaler.py"),
            ("when to change it", "live/governor.py"),
            ("engine failed: the next candidate", "live/failover.py"),
            ("luma to the network; chroma x s, bicubic", "upscaler.py"),
        ),
    ),
    "luma",
    (
        "Network: luma [h, w] to [h s, w s] (engine/luma.py)",
        (
            ("base = bicubic(luma) x s", "imaging/bicubic.py"),
            ("still tiles are left out", "engine/inference.py"),
            ("mirror halo, tiles", "imaging/tiles.py"),
            ("space-to-depth, XOR 0x80: uint8 to int8", "imaging/tiles.py"),
            ("int8 interpreter: CONV_2D only", "engine/interpreter.py"),
            ("depth-to-space", "imaging/tiles.py"),
            ("luma = clip(base + residual)", "engine/postprocess.py"),
        ),
    ),
    "enhanced frame: one slot or queue for each sink",
    (
        "Sink: one thread for each but the page (live/sink_thread.py)",
        (
            ("page and streams", "web/sink.py"),
            ("recording", "sinks/video.py"),
            ("pictures in a folder", "sinks/folder.py"),
            ("RTSP, RTMP, in a process of its own", "sinks/push.py"),
            ("sink failed: pause, try again", "live/retrying_sink.py"),
        ),
    ),
    "the newest result",
    (
        "Page: one event loop (web/sink.py)",
        (
            ("encoded once for each view", "web/broadcast.py"),
            ("enhanced, bicubic, half of each", "web/views.py"),
            ("planes to JPEG, without RGB", "web/views.py"),
            ("multipart stream", "web/routes.py"),
            ("drawn with the divider", "web/page/stage.js"),
        ),
    ),
)
"""Boxes, (title, ((step, file), ...)), and between them what is handed over."""

WIDTH, MARGIN, FILE_X = 760, 12, 430
LINE, TITLE, ARROW = 23, 34, 40

STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1f2933 }
  .title { font-weight: 600 }
  .file { font-family: ui-monospace, monospace; font-size: 13px; fill: #00695c }
  .handed { font-style: italic; fill: #52606d }
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
        title, steps = each
        height = TITLE + LINE * len(steps) + 6
        parts.append(f'<rect x="{MARGIN}" y="{y}" width="{WIDTH - 2 * MARGIN}" height="{height}" rx="6"/>')
        parts.append(text(MARGIN + 14, y + 23, title, "title"))
        for number, (step, file) in enumerate(steps):
            below = y + TITLE + LINE * number + 15
            parts.append(text(MARGIN + 28, below, step, "step"))
            parts.append(text(FILE_X, below, file, "file"))
        y += height
    size = f'viewBox="0 0 {WIDTH} {y + MARGIN}" width="{WIDTH}" height="{y + MARGIN}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="The way of a frame">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


if __name__ == "__main__":
    FILE.write_text(drawing())

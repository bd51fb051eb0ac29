"""Small videos that tests encode themselves, and what is in a video, read by PyAV alone."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from edge_srcnn.imaging.luma import UInt8Array

Planes = tuple[UInt8Array, ...]
LOSSLESS = {"preset": "ultrafast", "qp": "0"}
AUDIO_RATE = 48000


def encode(
    path: Path,
    pictures: Iterable[Planes],
    *,
    format: str = "yuv420p",
    codec: str = "libx264",
    rate: Fraction | int = 25,
    tags: Sequence[int] = (0, 2, 2, 2),
    options: dict[str, str] = LOSSLESS,
    times: Sequence[int] | None = None,
    audio_s: float = 0,
    audio_codec: str = "aac",
    aspect: Fraction | None = None,
    container: dict[str, str] | None = None,
) -> Path:
    """Encode planes as they are; ``tags`` are range (1 limited, 2 full), matrix, primaries and transfer."""
    with av.open(str(path), "w", options=container or {}) as output:
        stream: Any = output.add_stream(codec, rate=rate, options=dict(options))
        sound: Any = output.add_stream(audio_codec, rate=AUDIO_RATE) if audio_s else None
        if sound is not None:
            sound.layout = "mono"
        for index, planes in enumerate(pictures):
            frame = frame_of(planes, format, tags)
            if index == 0:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, format
                set_tags(stream.codec_context, tags)
                if aspect is not None:
                    stream.codec_context.sample_aspect_ratio = aspect
            frame.pts = index if times is None else times[index]
            frame.time_base = 1 / Fraction(rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            _add_sound(output, sound, round(audio_s * AUDIO_RATE))
    return path


def frame_of(planes: Planes, format: str, tags: Sequence[int] = (0, 2, 2, 2)) -> Any:
    """A frame of PyAV with these planes and tags."""
    frame = av.VideoFrame(planes[0].shape[1], planes[0].shape[0], format)
    for plane, pixels in zip(frame.planes, planes, strict=True):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        rows[: pixels.shape[0], : pixels.shape[1]] = pixels
    set_tags(frame, tags)
    return frame


def set_tags(target: Any, tags: Sequence[int]) -> None:
    """Range, matrix, primaries and transfer."""
    target.color_range, target.colorspace, target.color_primaries, target.color_trc = tags


def tags_of(frame: Any) -> tuple[int, ...]:
    """Range, matrix, primaries and transfer."""
    return tuple(map(int, (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)))


def decode(path: Path | str) -> list[Any]:
    """All frames; PyAV's."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def planes(frame: Any) -> Planes:
    """A decoded frame's planes."""
    return tuple(
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width].copy()
        for plane in frame.planes
    )


def packets(path: Path | str, kind: str) -> list[tuple[bytes, float]]:
    """The packets of the first stream of a kind (``audio``, ``subtitle``): bytes, and time in seconds."""
    with av.open(str(path)) as container:
        stream = next((stream for stream in container.streams if stream.type == kind), None)
        found = [] if stream is None else list(container.demux(stream))
        return [(bytes(p), float(p.pts * p.time_base)) for p in found if p.dts is not None and p.pts is not None]


def excerpt(source: Path | str, target: Path, seconds: float) -> Path:
    """The first seconds of a video, packets as they are."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as part:
        copies = {s.index: part.add_stream_from_template(s) for s in whole.streams if s.type in ("video", "audio")}
        ended = set()
        for packet in whole.demux([whole.streams[index] for index in copies]):
            index = packet.stream.index
            time = packet.pts if packet.dts is None else packet.dts  # Matroska may tell one of them only
            if time is None or index in ended:
                continue
            if time * packet.time_base >= seconds:
                ended.add(index)
                continue
            packet.stream = copies[index]
            part.mux(packet)
    return target


def flat(values: Sequence[int], height: int, width: int, down: int = 2, across: int = 2) -> Planes:
    """Planes of one colour: luma, and chroma that is coarser by ``down`` and ``across``."""
    luma = np.full((height, width), values[0], np.uint8)
    coarse = (-(-height // down), -(-width // across))
    return (luma, *(np.full(coarse, value, np.uint8) for value in values[1:]))


def _add_sound(output: Any, stream: Any, samples: int) -> None:
    wave = (8000 * np.sin(np.arange(samples) * 2 * np.pi * 440 / AUDIO_RATE)).astype(np.int16)
    for start in range(0, samples, 1024):
        part = np.ascontiguousarray(wave[None, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(part, "s16", "mono")
        frame.sample_rate, frame.pts = AUDIO_RATE, start
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))

"""Read the packets of a video without decoding them, and cut it at key frames."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_LEADING = 64
"""Packets behind a key frame that may belong before it; where there are more, times have gone back."""


@dataclass(frozen=True)
class Segment:
    """Say which frames of a video are upscaled and encoded by themselves: those from ``begin`` until before ``end``.

    Attributes
    ----------
    number
        From 0.
    begin, end
        Times in ticks of the source's stream; None: from its first frame, until its last.
    key_bytes
        Size of the packet of the key frame at ``begin``, by which it is recognized.
    packets
        From that key frame to the last packet of the segment, which is decoded before it ends.
    frames
        How many, as the packets say.
    """

    number: int
    begin: int | None = None
    end: int | None = None
    key_bytes: int = 0
    packets: int = 0
    frames: int = 0


@dataclass(frozen=True)
class Packets:
    """Hold what is known of a stream's packets, in the order of decoding.

    Attributes
    ----------
    times
        int64 ``[n]``: when each is to be shown, in ticks; ``untimed`` of them have none, and are not among them.
    sizes
        int64 ``[n]``, bytes.
    keys, shown
        bool ``[n]``: it is a key frame; it is to be seen.
    tick_s
        Seconds of a tick.
    repeats, untimed
        Packets that say that the frame before stays; and those without a time.
    digest
        Hexadecimal, of all packets and their times.
    """

    times: NDArray[np.int64]
    sizes: NDArray[np.int64]
    keys: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    tick_s: Fraction
    repeats: int
    untimed: int
    digest: str

    @property
    def frames(self) -> int:
        """Count the packets that are to be seen."""
        return int(self.shown.sum()) + self.untimed

    @property
    def last_s(self) -> float:
        """Tell when the last frame is to be shown, by the file's clock."""
        return float(int(self.times[self.shown].max()) * self.tick_s)

    def fault(self) -> str | None:
        """Say why no segment can be told by times; None where it can."""
        seen = self.times[self.shown]
        if self.untimed or not seen.size:
            return "not all of its frames say when they are to be shown"
        if np.unique(seen).size < seen.size:
            return "several frames have the same time"
        return None


def scan(container: Any, stream: Any) -> Packets:
    """Read all packets of a stream; raises what PyAV raises."""
    found: list[tuple[int, int, bool, bool]] = []
    digest, repeats, untimed = hashlib.blake2b(digest_size=20), 0, 0
    for packet in container.demux(stream):
        if not packet.size:
            repeats += packet.pts is not None
            continue
        digest.update(f"{packet.pts} {packet.size} {packet.is_keyframe}\n".encode())
        digest.update(packet)
        if packet.pts is None:
            untimed += 1
        else:
            found.append((packet.pts, packet.size, packet.is_keyframe, not packet.is_discard))
    times, sizes, keys, shown = zip(*found, strict=True) if found else ((), (), (), ())
    return Packets(
        np.array(times, np.int64),
        np.array(sizes, np.int64),
        np.array(keys, np.bool_),
        np.array(shown, np.bool_),
        Fraction(stream.time_base),
        repeats,
        untimed,
        digest.hexdigest(),
    )


def key_frames(packets: Packets, every_s: float) -> list[int]:
    """Choose the packets at which a segment may begin, the first left out: key frames at least ``every_s`` apart.

    Nothing before one in the order of decoding is shown after it, and only leading pictures behind it before it.
    """
    times, every = packets.times, round(every_s / packets.tick_s)
    before = np.maximum.accumulate(times)
    behind = np.minimum.accumulate(times[::-1])[::-1]
    last, end = int(times[packets.shown].min()), int(times[packets.shown].max())
    chosen = []
    for index in np.flatnonzero(packets.keys & packets.shown).tolist():
        time, beyond = int(times[index]), index + 1 + _MOST_LEADING
        if time - last < every or end - time < every or before[index - 1] >= time:
            continue
        if beyond < times.size and behind[beyond] < time:
            continue
        chosen.append(index)
        last = time
    return chosen


def cut(packets: Packets, borders: Sequence[int]) -> tuple[Segment, ...]:
    """Describe the segments that begin at the first packet and at each of ``borders``."""
    segments = []
    for number, (index, following) in enumerate(zip([0, *borders], [*borders, None], strict=True)):
        begin = int(packets.times[index]) if number else None
        end = None if following is None else int(packets.times[following])
        inside = packets.shown if end is None else packets.shown & (packets.times < end)
        if begin is not None:
            inside = inside & (packets.times >= begin)
        last = int(np.flatnonzero(inside)[-1])
        segments.append(Segment(number, begin, end, int(packets.sizes[index]), last - index + 1, int(inside.sum())))
    return tuple(segments)

"""What live video costs of late: time, lost frames, and the rate of the camera."""

from collections import deque

from edge_srcnn.imaging.frame import Frame

BUSY = 0.4
"""Frames that are lost while the engine works for less of the time than this are not lost by it."""

WANTED = 0.9
"""Where fewer than so many of the frames are to be kept, the others are not lost."""

_OFFERED_S = 1.0
_GIVEN = 128


class LoadWindow:
    """Sums up the frames since the last look, and what the camera gave lately."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._count, self._busy_s = 0, 0.0
        self._first_index = self._last_index = 0
        self._given: deque[tuple[int, float]] = deque(maxlen=_GIVEN)

    def add(self, frame: Frame, began_s: float, ended_s: float) -> None:
        """Add a frame, by when its computation began and ended."""
        if self._began_s is None:  # the first one is only where counting begins
            self.begin_anew(ended_s)
            self._first_index = frame.index
        else:
            self._count += 1
            self._busy_s += ended_s - began_s
        self._last_index = frame.index
        self._given.append((frame.index, frame.captured_s))

    def begin_anew(self, now_s: float) -> None:
        """Begin the next look."""
        self._began_s, self._count, self._busy_s, self._first_index = now_s, 0, 0.0, self._last_index

    def since_s(self, now_s: float) -> float:
        """Tell when this look began."""
        return now_s if self._began_s is None or not self._count else self._began_s

    @property
    def frame_s(self) -> float:
        """Mean time of a frame."""
        return self._busy_s / self._count if self._count else 0.0

    def fps(self, now_s: float) -> float:
        """Frames a second."""
        return self._count / max(now_s - self.since_s(now_s), 1e-9)

    def lost(self, now_s: float, target_fps: float | None) -> float:
        """Tell the part of the frames that was lost since the engine was busy, 0 to 1; not those nobody wants."""
        seconds, given = now_s - self.since_s(now_s), self._last_index - self._first_index
        if given <= 0 or self._busy_s < BUSY * seconds:
            return 0.0
        wanted = given
        if target_fps is not None and target_fps * seconds < WANTED * given:  # fewer are to be kept than there are
            wanted = int(target_fps * seconds) - 1
        return max(wanted - self._count, 0) / given

    def offered_fps(self) -> float | None:
        """Frames a second that the camera gave, those that were dropped included; None before a second is over."""
        if len(self._given) < 2:
            return None
        (first, began_s), (last, ended_s) = self._given[0], self._given[-1]
        return (last - first) / (ended_s - began_s) if ended_s - began_s >= _OFFERED_S and last > first else None

"""Count and time the frames of a source that is opened again and again as if it had gone on."""

from dataclasses import replace

from edge_srcnn.imaging.frame import Frame

_LEAST_STEP_S = 0.001


class Timeline:
    """Numbers and times that go on when a source begins anew."""

    def __init__(self) -> None:
        self._next_index, self._begins = 0, 0
        self._offset_s, self._first_s, self._last_s = 0.0, 0.0, 0.0

    @property
    def is_empty(self) -> bool:
        """Whether no frame came yet."""
        return self._next_index == 0

    def begin(self, frame: Frame) -> None:
        """Take note of the first frame since the source was opened."""
        self._begins = self._next_index
        if self.is_empty:
            self._first_s = frame.captured_s - frame.time_s
        else:
            self._offset_s = max(frame.captured_s - self._first_s, self._last_s + _LEAST_STEP_S) - frame.time_s

    def place(self, frame: Frame) -> tuple[Frame, int]:
        """Give a frame its number and time, and tell how many before it the source left out."""
        if self._begins:
            frame = replace(frame, index=self._begins + frame.index, time_s=self._offset_s + frame.time_s)
        skipped = max(frame.index - self._next_index, 0)
        self._next_index, self._last_s = frame.index + 1, frame.time_s
        return frame, skipped

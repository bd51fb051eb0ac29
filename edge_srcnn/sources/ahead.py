"""A live stream, read in a thread of its own: the newest frame counts, and whoever waits for one can leave at once."""

import threading
from collections.abc import Callable, Iterator

from edge_srcnn.imaging.frame import Frame
from edge_srcnn.system.queue import Handoff


class ReadAhead:
    """Iterates over ``frames()`` in a thread, which ends with it.

    ``close`` does not wait for the thread: what hangs in a library ends when the library's own time limit does.
    """

    def __init__(self, name: str, frames: Callable[[], Iterator[Frame]]) -> None:
        self._name, self._frames = name, frames
        self._newest: Handoff[Frame] = Handoff(1, lossless=False)
        self._error: BaseException | None = None

    def __iter__(self) -> Iterator[Frame]:
        """Frames from now on; raises what the thread ran into."""
        threading.Thread(target=self._read, name=f"stream {self._name}", daemon=True).start()
        while (frame := self._newest.take()) is not None:
            yield frame
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """End the iteration; from any thread."""
        self._newest.close(drop=True)

    def _read(self) -> None:
        try:
            for frame in self._frames():
                if not self._newest.put(frame):
                    return
        except BaseException as error:  # raised again in the thread that iterates
            self._error = error
        finally:
            self._newest.close()

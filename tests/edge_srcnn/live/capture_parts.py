"""Openers and captures for tests, and what takes their frames."""

from edge_srcnn.live.capture import Capture
from edge_srcnn.live.reader import Opener
from edge_srcnn.live.threads import BoundedQueue


def opener(*plan):
    """Opens one after another; an exception in the plan is raised."""
    left = list(plan)

    def open_next():
        each = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(each, Exception):
            raise each
        return each

    return Opener("camera", open_next)


class Lossless(Capture):
    """Keeps every frame, so that a test can count them."""

    def __init__(self, opener, retry=None):
        super().__init__(opener, retry)
        self._queue = BoundedQueue(1, block=True)


def take(capture, count):
    found = []
    while len(found) < count and (each := capture.take()) is not None:
        found.append(each.frame)
    return found


def rest(capture):
    """Frames until the end; raises what ended it."""
    found = []
    while (each := capture.take()) is not None:
        found.append(each.frame)
    if capture.error is not None:
        raise capture.error
    return found

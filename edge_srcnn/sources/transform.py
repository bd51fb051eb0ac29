"""Options that every source has: crop, mirror and rotate its frames, take only so many, average them over time."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf
from typing import Any

from edge_srcnn.errors import SourceLost, UsageError
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.geometry import UPRIGHT, Orientation, Region, cropped, oriented
from edge_srcnn.imaging.overlay import read_overlay
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.sources import Source
from edge_srcnn.uri import Uri, flag, frame_rate, one_of, read_options, region

log = logging.getLogger(__name__)

TEMPORAL = {
    "auto": TemporalStrength.NORMAL,
    "off": None,
    "weak": TemporalStrength.WEAK,
    "strong": TemporalStrength.STRONG,
}
"""What people write for how much frames are averaged over time."""

READERS: dict[str, Callable[[str], Any]] = {
    "rotate": one_of("0", "90", "180", "270"),
    "hflip": flag,
    "vflip": flag,
    "crop": region,
    "fps": frame_rate,
    "temporal": one_of(*TEMPORAL),
    "overlay": read_overlay,
}
"""Options of every source, and what reads them; the last two are for whoever has its frames, and their results."""

_TURNS = ("rotate", "hflip", "vflip", "crop")
_EPSILON_S = 1e-6  # what sums of times may be off by
_SLACK = Fraction(101, 100)  # a camera's clock is never exactly that of another


@dataclass(frozen=True)
class Transform:
    """Say what is done to a source's frames: they are cropped, then mirrored, then rotated.

    Attributes
    ----------
    crop
        What is taken of the picture as the source gives it; None: all of it.
    orientation
        How it is turned then.
    fps
        So many frames a second at most; None: all that come.
    """

    crop: Region | None = None
    orientation: Orientation = UPRIGHT
    fps: Fraction | None = None

    def of(self, source: Source, name: str) -> Source:
        """Transform an open source; ``name`` is for messages."""
        return source if self == Transform() else TransformedSource(source, self, name)


def read_transform(uri: Uri, options: Callable[[Uri], dict[str, Any]]) -> tuple[Transform, Uri, dict[str, Any]]:
    """Take the options of every source off a name, and leave to its kind what that can do itself.

    Parameters
    ----------
    uri
        A name of a source.
    options
        Reads the kind's own options. A kind that reads ``fps``, too, asks its camera for that rate; one that reads
        ``hflip`` and ``vflip`` mirrors the whole picture, which a sensor does for nothing.

    Returns
    -------
    What is to be done to the frames, the name as its kind is to see it, and what the kind's options came to.

    Raises
    ------
    UsageError
        An option that nobody has, or a value that makes no sense.
    """
    if uri.target.endswith(tuple(f"?{name}" for name in READERS)):  # elsewhere it would be part of a file's name
        raise UsageError(f"{uri.text}: options are name=value, such as rotate=180 or hflip=yes")
    turns = {name: text for name, text in uri.options.items() if name in _TURNS}
    asked = read_options(replace(uri, options=turns), **READERS)
    orientation = Orientation.of(
        int(asked.get("rotate", 0)), hflip=asked.get("hflip", False), vflip=asked.get("vflip", False)
    )
    crop = asked.get("crop")
    others = {name: text for name, text in uri.options.items() if name not in _TURNS}
    if crop is None and not orientation.transpose:  # else the kind would mirror another picture than is meant
        flips = {"hflip": orientation.flip_x, "vflip": orientation.flip_y}
        others |= {name: "yes" for name, flipped in flips.items() if flipped}
    rest = replace(uri, options=others, shared=tuple(READERS))
    given = options(rest)
    if given.get("hflip") or given.get("vflip"):
        orientation = replace(
            orientation,
            flip_x=orientation.flip_x and "hflip" not in given,
            flip_y=orientation.flip_y and "vflip" not in given,
        )
    passed_over = {name: others[name] for name in READERS if name in others and name not in given}
    asked |= read_options(replace(uri, options=passed_over), **READERS)
    fps = given["fps"] if "fps" in given else asked.get("fps")
    return Transform(crop, orientation, fps), rest, given


def temporal_of(uri: Uri, *, camera: bool) -> Callable[[str | None], TemporalStrength | None]:
    """Decide how much a source's frames are averaged over time.

    Parameters
    ----------
    uri
        Its name; what temporal= in it says counts first.
    camera
        Whether its frames come from a camera, which is averaged where nobody says anything.

    Returns
    -------
    A function from what the settings say, or None, to the strength; None: not at all.

    Raises
    ------
    UsageError
        The value makes no sense.
    """
    told = {name: text for name, text in uri.options.items() if name == "temporal"}
    own = read_options(replace(uri, options=told), temporal=READERS["temporal"]).get("temporal")
    return lambda setting: TEMPORAL[own or setting or ("auto" if camera else "off")]


class TransformedSource(Source):
    """Give another source's frames transformed; the attributes are those of ``Source``.

    Parameters
    ----------
    source
        Is open, and is closed with this one.
    transform
        What is done to its frames.
    name
        Of the source, for messages.
    """

    def __init__(self, source: Source, transform: Transform, name: str) -> None:
        self._source, self._transform, self._name = source, transform, name
        self._left_out, self._fits = 0, False
        self._rate_limit = None if transform.fps is None else RateLimit(transform.fps, source.rate)
        self._follow()

    def read(self) -> Frame | None:
        """Wait for the next frame that is wanted; what was left out for the rate is counted by no ``index``."""
        while (frame := self._source.read()) is not None:
            self._follow()
            if self._rate_limit is None or self._rate_limit.takes(frame.time_s):
                turned = self._turned(frame)
                if turned is not None:
                    return replace(turned, index=frame.index - self._left_out)
            self._left_out += 1
        return None

    def wake(self) -> None:
        """Wake the source."""
        self._source.wake()

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _follow(self) -> None:
        """Tell what the source tells, as far as that stays true."""
        source, fps = self._source, self._transform.fps
        self.live, self.stream_copy, self.frames = source.live, source.stream_copy, source.frames
        self.rate, self.timeout_s = source.rate, source.timeout_s
        if fps is None:
            return
        if source.rate is None or source.rate > fps:
            self.rate, self.frames = fps, None
        if source.timeout_s is not None:  # frames that are left out take their time, too
            self.timeout_s = source.timeout_s + float(1 / fps)

    def _turned(self, frame: Frame) -> Frame | None:
        """Crop and turn a frame; None: it is one of several pictures, and smaller than those before it."""
        crop, (width, height) = self._transform.crop, frame.size
        if crop is not None:
            if crop[0] + crop[2] > width or crop[1] + crop[3] > height:
                where = f"crop={','.join(map(str, crop))}: does not lie within the picture, which is {width}x{height}"
                if not self._fits or self.stream_copy is not None:
                    raise UsageError(f"{self._name}: {where}")
                if self.live:  # it changed, and may change back
                    raise SourceLost(f"{self._name}: {where}")
                log.warning("%s: %s; it is left out", self._name, where)
                return None
            self._fits = True
            frame = cropped(frame, crop)
        return oriented(frame, self._transform.orientation)


class RateLimit:
    """Choose frames by their times, evenly: those that lie nearest to where one is due; none is made up.

    Parameters
    ----------
    fps
        Frames a second.
    rate
        Nominal rate of what comes, or None. Where that is no more than ``fps``, only a camera that does not keep it
        loses frames, and none for times that tremble.
    """

    def __init__(self, fps: Fraction, rate: Fraction | None) -> None:
        keeps_it = rate is not None and rate <= fps * _SLACK
        self._period_s = float(1 / (fps * (_SLACK if keeps_it else 1)))
        self._credit_s = self._period_s / 2 if keeps_it else 0.0
        self._due_s, self._before_s = 0.0, inf

    def takes(self, time_s: float) -> bool:
        """Tell whether a frame of this time is wanted; times go on, or begin anew."""
        gap_s = time_s - self._before_s
        self._before_s = time_s
        if gap_s < 0 or time_s - self._due_s > self._period_s:  # the first one, or after a pause
            self._due_s = time_s - self._credit_s
        elif self._due_s - time_s > gap_s / 2 + _EPSILON_S:  # the next one will be nearer, if it comes as this one did
            return False
        self._due_s += self._period_s
        return True

"""Options that every source has: crop, mirror and rotate its frames, take only so many, average them over time."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from edge_srcnn.errors import SourceLost, UsageError
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.geometry import UPRIGHT, Orientation, Region, cropped, oriented
from edge_srcnn.imaging.overlay import read_overlay
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.sources import Source
from edge_srcnn.sources.rate_limit import RateLimit
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

NOTHING: Mapping[str, Any] = MappingProxyType({})

_TURNS = ("rotate", "hflip", "vflip", "crop")


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
        return source if self == Transform() else TransformedSource(source, TransformControl(self), name)

    def size_of(self, size: tuple[int, int]) -> tuple[int, int]:
        """Tell how large a picture of this width and height becomes; ``ValueError`` where the crop leaves it."""
        width, height = size
        if self.crop is not None:
            left, top, *inner = self.crop
            if left + inner[0] > width or top + inner[1] > height:
                raise ValueError(f"does not lie within the picture, which is {width}x{height}")
            width, height = inner
        return (height, width) if self.orientation.transpose else (width, height)


class TransformControl:
    """The transform of a source's frames; it may change between two of them, from any thread.

    Parameters
    ----------
    asked
        What is done to frames from now on.

    Attributes
    ----------
    size
        Of the last frame before that; None before there was one.
    """

    def __init__(self, asked: Transform = Transform()) -> None:
        self.asked = asked
        self.size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Opening:
    """Say how a source is opened, and what is done to its frames then.

    Attributes
    ----------
    uri, given
        The name as its kind is to see it, and what the kind's options came to.
    asked
        What the name says of ``rotate``, ``hflip``, ``vflip``, ``crop`` and ``fps``.
    own
        How its kind mirrors the picture by itself.
    """

    uri: Uri
    given: Mapping[str, Any]
    asked: Mapping[str, Any]
    own: Orientation = UPRIGHT

    def transform(self, instead: Mapping[str, Any] = NOTHING) -> Transform:
        """Give the whole transform; what is ``instead`` of something in the name, and not None, comes first."""
        asked = {**self.asked, **{name: value for name, value in instead.items() if value is not None}}
        turned = Orientation.of(
            int(asked.get("rotate", 0)), hflip=asked.get("hflip", False), vflip=asked.get("vflip", False)
        )
        return Transform(asked.get("crop"), turned, asked.get("fps"))

    def of(self, source: Source, control: TransformControl | None, name: str) -> Source:
        """Transform what was opened so, by what may change; None: as the name says. ``name`` is for messages."""
        transform = self.transform()
        if control is None and transform == Transform(orientation=self.own):
            return source
        return TransformedSource(source, control or TransformControl(transform), name, self.own)


def read_transform(uri: Uri, options: Callable[[Uri], dict[str, Any]]) -> Opening:
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
    How it is opened.

    Raises
    ------
    UsageError
        An option that nobody has, or a value that makes no sense.
    """
    if uri.target.endswith(tuple(f"?{name}" for name in READERS)):  # elsewhere it would be part of a file's name
        raise UsageError(f"{uri.text}: options are name=value, such as rotate=180 or hflip=yes")
    turns = {name: text for name, text in uri.options.items() if name in _TURNS}
    asked = read_options(replace(uri, options=turns), **READERS)
    orientation = Opening(uri, NOTHING, asked).transform().orientation
    others = {name: text for name, text in uri.options.items() if name not in _TURNS}
    if "crop" not in asked and not orientation.transpose:  # else the kind would mirror another picture than is meant
        flips = {"hflip": orientation.flip_x, "vflip": orientation.flip_y}
        others |= {name: "yes" for name, flipped in flips.items() if flipped}
    rest = replace(uri, options=others, shared=tuple(READERS))
    given = options(rest)
    own = Orientation(flip_x=given.get("hflip", False), flip_y=given.get("vflip", False))
    passed_over = {name: others[name] for name in READERS if name in others and name not in given}
    asked |= read_options(replace(uri, options=passed_over), **READERS)
    if "fps" in given:
        asked["fps"] = given["fps"]
    return Opening(rest, given, asked, own)


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
    control
        Says what is done to its frames.
    name
        Of the source, for messages.
    own
        How it mirrors its pictures by itself.
    """

    def __init__(self, source: Source, control: TransformControl, name: str, own: Orientation = UPRIGHT) -> None:
        self._source, self._control, self._name, self._own = source, control, name, own
        self._left_out, self._fits = 0, False
        self._rate_limit: RateLimit | None = None
        self._transform = Transform()
        self._follow()

    def read(self) -> Frame | None:
        """Wait for the next frame that is wanted; what was left out for the rate is counted by no ``index``."""
        while (frame := self._source.read()) is not None:
            self._follow()
            self._control.size = frame.size
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
        """Tell what the source tells, as far as that stays so; take over another transform."""
        source, before, self._transform = self._source, self._transform, self._control.asked
        fps = self._transform.fps
        if fps != before.fps:
            self._rate_limit = None if fps is None else RateLimit(fps, source.rate)
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
        transform = self._transform
        if transform.crop is None and transform.orientation == self._own:
            return frame
        try:
            transform.size_of(frame.size)
        except ValueError as error:
            where = f"crop={','.join(map(str, transform.crop or ()))}: {error}"
            if not self._fits or self.stream_copy is not None:
                raise UsageError(f"{self._name}: {where}") from error
            if self.live:  # it changed, and may change back
                raise SourceLost(f"{self._name}: {where}") from error
            log.warning("%s: %s; it is left out", self._name, where)
            return None
        self._fits = True
        if transform.crop is None and not transform.orientation.transpose:
            flips = transform.orientation.flip_x != self._own.flip_x, transform.orientation.flip_y != self._own.flip_y
            return oriented(frame, Orientation(False, *flips))
        frame = oriented(frame, self._own)  # undone, so that crop and rotation mean the picture as it is named
        return oriented(frame if transform.crop is None else cropped(frame, transform.crop), transform.orientation)

"""What enhances frames for the pipeline: by one engine, by one that may change, or in a region of interest only."""

from typing import Protocol

from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.live.governor import LadderState
from edge_srcnn.upscaler import Upscaler


class FrameUpscaler(Protocol):
    """Enhances frames."""

    @property
    def scale(self) -> int:
        """Factor of upscaling."""
        ...

    @property
    def engine(self) -> str:
        """What computes."""
        ...

    @property
    def model(self) -> str | None:
        """The model's name; None for bicubic alone."""
        ...

    @property
    def share(self) -> float:
        """The part of the last picture that the network saw, 0 to 1."""
        ...

    @property
    def reused(self) -> float | None:
        """The part of the last picture's tiles that were as before, and not computed; None: none is looked at."""
        ...

    def upscale_frame(self, frame: Frame) -> Frame | None:
        """Upscale a frame; None: it failed, and the next one may not."""
        ...

    def close(self) -> None:
        """Let go of the engine; more than once. The pipeline does not do that."""
        ...


class SwitchingUpscaler:
    """Tells the facts of ``_upscaler``, which may be another one after each frame."""

    _upscaler: FrameUpscaler

    @property
    def scale(self) -> int:
        """Factor of upscaling."""
        return self._upscaler.scale

    @property
    def engine(self) -> str:
        """What computes."""
        return self._upscaler.engine

    @property
    def model(self) -> str | None:
        """The model's name; None for bicubic alone."""
        return self._upscaler.model

    @property
    def share(self) -> float:
        """The part of the last picture that the network saw, 0 to 1."""
        return self._upscaler.share

    @property
    def reused(self) -> float | None:
        """The part of the last picture's tiles that were as before, and not computed; None: none is looked at."""
        return self._upscaler.reused

    @property
    def ladder(self) -> LadderState | None:
        """The models to choose from, the present one, and why it is that; None where nothing is chosen."""
        return self._upscaler.ladder if isinstance(self._upscaler, SwitchingUpscaler) else None

    def rest(self) -> None:
        """Take note that nobody takes frames: called instead of ``upscale_frame``, by the same thread."""
        if isinstance(self._upscaler, SwitchingUpscaler):
            self._upscaler.rest()


Region = tuple[int, int, int, int]
"""Left, top, width and height in pixels of the camera's picture."""


class RegionControl:
    """The part of the picture that is sharpened; it may change between two frames, from any thread.

    Parameters
    ----------
    asked
        The region, of which what lies outside of the picture is cut off; None: all of the picture.

    Attributes
    ----------
    changed
        It is not the one that it began with. A frame that has none of it is then of a picture that was changed
        at the same time, and is sharpened everywhere.
    """

    def __init__(self, asked: Region | None = None) -> None:
        self._asked, self.changed = asked, False

    @property
    def asked(self) -> Region | None:
        """What was asked for."""
        return self._asked

    @asked.setter
    def asked(self, asked: Region | None) -> None:
        self.changed = self.changed or asked != self._asked
        self._asked = asked

    def within(self, size: tuple[int, int]) -> Region | None:
        """Give the part of it that lies within a picture; ``UsageError`` where there is none."""
        asked = self._asked
        if asked is None:
            return None
        left, top, width, height = asked
        right, bottom = min(left + width, size[0]), min(top + height, size[1])
        left, top = max(left, 0), max(top, 0)
        if right > left and bottom > top:
            return left, top, right - left, bottom - top
        if self.changed:
            return None
        named = ",".join(map(str, asked))
        raise UsageError(f"region {named} lies outside of the picture, which is {size[0]}x{size[1]}")


class RegionUpscaler:
    """Sharpen one rectangle of each frame; the rest of it is bicubic.

    Parameters
    ----------
    upscaler
        Does the work.
    region
        Left, top, width and height in pixels of the camera's picture, or what may change them.

    Attributes
    ----------
    share
        The part of the last picture that the network saw, 0 to 1.
    """

    def __init__(self, upscaler: Upscaler, region: Region | RegionControl) -> None:
        self.scale, self.engine, self.model, self.share = upscaler.scale, upscaler.engine, upscaler.model, 1.0
        self._upscaler = upscaler
        self._region = region if isinstance(region, RegionControl) else RegionControl(region)

    def upscale_frame(self, frame: Frame) -> Frame:
        """Enhance a frame; ``UsageError`` where the region lies outside of the picture."""
        region = self._region.within(frame.size)
        if region is None:
            self.share = 1.0
            return self._upscaler.upscale_frame(frame)
        left, top, width, height = region
        self.share = width * height / (frame.size[0] * frame.size[1])
        return self._upscaler.upscale_frame(frame, Tile(*(side * self.scale for side in (top, left, height, width))))

    @property
    def reused(self) -> float | None:
        """The part of the region's tiles that were as before, and not computed; None: none is looked at."""
        return self._upscaler.reused

    def close(self) -> None:
        """Close the upscaler."""
        self._upscaler.close()

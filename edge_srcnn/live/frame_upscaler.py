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


class RegionUpscaler:
    """Sharpen one rectangle of each frame; the rest of it is bicubic.

    Parameters
    ----------
    upscaler
        Does the work.
    region
        Left, top, width and height in pixels of the camera's picture; what lies outside of it is cut off.

    Attributes
    ----------
    share
        The part of the last picture that the network saw, 0 to 1.
    """

    def __init__(self, upscaler: Upscaler, region: tuple[int, int, int, int]) -> None:
        self.scale, self.engine, self.model, self.share = upscaler.scale, upscaler.engine, upscaler.model, 1.0
        self._upscaler, self._region = upscaler, region

    def upscale_frame(self, frame: Frame) -> Frame:
        """Enhance a frame; ``UsageError`` where the region lies outside of the picture."""
        left, top, width, height = self._region
        right, bottom = min(left + width, frame.size[0]), min(top + height, frame.size[1])
        left, top = max(left, 0), max(top, 0)
        if right <= left or bottom <= top:
            raise UsageError(
                f"region {left},{top},{width},{height} lies outside of the picture, which is"
                f" {frame.size[0]}x{frame.size[1]}"
            )
        self.share = (right - left) * (bottom - top) / (frame.size[0] * frame.size[1])
        sides = (top, left, bottom - top, right - left)
        return self._upscaler.upscale_frame(frame, Tile(*(side * self.scale for side in sides)))

    @property
    def reused(self) -> float | None:
        """The part of the region's tiles that were as before, and not computed; None: none is looked at."""
        return self._upscaler.reused

    def close(self) -> None:
        """Close the upscaler."""
        self._upscaler.close()

"""A region of interest: the network sees one rectangle, and the rest of the picture is bicubic."""

from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.upscaler import Upscaler


class RegionUpscaler:
    """Sharpen one rectangle of each frame.

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
        """Enhance a frame.

        Raises
        ------
        UsageError
            The region lies outside of the picture.
        """
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

    def close(self) -> None:
        """Close the upscaler."""
        self._upscaler.close()

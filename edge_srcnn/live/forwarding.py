"""What every upscaler around another one tells: the facts of the one that computes now."""

from edge_srcnn.live.pipeline import FrameUpscaler


class Forwarding:
    """Tell the facts of ``_upscaler``, which may be another one after each frame."""

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

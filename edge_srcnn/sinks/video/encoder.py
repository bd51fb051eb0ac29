"""Encoders of video files: their names, their options, and the bits that they get."""

from fractions import Fraction

from edge_srcnn.sinks.video.keyframes import EVERY_S

MJPEG = "mjpeg"
HARDWARE = "h264_v4l2m2m"
ENCODERS = {"h264": "libx264", "h264-hw": HARDWARE, "mjpeg": MJPEG}

_AT_ONCE = {"bf": "0", "rc-lookahead": "0"}
_BITS_A_PIXEL = Fraction(1, 10)
_LEAST_BITS = 1_000_000
_LONGEST_GOP_S = 10


def options_of(codec: str, *, crf: int, preset: str, at_once: bool) -> dict[str, str]:
    """FFmpeg's options of a codec.

    ``at_once``: x264 may hold back one picture, not the 11 to 61 that it looks ahead by itself; at 1 frame a second
    that many are as many seconds, which a power cut would take. The file becomes larger.
    """
    if codec != "h264":
        return {}
    return {"crf": str(crf), "preset": preset} | (_AT_ONCE if at_once else {})


def bit_rate(encoder: str, width: int, height: int, rate: Fraction) -> int | None:
    """Bits a second for an encoder that asks for them: a tenth of a bit a pixel, a megabit at least; None: it does not.

    ``width`` and ``height`` in pixels, ``rate`` in frames a second.
    """
    if encoder != HARDWARE:
        return None
    return max(round(width * height * rate * _BITS_A_PIXEL), _LEAST_BITS)


def gop_size(rate: Fraction, *, timed: bool) -> int:
    """Pictures from one key frame to the next at most; ``timed``: others ask for key frames, at the right time."""
    return max(round(rate * (_LONGEST_GOP_S if timed else EVERY_S)), 1)

"""Code a stream as network cameras do: real H.264 by x264, and read it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.system.packages import need_pyav

RATE = 25
_NEUTRAL = 128


@dataclass(frozen=True)
class H264:
    """Say how a camera's encoder is set.

    Attributes
    ----------
    crf
        x264's constant rate factor, 0..51: more is worse.
    gop
        Frames from one intra frame to the next.
    preset
        x264's, from ``ultrafast`` on: how hard it looks for what can be spared.
    """

    crf: int
    gop: int = 30
    preset: str = "veryfast"


def h264(frames: Sequence[UInt8Array], settings: H264) -> list[UInt8Array]:
    """Code luma planes of one size, uint8 ``[h, w]``, as a stream without B-frames, and read them again.

    Cameras code without B-frames and without looking ahead, for both delay the picture. x264 runs on one thread: the
    same frames give the same stream.

    Parameters
    ----------
    frames
        In the order of time, at least one; not touched.
    settings
        How the encoder is set.

    Returns
    -------
    As many frames, of the same size.

    Raises
    ------
    Unavailable
        PyAV, which brings x264, is not installed.
    """
    need_pyav("camera-video: H.264")
    import av

    height, width = frames[0].shape
    even = np.full((-(-height // 2) * 3, -(-width // 2) * 2), _NEUTRAL, np.uint8)
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = even.shape[1], even.shape[0] * 2 // 3, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
    encoder.thread_count, encoder.gop_size, encoder.max_b_frames = 1, settings.gop, 0
    encoder.options = {"preset": settings.preset, "tune": "zerolatency", "crf": str(settings.crf)}
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    packets = []
    for number, frame in enumerate(frames):
        even[: encoder.height] = np.pad(frame, ((0, encoder.height - height), (0, encoder.width - width)), mode="edge")
        picture = av.VideoFrame.from_ndarray(even, "yuv420p")
        picture.pts = number
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    found = [picture for packet in (*packets, None) for picture in decoder.decode(packet)]
    return [np.asarray(picture.to_ndarray(), np.uint8)[:height, :width].copy() for picture in found]

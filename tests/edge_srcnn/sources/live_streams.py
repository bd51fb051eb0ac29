"""Live streams of MPEG-TS and others as a camera sends them, with any times."""

import io
from time import monotonic

import av
import numpy as np

FPS, SECONDS = 25, 6
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n"


class Written(io.RawIOBase):
    """Collects what a muxer writes, to be taken piece by piece."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += data
        return len(data)

    def take(self):
        data, self.data = bytes(self.data), bytearray()
        return data


def pictures(size=(64, 48), count=FPS * SECONDS, noise=0):
    rng = np.random.default_rng(0)
    for number in range(count):
        levels = rng.integers(40, 41 + noise, (size[1] * 3 // 2, size[0])) + number % 150
        picture = av.VideoFrame.from_ndarray(levels.astype(np.uint8), format="yuv420p")
        picture.pts = number
        yield picture


def muxed(
    change=lambda s: s, *, codec="libx264", size=(64, 48), count=FPS * SECONDS, format="mpegts", options=None, noise=0
):
    """A stream in pieces, one for each picture; ``change`` says what becomes of each time, in seconds."""
    target = Written()
    pieces = []
    with av.open(target, "w", format=format, options={"flush_packets": "1"}) as container:
        stream = container.add_stream(codec, rate=FPS, options=options or {"preset": "ultrafast", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = 10
        packets = [packet for picture in pictures(size, count, noise) for packet in stream.encode(picture)]
        for packet in [*packets, *stream.encode(None)]:
            apart = packet.pts - packet.dts
            at = change(float(packet.dts * packet.time_base))
            packet.dts = round((at + 10) / packet.time_base)
            packet.pts = packet.dts + apart
            container.mux(packet)
            pieces.append(target.take())
    return [*pieces, target.take()]


def timed(change):
    """As ``muxed``, but of times that no muxer would write: they are changed in the packets of MPEG-TS afterwards."""
    return [rewritten(piece, change) for piece in muxed()]


def rewritten(piece, change):
    """Change PTS and DTS (ISO/IEC 13818-1, 2.4.3.7), and leave out the clock references."""
    data = bytearray(piece)
    for at in range(0, len(data), 188):
        adaptation = data[at + 3] & 0x20
        begin = at + 4 + (1 + data[at + 4] if adaptation else 0)
        if adaptation and data[at + 4]:
            data[at + 5] &= ~0x10  # no PCR
        if data[at + 1] & 0x40 and data[begin : begin + 3] == b"\0\0\1":
            kinds = data[begin + 7] >> 6
            for field in range({0: 0, 2: 1, 3: 2}[kinds]):
                where = begin + 9 + 5 * field
                data[where : where + 5] = stamp(data[where : where + 5], change)
    return bytes(data)


def stamp(five, change):
    ticks = (five[0] >> 1 & 7) << 30 | five[1] << 22 | five[2] >> 1 << 15 | five[3] << 7 | five[4] >> 1
    new = round(change(ticks / 90_000) * 90_000) % 2**33
    return bytes(
        [
            five[0] & 0xF0 | (new >> 30 & 7) << 1 | 1,
            new >> 22 & 0xFF,
            (new >> 15 & 0x7F) << 1 | 1,
            new >> 7 & 0xFF,
            (new & 0x7F) << 1 | 1,
        ]
    )


def paced(pieces, *, speed=1.0):
    """A camera that sends a piece when its picture is due."""

    def camera(client):
        client.send(HEAD)
        began = monotonic()
        for number, piece in enumerate(pieces):
            client.wait(max(began + number / FPS / speed - monotonic(), 0))
            client.send(piece)

    return camera

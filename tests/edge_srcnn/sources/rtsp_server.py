"""A small RTSP camera (RFC 2326), over TCP: what FFmpeg packs as RTP is sent on, with other times, or not all of it."""

import socket
import struct
from collections.abc import Callable
from time import monotonic

import av
import numpy as np

from tests.edge_srcnn.sources.raw_server import Client

FPS = 25
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP {}\r\na=control:0\r\n"
)
SDP = {
    "mjpeg": _SDP.format(26),
    "libx264": _SDP.format(96) + "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n",
}


def rtp_frames(codec: str, count: int, size: tuple[int, int] = (64, 48)) -> list[list[bytes]]:
    """RTP packets of ``count`` pictures, those of one picture together."""
    rng = np.random.default_rng(0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        receiver.settimeout(0.3)
        port = receiver.getsockname()[1]
        with av.open(f"rtp://127.0.0.1:{port}?pkt_size=400", "w", format="rtp") as container:
            options = {
                "mjpeg": {"huffman": "default"},
                "libx264": {"tune": "zerolatency", "x264-params": "repeat-headers=1"},
            }
            stream = container.add_stream(codec, rate=FPS, options=options[codec])
            stream.width, stream.height = size
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.codec_context.gop_size = 5
            stream.codec_context.thread_count = (
                1  # of several, each makes a restart interval, of which RTP knows nothing
            )
            packets: list[bytes] = []
            for number in range(count):
                noise = rng.integers(40, 200, (size[1] * 3 // 2, size[0]), np.uint8)
                picture = av.VideoFrame.from_ndarray(noise, format=stream.pix_fmt)
                picture.pts = number
                container.mux(stream.encode(picture))
                packets += received(receiver, wait=False)
            container.mux(stream.encode(None))
        packets += received(receiver, wait=True)
    frames: list[list[bytes]] = [[]]
    for packet in packets:
        if 192 <= packet[1] <= 223:  # RTCP
            continue
        frames[-1].append(packet)
        if packet[1] & 0x80:  # the last of a picture
            frames.append([])
    return [frame for frame in frames if frame]


def received(receiver: socket.socket, *, wait: bool) -> list[bytes]:
    """What came."""
    packets = []
    receiver.setblocking(wait)
    if wait:
        receiver.settimeout(0.3)
    try:
        while True:
            packets.append(receiver.recv(65536))
    except (BlockingIOError, TimeoutError):
        return packets


def with_time(packet: bytes, change: Callable[[float], float]) -> bytes:
    """Change the time of a packet, in seconds."""
    (ticks,) = struct.unpack(">I", packet[4:8])
    return packet[:4] + struct.pack(">I", round(change(ticks / 90_000) * 90_000) % 2**32) + packet[8:]


def rtsp_camera(codec: str, frames: list[list[bytes]], *, fps: float = FPS) -> Callable[[Client], None]:
    """A camera for ``serving``: it gives the pictures at their pace, and ends."""

    def camera(client: Client) -> None:
        while True:
            method, number = client.request.split(" ")[0], client.header("CSeq")
            head, body = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n", ""
            if method == "OPTIONS":
                head += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            elif method == "DESCRIBE":
                body = SDP[codec]
                head += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            elif method == "SETUP":
                head += "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            elif method == "PLAY":
                head += "Session: 1\r\n"
            client.send(f"{head}\r\n{body}".encode())
            if method == "PLAY":
                break
            if not client.ask():
                return
        began = monotonic()
        for number, frame in enumerate(frames):
            client.wait(max(began + number / fps - monotonic(), 0))
            for packet in frame:
                client.send(b"$\0" + struct.pack(">H", len(packet)) + packet)

    return camera

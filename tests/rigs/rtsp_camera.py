"""An RTSP camera of GStreamer that shows colour bars; the system's Python runs it for ``streams_check.py``.

It says its port and serves until it is killed.

usage: /usr/bin/python3 tests/rigs/rtsp_camera.py
"""

import sys

import gi  # type: ignore[import-not-found]  # of the system

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402  # after the versions


def bars(colour: str, frames: int = -1) -> str:
    """25 pictures a second."""
    size = "format=I420,width=320,height=240,framerate=25/1"
    return f"videotestsrc is-live=true pattern=smpte75 num-buffers={frames} ! video/x-raw,{size},colorimetry={colour}"


def h264(frames: int = -1, key_frames: int = 10) -> str:
    """Colour bars as cameras encode: nothing is stored out of order."""
    encoder = f"x264enc tune=zerolatency bitrate=2000 key-int-max={key_frames}"
    return f"{bars('bt601', frames)} ! {encoder} ! rtph264pay pt=96"


TONE = "audiotestsrc is-live=true ! audio/x-raw,rate=8000 ! alawenc ! rtppcmapay pt=8"
PATHS = {
    "/h264": f"{h264()} name=pay0",
    "/mjpeg": f"{bars('1:4:0:0')} ! jpegenc quality=95 ! rtpjpegpay pt=26 name=pay0",
    "/sound": f"{h264()} name=pay0 {TONE} name=pay1",
    "/short": f"{h264(40, key_frames=100)} name=pay0",
    "/lossy": f"{h264()} mtu=300 ! identity drop-probability=0.05 name=pay0",
}

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
for path, pipeline in PATHS.items():
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {pipeline} )")
    server.get_mount_points().add_factory(path, factory)
server.attach(None)
sys.stdout.write(f"{server.get_bound_port()}\n")
sys.stdout.flush()
GLib.MainLoop().run()

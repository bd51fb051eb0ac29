#!/usr/bin/env bash
# Streams and videos with programs that are not ours at the other end: an RTSP camera of GStreamer, servers of FFmpeg,
# and ffprobe, which says what a video holds. Needs root and apt where one of them is missing. About a minute.
# EDGE_SRCNN_DATA may name a folder with video/bigbuckbunny.mp4.
#
# usage: tests/rigs/streams.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/rigs/trixie.sh
. tests/rigs/trixie.sh
python=$PWD/.venvs/dev/bin/python

has_camera() { # whether GStreamer's parts are there
  local element
  for element in videotestsrc alawenc rtph264pay rtpjpegpay jpegenc souphttpsrc multipartdemux x264enc; do
    gst-inspect-1.0 --exists "$element" || return 1
  done
  /usr/bin/python3 -c 'import gi; gi.require_version("GstRtspServer", "1.0")'
}

[ -x "$python" ] || make .venvs/dev/.made
need ffprobe ffmpeg
if ! has_camera 2>/dev/null; then
  apt-get update -qq
  apt-get install -qq --no-install-recommends python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-tools \
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly >/dev/null
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder XDG_CACHE_HOME=$folder
timeout 240 "$python" tests/rigs/streams_check.py
timeout 240 "$python" tests/rigs/videos_check.py
PYTHONPATH=$PWD timeout 300 "$python" tests/rigs/video_matrix.py 30

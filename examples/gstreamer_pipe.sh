#!/usr/bin/env bash
# Enhance what GStreamer reads, and let GStreamer go on with it: raw frames (Y4M) go through two pipes.
#
# usage: gstreamer_pipe.sh OUT.mkv [SOURCE...]        SOURCE is any element that gives video, such as
#        v4l2src device=/dev/video0                    (needs gstreamer1.0-plugins-base and -good)
set -euo pipefail
target=$1
shift
[ $# -gt 0 ] || set -- videotestsrc num-buffers=50
gst-launch-1.0 -q "$@" ! videoconvert ! video/x-raw,format=I420 ! y4menc ! fdsink fd=1 |
  edge-srcnn run --source y4m:- --sink y4m:- |
  gst-launch-1.0 -q fdsrc fd=0 ! y4mdec ! videoconvert ! jpegenc quality=95 ! matroskamux ! filesink location="$target"

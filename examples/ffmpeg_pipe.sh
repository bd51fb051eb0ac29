#!/usr/bin/env bash
# Enhance what FFmpeg reads, and let FFmpeg write it: raw frames (Y4M) go through two pipes.
#
# usage: ffmpeg_pipe.sh IN OUT.mp4        IN is anything that FFmpeg opens; options of x264 and others stand below
set -euo pipefail
ffmpeg -v error -i "$1" -map 0:v:0 -pix_fmt yuv420p -f yuv4mpegpipe - |
  edge-srcnn run --source y4m:- --sink y4m:- |
  ffmpeg -v error -y -i - -c:v libx264 -crf 20 -pix_fmt yuv420p "$2"

"""Live pictures pushed to a server: RTSP, RTMP, SRT."""

"""One page, a file, that shows the streams of many cameras: the browser asks them itself, no server stands between."""

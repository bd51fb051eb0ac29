"""How a video file is laid out: what was written of a recording can be played; else it is small and starts quickly."""

_MP4 = frozenset({".mp4", ".mov", ".m4v"})
_MKV = ".mkv"
# an encoder in hardware tells with its first packet only what the head of the file must say
_FRAGMENTED = {"movflags": "frag_keyframe+delay_moov+default_base_moof"}
_FAST_START = {"movflags": "faststart"}
# by itself a cluster of less than 4 KiB goes on for 5 s, key frames or not
_SHORT_CLUSTERS = {"cluster_time_limit": "1000"}
_AT_ONCE = {"flush_packets": "1"}


def container_options(suffix: str, *, durable: bool) -> dict[str, str]:
    """FFmpeg's options of a file whose name ends so; ``durable``: what was written until a power cut can be played."""
    suffix = suffix.lower()
    if not durable:
        return _FAST_START if suffix in _MP4 else {}
    if suffix in _MP4:
        return _FRAGMENTED | _AT_ONCE
    return _SHORT_CLUSTERS | _AT_ONCE if suffix == _MKV else _AT_ONCE

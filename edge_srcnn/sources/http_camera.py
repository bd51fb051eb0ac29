"""Read cameras over HTTP: MJPEG (multipart), a still picture that is asked for again and again, or video, by PyAV."""

from typing import Any

from edge_srcnn.imaging.jpeg import SOI
from edge_srcnn.sources import MAX_PIXELS, Source
from edge_srcnn.sources.certificates import Trust, fingerprint
from edge_srcnn.sources.network_video import NetworkVideo
from edge_srcnn.uri import Uri, flag, need_pyav, pixel_count, read_options, seconds

EVERY_S = 1.0
"""A still picture is asked for so often."""

_STILL = ("image/",)
_LISTS = ("mpegurl", "dash+xml")  # of other addresses, which FFmpeg opens
_UNKNOWN = ("", "text/plain", "application/octet-stream")


def options(uri: Uri) -> dict[str, Any]:
    """Read timeout (seconds without a frame; 5), every (seconds between two still pictures; 1), max_pixels (24M).

    Of https: verify (yes; no takes any certificate), fingerprint (SHA-256 of the only certificate that is good).
    """
    return read_options(
        uri, timeout=seconds, every=seconds, max_pixels=pixel_count, verify=flag, fingerprint=fingerprint
    )


def open(
    uri: Uri,
    *,
    timeout: float = 5.0,
    every: float = EVERY_S,
    max_pixels: int = MAX_PIXELS,
    verify: bool = True,
    fingerprint: str | None = None,
) -> Source:
    """Connect, and choose a reader by what the camera says that it sends.

    Parameters
    ----------
    uri
        An address.
    timeout
        Seconds without a frame after which a camera is lost; more for one that is slow by nature.
    every
        Seconds between two still pictures.
    max_pixels
        The most that a picture may have.
    verify
        Take only certificates that this machine trusts.
    fingerprint
        Take only this certificate.

    Returns
    -------
    The camera, of which no frame is decoded yet.

    Raises
    ------
    Unavailable
        PyAV or requests is not installed, or the camera does not answer.
    BadData
        It sends no pictures that can be decoded.
    """
    need_pyav(uri.name)
    need_pyav(uri.name, "requests", "requests, needed for cameras over HTTP,")
    from edge_srcnn.sources.http_client import HttpClient
    from edge_srcnn.sources.http_pictures import Body, MultipartCamera, SnapshotCamera

    trust = Trust(verify, fingerprint)
    client = HttpClient(uri.target, uri.name, timeout, trust)
    try:
        answer = client.get()
        first = answer.read(timeout) if answer.kind in _UNKNOWN else b""
        kind = answer.kind if answer.kind not in _UNKNOWN else _guess(first)
        if kind.startswith("multipart/"):
            return MultipartCamera(client, answer, first, uri.name, timeout, max_pixels)
        if kind.startswith(_STILL):
            return SnapshotCamera(client, answer, first, uri.name, timeout, max_pixels, every)
        if answer.length is None and not kind.endswith(_LISTS) and not answer.headers.get("Accept-Ranges"):
            body = Body(client, answer, first, timeout)
            return NetworkVideo(uri.target, uri.name, timeout, max_pixels, body=body)
        client.close()
        return NetworkVideo(uri.target, uri.name, timeout, max_pixels, trust=trust)
    except BaseException:
        client.close()
        raise


def _guess(first: bytes) -> str:
    """Guess what comes from how it begins, where the camera does not say."""
    begin = first.lstrip(b"\r\n")
    if begin.startswith(SOI):
        return "image/jpeg"
    return "multipart/" if begin.startswith(b"--") or begin[:13].lower() == b"content-type:" else "video/"

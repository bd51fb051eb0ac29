"""Read cameras over HTTP: MJPEG (multipart), a still picture that is asked for again and again, or video, by PyAV."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from edge_srcnn.errors import SourceLost
from edge_srcnn.imaging.jpeg import SOI, JpegWalk
from edge_srcnn.sources import MAX_PIXELS, Source, check_pixels
from edge_srcnn.sources.network_video import NetworkVideo
from edge_srcnn.system.certificates import Trust, fingerprint
from edge_srcnn.system.packages import need_pyav
from edge_srcnn.uri import Uri, flag, pixel_count, read_options, seconds

if TYPE_CHECKING:  # it needs requests, which may be missing
    from edge_srcnn.sources.http_transport import Answer

EVERY_S = 1.0
"""A still picture is asked for so often."""

_STILL, _JPEG = "image/", "image/jpeg"
_LISTS = ("mpegurl", "dash+xml")  # of other addresses, which FFmpeg opens
_CERTAIN = ("multipart/", "video/", "audio/")  # other kinds are not always what the camera says
_PICTURES = ("jpeg", "jpg")  # video/x-motion-jpeg, video/x-mjpg; FFmpeg reads 5 MB before it gives the first one
_PAGES = ("text/html", "application/json", "text/xml", "application/xml")
_FIRST_HEADERS = (b"--", b"content-type:", b"content-length:")
_LONGEST_LOOK = 16_000_000


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
        answer, first = client.get(), b""
        kind, is_stream = answer.kind, False
        is_certain = kind.startswith(_CERTAIN) and not kind.endswith(_PICTURES)
        if not (is_certain or kind.endswith(_LISTS) or (kind.startswith(_STILL) and answer.length)):
            first = answer.read(timeout)
            kind = _guess(kind, first)
        if kind == _JPEG and first and answer.length is None:
            first, is_stream = _look_behind(
                answer, first, timeout, every, lambda size: check_pixels(uri.name, size, max_pixels)
            )
        if kind.startswith("multipart/") or is_stream:
            return MultipartCamera(client, answer, first, uri.name, timeout, max_pixels)
        if kind.startswith(_STILL):
            return SnapshotCamera(client, answer, first, uri.name, timeout, max_pixels, every)
        if kind in _PAGES:
            raise SourceLost(f"{uri.name}: sends no pictures, but {kind}; is this the address of its video or picture?")
        if answer.length is None and not kind.endswith(_LISTS) and not answer.headers.get("Accept-Ranges"):
            body = Body(client, answer, first, timeout)
            return NetworkVideo(uri.target, uri.name, timeout, max_pixels, body=body)
        client.close()
        return NetworkVideo(uri.target, uri.name, timeout, max_pixels, trust=trust)
    except BaseException:
        client.close()
        raise


def _guess(said: str, first: bytes) -> str:
    """Tell what comes by how it begins, and else by what the camera says."""
    begin = first.lstrip(b"\r\n")
    if begin.startswith(SOI):
        return _JPEG
    if begin[:16].lower().startswith(_FIRST_HEADERS):
        return "multipart/"
    return said


def _look_behind(
    answer: "Answer", first: bytes, limit_s: float, pause_s: float, check: Callable[[tuple[int, int]], None]
) -> tuple[bytes, bool]:
    """Read on until one knows whether another picture follows the first: some cameras send streams as one picture.

    Parameters
    ----------
    answer
        What the camera sends.
    first
        What was read of it already.
    limit_s
        Seconds that the first picture may take to go on.
    pause_s
        Seconds that the second may take to begin; not all cameras close the connection after a single one.
    check
        Is told width and height, and may raise.

    Returns
    -------
    All that was read, and whether it is a stream.
    """
    walk, data = JpegWalk(), bytearray(first.lstrip(b"\r\n"))
    with suppress(ValueError):  # it is damaged, which the reader of single pictures will tell
        while len(data) < _LONGEST_LOOK:
            end = walk.end(data)
            if walk.size is not None:
                check(walk.size)
            behind = b"" if end is None else data[end:].lstrip(b"\r\n\0")
            if len(behind) >= len(SOI):
                return bytes(data), behind.startswith((SOI, b"--"))
            try:
                more = answer.read(limit_s if end is None else pause_s)
            except SourceLost:
                if end is None:
                    raise
                break
            if not more:
                break
            data += more
    return bytes(data), False

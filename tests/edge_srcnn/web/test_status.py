import pytest

pytest.importorskip("simplejpeg")

from edge_srcnn.web.status import without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://pi:secret@server:8554/pi: refused", "rtsp://***@server:8554/pi: refused"),
        ("http://0.0.0.0:80#quality=8&token=secret", "http://0.0.0.0:80#quality=8&token=***"),
        ("http://server/a?token=secret&b=1", "http://server/a?token=***&b=1"),
        ("out.mp4: user@host", "out.mp4: user@host"),
    ],
)
def test_addresses_are_shown_without_secrets(text: str, shown: str) -> None:
    assert without_secrets(text) == shown

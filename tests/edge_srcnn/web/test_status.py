from pathlib import Path

import pytest

pytest.importorskip("simplejpeg")

from edge_srcnn.web.status import processor_temperature_c, without_secrets


def zone(folder: Path, number: int, kind: str, temperature: str) -> None:
    path = folder / f"thermal_zone{number}"
    path.mkdir()
    (path / "type").write_text(f"{kind}\n")
    (path / "temp").write_text(temperature)


def test_the_temperature_is_the_processors(tmp_path: Path) -> None:
    zone(tmp_path, 0, "acpitz", "27800\n")
    zone(tmp_path, 1, "cpu-thermal", "48312\n")

    assert processor_temperature_c(tmp_path) == 48.312  # Linux counts thousandths


def test_another_sensor_is_better_than_none(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal", "asleep\n")
    zone(tmp_path, 1, "acpitz", "27800\n")

    assert processor_temperature_c(tmp_path) == 27.8


def test_a_machine_without_sensors_has_no_temperature(tmp_path: Path) -> None:
    assert processor_temperature_c(tmp_path) is None
    assert processor_temperature_c(tmp_path / "missing") is None


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

import subprocess
import threading
from pathlib import Path
from time import monotonic, sleep

import pytest

from edge_srcnn.system.temperature import Heat, HeatWatch, look_at_heat, processor_temperature_c, throttling


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
    ("told", "reasons"),
    [
        ("0\n", ()),
        ("50000\n", ()),  # it was so once, and is not now
        ("5\n", ("the voltage is too low", "it is throttled")),
        ("throttled=0x8\n", ("it is too hot",)),
        ("", ()),
        ("nonsense", ()),
    ],
)
def test_a_pi_tells_why_it_slows_down(tmp_path: Path, told: str, reasons: tuple[str, ...]) -> None:
    (tmp_path / "get_throttled").write_text(told)
    assert throttling(tmp_path / "get_throttled") == reasons


@pytest.mark.parametrize(
    ("script", "reasons"),
    [
        ("echo throttled=0x50005", ("the voltage is too low", "it is throttled")),
        ("exit 1", ()),
        ("sleep 30", ()),  # a firmware that hangs
    ],
)
def test_vcgencmd_is_asked_where_the_kernel_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reasons: tuple[str, ...]
) -> None:
    monkeypatch.setattr("edge_srcnn.system.temperature._VCGENCMD_S", 0.5)
    program = tmp_path / "vcgencmd"
    program.write_text(f"#!/bin/sh\n[ $1 = get_throttled ] && exec {script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert throttling(tmp_path / "missing") == reasons


def test_this_machine_is_as_hot_as_one_of_its_sensors_says() -> None:
    files = Path("/sys/class/thermal").glob("thermal_zone*/temp")
    read = subprocess.run(["cat", *map(str, files), "/dev/null"], capture_output=True, text=True, check=False)
    told = [int(line) / 1000 for line in read.stdout.split()]
    found = look_at_heat().temperature_c
    assert [abs(found - each) < 20 for each in told].count(True) > 0 if told else found is None


def test_a_look_at_the_heat_has_what_the_sensor_and_the_firmware_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone(tmp_path, 0, "cpu-thermal", "48312\n")
    (tmp_path / "get_throttled").write_text("8\n")
    monkeypatch.setattr(processor_temperature_c, "__defaults__", (tmp_path,))
    monkeypatch.setattr(throttling, "__defaults__", (tmp_path / "get_throttled",))
    assert look_at_heat() == Heat(48.312, ("it is too hot",))


def test_a_watch_gives_the_last_look_at_once_however_long_one_takes() -> None:
    may_go, looks = threading.Event(), []

    def look() -> Heat:
        may_go.wait(20)
        looks.append(Heat(50.0 + len(looks), ()))
        return looks[-1]

    watch = HeatWatch(look, every_s=0.01)
    assert [watch.newest() for _ in range(50)] == [Heat(None, ())] * 50
    may_go.set()
    end = monotonic() + 20
    while watch.newest().temperature_c != 52.0:  # the third look
        assert monotonic() < end
        sleep(0.002)


def test_a_look_that_fails_leaves_the_one_before() -> None:
    answers = iter([Heat(61.0, ())])
    failed = threading.Event()

    def look() -> Heat:
        for answer in answers:
            return answer
        failed.set()
        raise OSError("too many open files")

    watch = HeatWatch(look, every_s=0.0)
    end = monotonic() + 20
    while not failed.is_set():
        watch.newest()
        assert monotonic() < end
        sleep(0.002)
    assert watch.newest() == Heat(61.0, ())

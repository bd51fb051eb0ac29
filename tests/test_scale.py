"""The plan on paper adds up: tables come from the figures, and numbers from their formulas, computed here once more."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
MEASURED = json.loads((ROOT / "docs" / "scale.json").read_text(encoding="utf-8"))
ROUNDED = 0.006  # of a number with three digits


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Any:
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module("tools.scale")
    finally:
        sys.path.remove(str(ROOT))


def rows(name: str) -> dict[str, list[str]]:
    """The rows of a table of the page, by their first cell."""
    text = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", PAGE, re.DOTALL)
    assert text is not None, name
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text[1].strip().splitlines()[2:]]
    return {line[0]: line[1:] for line in lines}


def number(text: str) -> float:
    found = re.match(r"[\d,.e+-]+", text)
    assert found is not None, text
    return float(found[0].replace(",", ""))


ASSUMED = {name.strip("`"): number(cells[0]) for name, cells in rows("assumed").items()}


def test_the_tables_are_those_of_the_figures(scale: Any) -> None:
    made = scale.Plan(MEASURED, scale.ASSUMED).tables()
    assert set(re.findall(r"<!-- (?!end)(\w+) -->", PAGE)) == set(made)
    assert scale.filled(PAGE, made) == PAGE, "python -m tools.scale write"
    assert ASSUMED.keys() == scale.ASSUMED.keys() == scale.MEANING.keys()


def test_a_million_pictures_cost_what_their_stages_and_prices_come_to() -> None:
    found = rows("million")
    assert len(found) == 16
    for name, cells in found.items():
        size, kind, model = re.match(r"(\S+) (\w+), `(.*)`", name).groups()  # type: ignore[union-attr]
        spent, sizes = (MEASURED["still"][size][each] for each in ("cpu_ms", "bytes"))
        each_ms = spent[f"decode {kind.lower()}"] + spent[f"{model}-x2"] + spent[f"encode {kind.lower()}"]
        hours = each_ms * 1e6 / 3.6e6 / ASSUMED["used"]
        gigabytes = sizes[f"out {kind.lower()}"] / 1000  # a million times, in GB
        expected = [each_ms, hours, hours * ASSUMED["core_hour"], gigabytes, gigabytes * ASSUMED["gb_out"]]
        assert list(map(number, cells)) == pytest.approx(expected, rel=ROUNDED), name


def test_a_camera_for_a_year_costs_what_its_frames_come_to() -> None:
    found = rows("year")
    *places, pi = found
    assert len(places) == 6
    for name in places:
        size, model = re.match(r"(\S+), `(.*)`", name).groups()  # type: ignore[union-attr]
        spent = MEASURED["live"][size]["cpu_ms"]
        frame_ms = spent["decode h264"] + spent[f"{model}-x2-camera"] + spent["encode h264"]
        cores = ASSUMED["fps"] * frame_ms / 1000
        hours = cores * 365.25 * 24 / ASSUMED["used"]
        gigabytes = ASSUMED[f"camera_mbit_{size}"] / 8 * 365.25 * 86400 / 1000
        expected = [cores, hours, hours * ASSUMED["core_hour"], gigabytes]
        assert list(map(number, found[name])) == pytest.approx(expected, rel=ROUNDED), name
    energy = ASSUMED["pi_w"] * 365.25 * 24 / 1000 * ASSUMED["kwh"]
    assert number(found[pi][2]) == pytest.approx(energy + ASSUMED["pi_price"] / ASSUMED["pi_years"], rel=ROUNDED)


def test_the_first_limit_is_the_least_of_all(scale: Any) -> None:
    found = rows("limits")
    named = list(scale.Plan(MEASURED, scale.ASSUMED).limits())
    assert [what for what, _, _ in named] == list(found)
    for what, _, limits in named:
        whole = {name: each for name, each in limits.items() if name not in ("decode", "bicubic", "network", "encode")}
        first, second = sorted(whole.values())[:2]
        cells = found[what]
        assert whole[re.search(r"\*\*(.*)\*\*", cells[0])[1]] == first  # type: ignore[index]
        assert [number(cells[1]), number(cells[2].partition(": ")[2])] == pytest.approx([first, second], rel=ROUNDED)
    size = "640x480"
    spent, sizes = (MEASURED["still"][size][each] for each in ("cpu_ms", "bytes"))
    limits = next(each for what, _, each in named if what == f"an archive on the disk, {size} JPG, `fast-s`")
    each_ms = spent["decode jpg"] + spent["fast-s-x2"] + spent["encode jpg"]
    assert limits["processor"] == pytest.approx(ASSUMED["cores"] / (each_ms / 1000))
    assert limits["disk"] == pytest.approx(ASSUMED["disk_mb_s"] * 1e6 / (sizes["in jpg"] + sizes["out jpg"]))


def test_ten_thousand_cameras_are_ten_thousand_times_one() -> None:
    found = {name: number(cells[0]) for name, cells in rows("fleet").items()}
    one, live = MEASURED["camera"], MEASURED["live"]["640x480"]
    spent = live["cpu_ms"]
    count, fps = ASSUMED["cameras"], ASSUMED["fps"]
    frame_s = (spent["decode h264"] + spent["fast-m-x2-camera"] + spent["encode h264"]) / 1000
    series = count * one["metric_series"]
    recorded = live["bytes"]["h264"] * fps * 86400
    expected = {
        "cores in one place": count * fps * frame_s / ASSUMED["used"],
        "streams into one place": count * ASSUMED["camera_mbit_640x480"] / 1000,
        "a wall of ten, enhanced": 10 * live["bytes"]["jpg"] * fps * 8 / 1e6,
        "the same with `--every 2`": 10 * live["bytes"]["jpg"] * 0.5 * 8 / 1e6,
        "Prometheus: series": series,
        "Prometheus: values": series / ASSUMED["scrape_s"],
        "Prometheus: disk": series / ASSUMED["scrape_s"] * 86400 * ASSUMED["sample_bytes"] / 1e9,
        "Prometheus: memory": series * ASSUMED["series_kb"] / 1e6,
        "Prometheus: network": count * one["metrics_bytes"] * 8 / ASSUMED["scrape_s"] / 1e6,
        "MQTT: messages": count * one["mqtt_messages_per_minute"] / 60,
        "MQTT: network": count * one["mqtt_bytes_per_minute"] / 60 * 8 / 1e6,
        "recordings, enhanced": count * recorded / 1e12,
        "a week of them, on each Pi": recorded * 7 / 1e9,
        "a week of them, in one place": count * recorded * 7 / 1e9 * ASSUMED["gb_month"],
        "an update by apt": count * ASSUMED["deb_mb"] / 1e6,
        "the same within a day": count * ASSUMED["deb_mb"] * 8 / 86400,
        "certificates": count / ASSUMED["certificate_days"],
        "energy of the Pis": count * ASSUMED["pi_w"] * 365.25 * 24 / 1e9,
    }
    assert found == pytest.approx(expected, rel=ROUNDED)


def test_what_was_measured_makes_sense() -> None:
    for size, still in MEASURED["still"].items():
        spent = still["cpu_ms"]
        ladder = [spent[name] for name in ("bicubic", "fast-s-x2", "fast-m-x2", "fast-l-x2", "fast-xl-x2")]
        assert ladder == sorted(ladder) and min(spent.values()) > 0, size
        assert still["bytes"]["in png"] > still["bytes"]["in jpg"], size
        stages = spent["decode jpg"] + spent["fast-m-x2"] + spent["encode jpg"]
        assert 0.7 < still["whole_cpu_ms"] / stages < 1.5, size


def test_prices_of_ones_own_are_taken_and_mistakes_told() -> None:
    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "tools.scale", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    done = run("core_hour=0.5", "cores=64")
    assert done.returncode == 0 and "| `core_hour` | 0.5 |" in done.stdout and "| `cores` | 64 |" in done.stdout
    for word, said in (
        ("price=1", "NAME is one of core_hour"),
        ("cores=many", "is no number"),
        ("used=0", "more than 0"),
    ):
        done = run(word)
        assert (done.returncode, done.stdout, done.stderr.count("\n"), said in done.stderr) == (1, "", 1, True)

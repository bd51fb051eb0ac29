"""The dashboard for Grafana has the form that Grafana wants, and the real Prometheus answers all that it asks."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from tests.edge_srcnn.machine import SLOWER

ROOT = Path(__file__).parents[1]
DASHBOARD = json.loads((ROOT / "docs/grafana/edge-srcnn.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
PAGE = ROOT / "docs/howto/monitoring.md"
VARIABLES = {"$job": "edge-srcnn", "$camera": "garden", "$__rate_interval": "10s", "$__range": "1m"}
COLUMNS = 24
NOT_HERE = {"edge_srcnn_temperature_celsius": "a sensor", "edge_srcnn_ladder_steps_total": "a step to another model"}
"""Metrics that this machine may not have, and what it lacks then."""
KINDS = {"stat", "timeseries", "state-timeline", "table"}
UNITS = re.compile(r"short|s|celsius|bytes|Bps|percentunit|suffix: \w+")
"""Of Grafana's ids of units, those that are used; ``suffix:`` makes one of one's own."""


def targets() -> list[tuple[str, str]]:
    """Title of the panel and expression, variables filled in."""
    found = []
    for panel in PANELS:
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            found.append((panel["title"], expression))
    return found


def metrics_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:edge_srcnn|process)_\w+", expression))


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= COLUMNS and min(place["w"], place["h"]) > 0
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


def test_panels_are_of_kinds_that_grafana_10_has_and_ask_the_chosen_source() -> None:
    assert DASHBOARD["schemaVersion"] >= 38  # Grafana 10.0
    assert DASHBOARD["id"] is None and DASHBOARD["uid"] and DASHBOARD["title"]
    for panel in PANELS:
        assert panel["type"] in KINDS
        assert panel["title"] and UNITS.fullmatch(panel["fieldConfig"]["defaults"]["unit"])
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        for source in [panel["datasource"], *(target["datasource"] for target in panel["targets"])]:
            assert source == {"type": "prometheus", "uid": "${datasource}"}


def test_variables_choose_source_job_and_camera() -> None:
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "camera"]
    used = set(re.findall(r"\$\w+", " ".join(target["expr"] for panel in PANELS for target in panel["targets"])))
    assert used == set(VARIABLES)
    for panel in PANELS:
        for target in panel["targets"]:
            selectors = re.findall(r"\b(?:edge_srcnn_\w+|process_\w+|up)\{([^}]*)\}", target["expr"])
            assert selectors
            assert all('job=~"$job",instance=~"$camera"' in selector for selector in selectors)


def shown_file(name: str) -> str:
    """A file of that name that the page shows."""
    found = PAGE.read_text().partition(f'```yaml title="{name}"\n')[2].partition("```")[0]
    assert found
    return found


@pytest.mark.parametrize(("name", "what"), [("prometheus.yml", "config"), ("alerts.yml", "rules")])
def test_prometheus_takes_the_files_that_the_page_shows(tmp_path: Path, name: str, what: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (apt install prometheus)")
    file = tmp_path / name
    file.write_text(shown_file(name))
    done = subprocess.run([promtool, "check", what, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_ask_for_metrics_that_the_dashboard_has() -> None:
    shown = {name for _, expression in targets() for name in metrics_in(expression)}
    assert metrics_in("".join(re.findall(r"expr: (.*)", shown_file("alerts.yml")))) <= shown


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


class Prometheus:
    """The real one, at a free port."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}/api/v1"

    def get(self, path: str, **query: str) -> Any:
        """What it answers; None while it does not listen."""
        try:
            with urllib.request.urlopen(
                f"{self._address}/{path}?{urllib.parse.urlencode(query)}", timeout=10
            ) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from error
        except OSError:
            return None

    def result(self, expression: str) -> list[Any]:
        """The series that an expression gives now."""
        data = self.get("query", query=expression)
        return [] if data is None else data["result"]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus, that has looked at a running camera for some seconds; somebody looks at the page's stream, too."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (apt install prometheus)")
    folder = tmp_path_factory.mktemp("prometheus")
    camera, own = free_port(), free_port()
    file = folder / "prometheus.yml"
    given = re.sub(r"targets: \[[^\]]*\]", f"targets: ['127.0.0.1:{camera}']", shown_file("prometheus.yml"), count=1)
    file.write_text(given.replace("scrape_interval: 10s", "scrape_interval: 1s"))
    run = [*(sys.executable, "-m", "edge_srcnn", "run"), *("--source", "test:size=160x120,fps=15")]
    run += ["--temporal", "weak", "--sink", f"http://127.0.0.1:{camera}", "--sink", f"{folder}/a.mp4?segment=60"]
    look = [*(program, f"--config.file={file}", f"--storage.tsdb.path={folder}/data")]
    look += [f"--web.listen-address=127.0.0.1:{own}", "--log.level=warn"]
    asked = Prometheus(own)
    with (folder / "log").open("wb") as log:
        processes = [subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) for command in (run, look)]
    try:
        end_s = time.monotonic() + 60 * SLOWER
        while not asked.result("edge_srcnn_noise_grey_levels and rate(edge_srcnn_frames_total[10s]) > 0"):
            assert time.monotonic() < end_s and all(each.poll() is None for each in processes), (
                folder / "log"
            ).read_text()
            time.sleep(0.2)
        with urllib.request.urlopen(f"http://127.0.0.1:{camera}/stream.mjpg", timeout=10) as stream:
            while not asked.result("rate(edge_srcnn_jpegs_total[10s]) > 0"):
                assert time.monotonic() < end_s
                stream.read(65536)
            yield asked
    finally:
        for each in processes:
            each.terminate()
        for each in processes:
            each.wait(20)


@pytest.mark.slow
def test_every_question_of_the_dashboard_has_an_answer(prometheus: Prometheus) -> None:
    for title, expression in targets():
        found = prometheus.result(expression)
        if not metrics_in(expression) & NOT_HERE.keys():
            assert found, f"{title}: {expression}: no data"


@pytest.mark.slow
def test_the_dashboard_shows_every_metric_and_none_that_there_is_not(prometheus: Prometheus) -> None:
    names = set(prometheus.get("label/__name__/values"))
    shown = {name for _, expression in targets() for name in metrics_in(expression)}
    assert shown <= names | NOT_HERE.keys()
    assert {name for name in names if name.startswith("edge_srcnn_")} <= shown


@pytest.mark.slow
def test_the_variables_of_the_dashboard_find_the_camera(prometheus: Prometheus) -> None:
    assert prometheus.get("label/instance/values", **{"match[]": "edge_srcnn_build_info"}) == ["garden"]
    assert prometheus.get("label/job/values", **{"match[]": "edge_srcnn_build_info"}) == ["edge-srcnn"]

"""The files of ``examples/fleet/`` are what their programs take, and fit each other."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("paho")

from edge_srcnn.web.wall.cameras import read_cameras, read_list

ROOT = Path(__file__).parents[2]
FLEET = ROOT / "examples" / "fleet"
NAMES = ["Garden", "Front door", "Garage", "Hall", "Roof", "Workshop", "Barn", "Gate", "Cellar", "Attic"]


def configure(folder: Path, text: str | None = None) -> "subprocess.CompletedProcess[str]":
    listed = FLEET / "fleet.txt"
    if text is not None:
        listed = folder / "list"
        listed.write_text(text)
    command = [sys.executable, FLEET / "configure.py", listed, folder / "made"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_one_list_makes_services_targets_and_the_wall(tmp_path: Path) -> None:
    from edge_srcnn.service.configuration import load_config

    assert configure(tmp_path).returncode == 0
    made = tmp_path / "made"
    cameras = read_cameras(read_list(made / "cameras.txt"))
    assert [camera.name for camera in cameras] == NAMES
    targets = json.loads((made / "targets.json").read_text())
    for camera, target in zip(cameras, targets, strict=True):
        short = target["labels"]["instance"]
        assert target["targets"] == [camera.origin.removeprefix("http://")]
        config = load_config(made / f"{short}.toml", {}).config
        assert (config.service.name, config.source) == (camera.name, "test:size=160x120,fps=5")
        assert config.sinks[0] == f"{camera.origin}#cors=null"
    assert len({target["labels"]["instance"] for target in targets}) == len(NAMES) == 10


def test_cameras_that_others_reach_ask_for_a_token(tmp_path: Path) -> None:
    assert configure(tmp_path, 'The "gate"  pi3.local:8080  /dev/video0?fps=5\n').returncode == 0
    text = (tmp_path / "made" / "the_gate.toml").read_text()
    assert '"http://0.0.0.0:8080#cors=null&token_file=/etc/edge-srcnn/token"' in text
    assert (tmp_path / "made" / "cameras.txt").read_text() == 'The "gate"=http://pi3.local:8080\n'


def test_every_camera_has_files_of_its_own(tmp_path: Path) -> None:
    done = configure(tmp_path, "Gate  a:80  test:\n\n門  b:80  test:\ngate!  c:80  test:\n")
    assert (done.returncode, "line 4" in done.stderr) == (1, True)
    assert sorted(file.name for file in (tmp_path / "made").glob("*.toml")) == ["camera_3.toml", "gate.toml"]


def test_a_line_that_says_too_little_is_told(tmp_path: Path) -> None:
    done = configure(tmp_path, "# all\nGarden pi3.local:8080\n")
    assert (done.returncode, done.stderr.count("\n"), "line 2" in done.stderr) == (1, 1, True)


@pytest.mark.slow
@pytest.mark.parametrize("words", [["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]])
def test_prometheus_takes_its_files_and_alerts_when_a_camera_is_dead(tmp_path: Path, words: list[str]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (apt install prometheus)")
    configure(tmp_path)
    folder = shutil.copytree(FLEET, tmp_path / "made", dirs_exist_ok=True)
    done = subprocess.run([promtool, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""Changes that are kept: written whole beside the configuration, read after it, and never a reason not to start."""

import os
import stat
from pathlib import Path

import pytest

from edge_srcnn.errors import CannotWrite, Conflict
from edge_srcnn.service.build import Service
from edge_srcnn.service.changes import Changes, changes_file
from edge_srcnn.service.configuration import load_config
from tests.edge_srcnn.service.controlled import CARD

ALL = {
    "model": "fast-m-x2",
    "strength": 0.8,
    "temporal": "weak",
    "roi": "1,2,30,20",
    "rotate": 90,
    "hflip": True,
    "vflip": False,
    "crop": "0,0,40,40",
    "fps": 12.5,
    "keep_fps": 10.0,
    "name": 'Garden "north" \\ \u5ead',
    "recording": False,
}
CONFIG = f"source = '{CARD}'\nsinks = ['pictures/?every=60']\n[enhance]\nmodel = 'fast-s-x2'\nroi = '0,0,9,9'\n"


def start(folder: Path, environment=None) -> Service:
    """A service that does not run, by the configuration in a folder."""
    config = folder / "cam.toml"
    if not config.exists():
        config.write_text(CONFIG)
    loaded = load_config(config, environment or {}, changes=changes_file(config, {}))
    return Service(loaded.config, changes=Changes(loaded.changes, loaded.origins))


def test_what_is_kept_is_there_at_the_next_start_and_the_configuration_is_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = start(tmp_path)
    control = one.supervisor.pipeline._control
    control.change({"strength": 0.3, "rotate": 180})
    assert not (tmp_path / "cam.changes.toml").exists()
    told = control.change(ALL, persist=True)
    one.close()
    other = start(tmp_path)
    assert other.supervisor.pipeline._control.values() == told == ALL
    assert (tmp_path / "cam.toml").read_text() == CONFIG
    assert stat.S_IMODE((tmp_path / "cam.changes.toml").stat().st_mode) & 0o022 == 0
    other.supervisor.pipeline._control.change({"roi": None, "crop": None, "name": None}, persist=True)
    other.close()
    third = start(tmp_path)
    values = third.supervisor.pipeline._control.values()
    third.close()
    assert values == ALL | {"roi": None, "crop": None, "name": None}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[enhance\n", "not TOML"),
        ("[enhance]\nmodel = 'fast-x9'\n", "neither a file nor one of the bundled models"),
        ("[enhance]\nscale = 3\n", "is not kept here"),
        ("source = 'test:'\n", "is not kept here"),
        ("[enhance]\nstrenght = 3\n", "there is no such setting"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_and_left_out(tmp_path, text, said):
    (tmp_path / "cam.toml").write_text(CONFIG)
    changes = tmp_path / "cam.changes.toml"
    changes.write_text(f"{text}")
    loaded = load_config(tmp_path / "cam.toml", {}, changes=changes)
    assert loaded.config == load_config(tmp_path / "cam.toml", {}).config
    assert len(loaded.warnings) == 1
    assert said in loaded.warnings[0] and "left out" in loaded.warnings[0]


def test_each_setting_says_that_it_comes_from_there(tmp_path):
    (tmp_path / "cam.toml").write_text(CONFIG)
    changes = tmp_path / "cam.changes.toml"
    changes.write_text("[enhance]\nstrength = 0.5\nroi = ''\n")
    loaded = load_config(tmp_path / "cam.toml", {}, changes=changes)
    assert loaded.origins["enhance.strength"] == f"{changes} line 2"
    assert (loaded.config.enhance.roi, loaded.origins["enhance.roi"]) == (None, f"{changes} line 3")
    loaded = load_config(tmp_path / "cam.toml", {"EDGE_SRCNN_ENHANCE_STRENGTH": "1"}, changes=changes)
    assert loaded.config.enhance.strength == "1"


def test_what_would_not_count_or_cannot_be_written_is_refused_and_nothing_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for environment, changes, error, said in (
        ({"EDGE_SRCNN_ENHANCE_STRENGTH": "1"}, None, Conflict, "strength: cannot be kept, since the environment EDGE_"),
        ({}, Changes(), Conflict, "there is no configuration; run with --config FILE"),
        ({}, Changes(tmp_path / "cam.toml" / "x.toml"), CannotWrite, "cannot be written"),
    ):
        service = start(tmp_path, environment)
        service.changes = changes or service.changes
        control = service.supervisor.pipeline._control
        before = control.values()
        with pytest.raises(error, match=said):
            control.change({"strength": 0.25}, persist=True)
        assert control.values() == before
        service.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_belongs_to_root_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(CannotWrite, match=r"cam\.changes\.toml: cannot be written \(Permission denied\)"):
        Changes(tmp_path / "cam.changes.toml").write({"enhance.strength": 0.5})


def test_the_file_is_in_the_folder_that_the_service_may_write():
    installed = Path("/etc/edge-srcnn/door.toml")
    state = "/var/lib/edge-srcnn/door"
    assert changes_file(None, {}) is None
    assert changes_file(installed, {"STATE_DIRECTORY": state}) == Path(state, "door.changes.toml")
    assert changes_file(installed, {}) == Path(state, "door.changes.toml")
    assert changes_file(Path("a/b.toml"), {}) == Path("a/b.changes.toml")

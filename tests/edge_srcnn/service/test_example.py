"""The example is made from the definitions, is what lies in the repository, and is good as it stands."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

from edge_srcnn.service.config.example import example
from edge_srcnn.service.config.load import load_config
from edge_srcnn.service.config.settings import SETTINGS, Config

SHIPPED = Path(__file__).parents[3] / "systemd" / "edge-srcnn.toml"


def test_the_shipped_file_is_the_example():
    assert SHIPPED.read_text(encoding="utf-8") == example()


def test_the_example_is_the_defaults():
    assert load_config(SHIPPED, {}).config == Config()


def test_the_example_shows_every_setting_with_a_comment_above():
    lines = example().splitlines()
    shown = [number for number, line in enumerate(lines) if re.match(r"#?[a-z_]+ = ", line)]
    assert [lines[n].lstrip("#").split(" ")[0] for n in shown] == [path.rpartition(".")[2] for path in SETTINGS]
    assert all(lines[n - 1].startswith("# ") for n in shown)
    assert max(map(len, lines)) <= 100


def test_what_is_commented_out_is_good_too(tmp_path):
    text = re.sub(r"^#(?=[a-z_]+ = )", "", example(), flags=re.MULTILINE)
    assert set(tomllib.loads(text)["enhance"]) == {path[8:] for path in SETTINGS if path.startswith("enhance.")}
    path = tmp_path / "c.toml"
    path.write_text(re.sub(r"^roi = .*$", "", text, flags=re.MULTILINE))
    set_ones = {"threads": 3, "keep_fps": "15", "delegate": "/usr/lib/libvx_delegate.so"}
    assert load_config(path, {}).config == Config(enhance=replace(Config().enhance, **set_ones))

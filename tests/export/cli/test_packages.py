"""A package of the workstation that is missing is said at once, with what installs the extra."""

import os
import sys
from pathlib import Path

import pytest

from export.cli.packages import PACKAGES
from tests.export.cli.commands import run

pytestmark = pytest.mark.slow


def without(folder: Path, names: list[str]) -> dict[str, str]:
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({names!r}))\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}


@pytest.mark.parametrize("names", [*([name] for name in PACKAGES), ["keras", "skimage"]], ids="+".join)
def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    for name, value in without(tmp_path / "site", names).items():
        monkeypatch.setenv(name, value)
    done = run("export", "--int8", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (69, "", 1), done.stderr
    assert done.stderr.startswith(f"edge-srcnn: export needs {', '.join(names)}: ")
    assert "[export]" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_back_end_that_the_extra_does_not_bring_is_named_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in without(tmp_path / "site", ["jax"]).items():
        monkeypatch.setenv(name, value)
    done = run("export", "--int8", "--backend", "jax", "-o", tmp_path / "out")
    assert done.returncode == 69
    assert done.stderr.startswith("edge-srcnn: export needs jax: ")
    assert "install" in done.stderr

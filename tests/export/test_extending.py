"""What ``docs/extending.md`` shows works as it stands: a family of networks, one file and one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_srcnn.models.file import read_model
from edge_srcnn.upscaler import load_model
from tests.extending import extended_tree


@pytest.mark.slow
def test_a_new_family_is_trained_packaged_and_runs(data: Path, tmp_path: Path) -> None:
    tree = extended_tree(tmp_path / "tree")
    call = ["-c", "from edge_srcnn.cli import main; main()", "export", "--arch", "espcn-8", "--data", str(data)]
    done = subprocess.run(
        [sys.executable, *call, "--steps", "2", "--batch", "4", "-o", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tree), os.environ.get("PYTHONPATH", "")])},
    )
    assert done.returncode == 0, done.stderr
    model = tmp_path / "out" / "espcn-8-x2-short.tflite"
    assert read_model(model).spec.layers == ((5, 8), (3, 4), (3, 4))
    assert "ESPCN (Shi et al., 2016) for x2, 8 filters" in model.with_suffix(".md").read_text()
    with load_model(str(model)) as upscaler:
        assert upscaler.self_test() == "identical"

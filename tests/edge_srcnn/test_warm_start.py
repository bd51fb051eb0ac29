"""Commands that are forked from a warm process end as those that start anew do."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.edge_srcnn.warm_start import WarmStart

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["upscale", "gone.png", "-o", "x.png"],
        ["upscale", "--nonsense"],
        ["upscale", "\udcff.png", "-o", "x.png"],
        ["models", "fast-m-x2"],
        ["config", "check", "c.toml"],
    ],
    ids=ascii,
)
def test_it_says_and_ends_like_one_that_starts_anew(
    warm_start: WarmStart, tmp_path: Path, cli_environment: dict[str, str], words: list[str]
) -> None:
    (tmp_path / "c.toml").write_text("[enhance]\nscale = 7\n")
    environment = {**cli_environment, "EDGE_SRCNN_ENHANCE_SCALE": "3"}
    warm = warm_start.run(words, tmp_path, environment, 60)
    command = [sys.executable, "-m", "edge_srcnn", *words]
    cold = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, errors="surrogateescape", check=False
    )
    assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)


def test_one_that_takes_too_long_is_killed(
    warm_start: WarmStart, tmp_path: Path, cli_environment: dict[str, str]
) -> None:
    began = time.monotonic()
    words = ["run", "--source", "test:", "--sink", "large/", "--engine", "bicubic"]
    with pytest.raises(subprocess.TimeoutExpired):
        warm_start.run(words, tmp_path, cli_environment, 2)
    assert time.monotonic() - began < 30
    written = files_in(tmp_path)
    assert any(name.startswith("large/") for name in written)
    time.sleep(0.5)
    assert files_in(tmp_path) == written


def files_in(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*")}

"""Folders for temporary files, shared memory and caches that are full or read-only: everything starts and runs."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("av")

import edge_srcnn
from tests.edge_srcnn.clips import decode

pytestmark = pytest.mark.slow

FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
READ_ONLY = "mount -t tmpfs -o ro tmpfs {}"
FULL = "mount -t tmpfs -o size=4k,nr_inodes=3 tmpfs {0}; mkdir {0}/home; cat /dev/zero > {0}/rest 2>/dev/null || true"


@pytest.fixture
def run_without(tmp_path, cli_environment):
    """Run commands in ``tmp_path``, as seen in a name space of mounts whose other places are spoilt."""
    ours = [Path(sys.prefix), Path(edge_srcnn.__file__).parents[1]]
    if any(str(place).startswith(FOLDERS) for place in ours):
        pytest.skip("what runs lies in a temporary folder itself")

    def run(spoil, *commands):
        lines = [
            "set -e",
            f"mount --bind {shlex.quote(str(tmp_path))} /mnt",
            *(spoil.format(folder) for folder in FOLDERS),
            "cd /dev/shm",  # or Python would take the present folder for a temporary one
            *(shlex.join([sys.executable, "-m", "edge_srcnn", *command]) for command in commands),
        ]
        environment = {
            **{name: value for name, value in cli_environment.items() if name != "XDG_CACHE_HOME"},
            **{"HOME": "/tmp/home", "TMPDIR": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"},
            "PYTHONPATH": os.pathsep.join([str(ours[1]), os.environ.get("PYTHONPATH", "")]),
        }
        script = ["unshare", "--mount", "sh", "-c", "\n".join(lines)]
        return subprocess.run(script, env=environment, capture_output=True, text=True, timeout=300)

    if os.geteuid() != 0 or run("true").returncode != 0:
        pytest.skip("only root has mounts of its own")
    return run


@pytest.mark.parametrize("spoil", [READ_ONLY, FULL], ids=["read-only", "full"])
def test_no_temporary_folder_is_needed(run_without, tmp_path, texture, spoil):
    Image.fromarray(texture(20, 30)).save(tmp_path / "a.tif")
    live = (
        "-i",
        "test:size=64x48,fps=20,frames=40",
        "-o",
        "/mnt/front.mkv?segment=600",
        "-o",
        "/mnt/pictures/?every=1",
    )
    done = run_without(
        spoil,
        ("upscale", "/mnt/a.tif", "-o", "/mnt/large.tif"),  # libtiff and the interpreter talk to the terminal
        ("run", *live, "--isolate", "--seconds", "30"),  # times of models are kept, and engines share memory
    )
    assert done.returncode == 0, done.stderr
    assert "bug of ours" not in done.stderr
    assert "Traceback" not in done.stderr
    with Image.open(tmp_path / "large.tif") as image:
        assert image.size == (60, 40)
    assert len(decode(tmp_path / "front-00001.mkv")) > 0
    assert len(list((tmp_path / "pictures").iterdir())) >= 2

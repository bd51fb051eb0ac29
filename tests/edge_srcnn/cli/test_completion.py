"""What the shell is offered, by the protocol that completion scripts speak."""

import os
import subprocess
import sys

import pytest

from edge_srcnn.engine.backends import BACKENDS
from edge_srcnn.models.bundled import bundled_models

pytestmark = pytest.mark.slow

PROGRAM = "import sys; sys.argv[0] = 'edge-srcnn'; from edge_srcnn.cli import main; main()"

OFFERED = [
    ("edge-srcnn ben", {"bench"}),
    ("edge-srcnn service inst", {"install"}),
    ("edge-srcnn bench --siz", {"--size"}),
    ("edge-srcnn bench --size 12", {"1280x720"}),
    ("edge-srcnn upscale --model ", {"auto", *bundled_models()}),
    ("edge-srcnn upscale --model srcnn-955", {name for name in bundled_models() if name.startswith("srcnn-955")}),
    ("edge-srcnn run --engine ", {"auto", *BACKENDS}),
    ("edge-srcnn run --source rt", {"rtsp://"}),
    ("edge-srcnn run --sink nu", {"null:"}),
    ("edge-srcnn run --temporal s", {"strong"}),
    ("edge-srcnn run --strength a", {"auto"}),
    ("edge-srcnn upscale --model no-such-", set()),  # then bash offers files
]


@pytest.mark.parametrize(("typed", "offered"), OFFERED)
def test_the_shell_is_offered_what_fits(typed, offered):
    words = typed.split(" ")
    asked = {"_EDGE_SRCNN_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **asked}, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert set(done.stdout.split()) == offered

"""What ``import edge_srcnn`` costs, and what it gives."""

import subprocess
import sys

import numpy as np
import pytest

import edge_srcnn


@pytest.mark.slow
@pytest.mark.parametrize("module", ["edge_srcnn", "edge_srcnn.cli", "edge_srcnn.errors"])
def test_the_import_brings_no_heavy_library(module):
    heavy = {"tensorflow", "keras", "numpy", "cv2", "PIL", "ai_edge_litert", "tflite_runtime", "msgspec"}
    heavy |= {"av", "aiohttp", "requests"}
    code = f"import sys, {module}; sys.exit(' '.join({heavy!r} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_everything_it_lists_is_there():
    for name in edge_srcnn.__all__:
        assert getattr(edge_srcnn, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'upscal'"):
        _ = edge_srcnn.upscal


def test_one_line_up_scales_a_picture(texture):
    assert edge_srcnn.upscale(texture(5, 7, 3)).shape == (10, 14, 3)
    assert edge_srcnn.upscale(np.zeros((5, 7), np.uint8), scale=4).shape == (20, 28)

"""What all tests share: the benchmark pictures, where the machine has them."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder that holds ``eval/set5`` and its like; named by EDGE_SRCNN_DATA."""
    folder = os.environ.get("EDGE_SRCNN_DATA")
    if not folder:
        pytest.skip("EDGE_SRCNN_DATA names no folder of benchmark pictures")
    return Path(folder)

"""What all tests share: the benchmark pictures, where the machine has them."""

import os
import signal
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder that holds ``eval/set5`` and its like; named by EDGE_SRCNN_DATA."""
    folder = os.environ.get("EDGE_SRCNN_DATA")
    if not folder:
        pytest.skip("EDGE_SRCNN_DATA names no folder of benchmark pictures")
    return Path(folder)

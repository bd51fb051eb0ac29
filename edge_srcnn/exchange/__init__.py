"""Networks of others in, and ours out: ONNX and TFLite files, and the chain of convolutions that both become."""

import stat
from pathlib import Path

from edge_srcnn.errors import BadData, NoInput

MOST_BYTES = 1 << 28
"""Of a file and of what it refers to; a network for live pictures has a thousandth of that."""


def read_bytes(path: Path) -> bytes:
    """Read a file of a network; ``NoInput`` and ``BadData`` say what is wrong with it."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise NoInput(f"{path}: is not a file")
        if status.st_size > MOST_BYTES:
            raise BadData(f"{path}: {status.st_size:,} bytes; a network has at most {MOST_BYTES:,}")
        return path.read_bytes()
    except OSError as error:
        if isinstance(error, NoInput):
            raise
        raise NoInput(f"{path}: cannot be read ({error.strerror})") from error

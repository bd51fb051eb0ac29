"""What the tests of the engine share: the schema of flatbuffers as LiteRT brings it, and a file of tunings."""

import json
from pathlib import Path

import pytest

from edge_srcnn.imaging import bicubic


@pytest.fixture(scope="module")
def schema():
    return pytest.importorskip("ai_edge_litert.schema_py_generated")


@pytest.fixture
def tunings_file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "tuned.json"


@pytest.fixture
def store(tunings_file: Path):
    """Write a cache file that holds something."""

    def write(content: bytes | str | object) -> Path:
        tunings_file.parent.mkdir(exist_ok=True)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        tunings_file.write_bytes(data)
        return tunings_file

    return write


@pytest.fixture
def in_bands(monkeypatch):
    """Work through the smallest picture in bands of so many rows."""

    def set_rows(rows: int) -> None:
        monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
        monkeypatch.setattr(bicubic, "BAND_ROWS", rows)

    return set_rows

"""Configurations that a test writes: read, or refused; and how often to try random ones."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from edge_srcnn.errors import BadConfiguration
from edge_srcnn.service.configuration import Loaded, load_config

REPEATABLE = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def load(folder: Path, text: str | bytes, environment=None, flags=None) -> Loaded:
    path = folder / "c.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return load_config(path, environment or {}, flags or {})


def faults(folder: Path, text: str | bytes, environment=None, flags=None) -> list[str]:
    """Give every fault, with the file's name without its folder."""
    with pytest.raises(BadConfiguration) as caught:
        load(folder, text, environment, flags)
    return [line.replace(f"{folder}/", "") for line in (str(caught.value), *caught.value.others)]

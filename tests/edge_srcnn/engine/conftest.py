"""What the tests of the engine share: the schema of flatbuffers as LiteRT brings it."""

import pytest


@pytest.fixture(scope="module")
def schema():
    return pytest.importorskip("ai_edge_litert.schema_py_generated")

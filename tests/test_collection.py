"""The runtime's tests can be collected where its optional packages are absent: they skip, they do not fail."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STREAM = ("aiohttp", "simplejpeg", "prometheus_client")
VIDEO = ("av", "requests", "urllib3")
ONNX = ("onnx", "onnxruntime")
MQTT = ("paho",)
CLUSTER = ("distributed", "dask", "cloudpickle")
STORES = ("fsspec", "s3fs", "paramiko", "botocore", "moto")
LITERT = ("ai_edge_litert",)
WORKSTATION = ("tensorflow", "keras")
"""Absent in each, since importing them takes longer than all else."""

COLLECT = """
import sys
sys.modules.update(dict.fromkeys({names!r}))  # to import them raises ModuleNotFoundError
import pytest
# schemathesis brings a plugin, which needs one of them
sys.exit(pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", "-p", "no:schemathesis", "tests/edge_srcnn"]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("names", [STREAM + VIDEO + MQTT, STORES + CLUSTER, LITERT, ONNX], ids="+".join)
def test_tests_can_be_collected_without(names):
    done = subprocess.run(
        [sys.executable, "-c", COLLECT.format(names=names + WORKSTATION)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

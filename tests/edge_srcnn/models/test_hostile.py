"""Model files that were made to do harm: refused in bounded time and memory, and nothing reaches the terminal."""

import io
import json
import os
import threading
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from edge_srcnn.errors import ModelError, ModelMetadataMissing, ModelUnsupported, NoInput
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import GOLDEN_NAME, digest, parse_model, read_model
from edge_srcnn.models.spec import SPEC_NAME


def resealed(
    model_bytes: bytes,
    change: Callable[[dict[str, Any]], None],
    compression: int = zipfile.ZIP_STORED,
    golden: bytes | None = None,
) -> bytes:
    """The same model with another description, sealed as a program that knows the format would seal it."""
    with zipfile.ZipFile(io.BytesIO(model_bytes)) as archive:
        facts = json.loads(archive.read(SPEC_NAME))
        golden = archive.read(GOLDEN_NAME) if golden is None else golden
        graph = model_bytes[: min(entry.header_offset for entry in archive.infolist())]
    change(facts)
    buffer = io.BytesIO()
    buffer.write(graph)
    with zipfile.ZipFile(buffer, "a", compression) as archive:
        archive.writestr(SPEC_NAME, json.dumps(facts))
        archive.writestr(GOLDEN_NAME, golden)
        archive.comment = b" " * 71
    body = buffer.getvalue()[:-71]
    return body + b"sha256:" + digest(body).encode()


@pytest.fixture(scope="module")
def model_bytes() -> bytes:
    return bundled_models()["fast-s-x2"].read_bytes()


def put(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda facts: facts.update({name: value})


def test_a_model_that_is_sealed_anew_is_read(model_bytes):
    assert parse_model(resealed(model_bytes, lambda facts: None), "m").spec == parse_model(model_bytes, "m").spec


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale", 100_000),
        ("scale", 9),
        ("scale", 0),
        ("shuffle", 10**9),
        ("unshuffle", 10**6),
        ("halo_px", 10**8),
        ("layers", [[9, 64]] * 100_000),
        ("layers", [[10**6, 64], [1, 32], [5, 1]]),
        ("layers", [[9, 10**12], [1, 32], [5, 1]]),
        ("layers", []),
        ("scale", 2.0),
        ("scale", True),
        ("scale", "2"),
    ],
)
def test_sizes_beyond_all_reason_are_refused(model_bytes, name, value):
    with pytest.raises(ModelUnsupported, match=rf"^m: {name} .*; it must be a whole number from \d+ to \d+$"):
        parse_model(resealed(model_bytes, put(name, value)), "m")


@pytest.mark.parametrize(
    "text", ["\x1b[2J\x1b[31mowned", "a\x07", "a\r\nINFO: all is fine", "a\x9b31m", "a\u202egnp.exe", "a\0"]
)
@pytest.mark.parametrize("field", ["name", "degradation", "created_by"])
def test_control_characters_are_refused_and_not_shown(model_bytes, field, text):
    with pytest.raises(ModelError) as raised:
        parse_model(resealed(model_bytes, put(field, text)), "m")
    assert str(raised.value).isprintable()


def test_control_characters_inside_of_the_training_are_refused_too(model_bytes):
    def change(facts: dict[str, Any]) -> None:
        facts["training"]["data"] = ["photos", "\x1b]0;title\x07"]

    with pytest.raises(ModelUnsupported, match="control characters"):
        parse_model(resealed(model_bytes, change), "m")


@pytest.mark.slow
def test_what_is_compressed_is_not_unpacked(model_bytes):
    bomb = resealed(model_bytes, lambda facts: None, zipfile.ZIP_DEFLATED, golden=bytes(200_000_000))
    assert len(bomb) < 1_000_000

    tracemalloc.start()
    with pytest.raises(ModelMetadataMissing, match="is compressed"):
        parse_model(bomb, "m")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["FIFO", "device"])
def test_a_pipe_or_a_device_is_no_file(tmp_path, make):
    make(tmp_path / "m.tflite")
    done = threading.Event()

    def read() -> None:
        with pytest.raises(NoInput, match="is a pipe or a device"):
            read_model(tmp_path / "m.tflite")
        done.set()

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(20), "it waits for bytes"


def test_a_file_of_many_gigabytes_is_not_read(tmp_path):
    with (tmp_path / "m.tflite").open("wb") as file:
        file.truncate(50 << 30)
    with pytest.raises(ModelError, match="a model has at most"):
        read_model(tmp_path / "m.tflite")

"""The model file: read whole, or refused with the reason; never handed on damaged."""

import hashlib
import io
import json
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.errors import (
    ModelAltered,
    ModelError,
    ModelMetadataMissing,
    ModelTruncated,
    NoInput,
    NotAModel,
)
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import GOLDEN_SHAPE, digest, golden_plane, parse_model, read_model, seal_model
from edge_srcnn.models.spec import FORMAT


@pytest.fixture(scope="module")
def graph(model_bytes: bytes) -> bytes:
    """The flatbuffer alone: what is before the zip's first local header."""
    return model_bytes[: model_bytes.index(b"PK\x03\x04")]


def refusal(data: bytes) -> type[ModelError]:
    with pytest.raises(ModelError) as caught:
        parse_model(data, "m.tflite")
    assert str(caught.value).startswith("m.tflite: ")
    assert "\n" not in str(caught.value)
    return caught.type


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_shipped_models_are_whole_and_what_they_say(scale):
    path = bundled_models()[f"srcnn-915-x{scale}"]
    model = read_model(path)
    spec = model.spec
    assert (spec.name, spec.scale, spec.layers) == (path.stem, scale, ((9, 64), (1, 32), (5, 1)))
    assert spec.halo_px == sum(side // 2 for side, _ in spec.layers)
    assert (spec.residual, spec.quantization, spec.format) == (True, "int8", FORMAT)
    assert spec.graph_sha256 == hashlib.sha256(model.graph).hexdigest()
    assert spec.golden_output_sha256 == hashlib.sha256(model.golden.tobytes()).hexdigest()
    assert model.golden.shape == GOLDEN_SHAPE


def test_zip_tools_list_and_check_what_is_in_it(model_bytes, graph):
    with zipfile.ZipFile(io.BytesIO(model_bytes)) as archive:
        assert archive.namelist() == ["edge_srcnn.json", "golden.bin"]
        assert archive.testzip() is None
        assert json.loads(archive.read("edge_srcnn.json"))["name"] == "srcnn-915-x2"
        digest_of_the_rest = hashlib.sha256(model_bytes[: -len(archive.comment)]).hexdigest()
        assert archive.comment == b"sha256:" + digest_of_the_rest.encode()
    assert parse_model(model_bytes, "").graph == graph


def test_an_interpreter_loads_the_file_with_the_zip_appended(engine, model_bytes, graph):
    plane = (golden_plane().astype(np.int16) - 128).astype(np.int8)
    assert (
        open_interpreter(engine, model_bytes, 1).compute(plane) == open_interpreter(engine, graph, 1).compute(plane)
    ).all()


def test_sealing_gives_the_same_bytes_each_time_and_reads_back(model_bytes):
    model = parse_model(model_bytes, "")
    spec = replace(model.spec, name="mine")
    sealed = seal_model(spec, model.graph, model.golden)
    assert sealed == seal_model(spec, model.graph, model.golden)
    again = parse_model(sealed, "")
    assert (again.spec, again.graph) == (spec, model.graph)
    assert (again.golden == model.golden).all()


def test_the_rules_of_the_docstring_make_a_file_that_is_read(model_bytes, reseal):
    assert parse_model(reseal(model_bytes), "").spec == parse_model(model_bytes, "").spec


@pytest.mark.parametrize("data", [b"", b"T", b"TFL3", b"not a model at all", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_a_file_of_another_kind_is_no_model(data):
    assert refusal(data) is NotAModel


def test_a_file_truncated_at_any_length_is_refused(model_bytes, graph):
    lengths = {*range(0, len(model_bytes), 101), *range(len(model_bytes) - 300, len(model_bytes))}
    for length in sorted(lengths):
        refusal(model_bytes[:length])


def test_a_graph_that_ends_too_early_is_called_truncated(graph):
    for length in {*range(8, len(graph), 61), len(graph) - 1}:
        assert refusal(graph[:length]) is ModelTruncated, length


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_zip_that_ends_too_early_is_called_truncated(model_bytes, graph, part):
    assert refusal(model_bytes[: len(graph) + int((len(model_bytes) - len(graph)) * part)]) is ModelTruncated


@pytest.mark.slow
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_one_flipped_byte_anywhere_is_found(model_bytes, flip):
    places = {*range(0, len(model_bytes), 97), *range(len(model_bytes) - 200, len(model_bytes)), *range(16)}
    for place in sorted(places):
        damaged = bytearray(model_bytes)
        damaged[place] ^= flip
        kind = refusal(bytes(damaged))
        if 8 <= place < len(model_bytes) - 71:  # behind the magic, before "sha256:" and 64 digits
            assert kind is ModelAltered, place


@pytest.mark.parametrize("extra", [b"\0", b"\n", b"trailing bytes" * 100])
def test_appended_bytes_are_found(model_bytes, extra):
    assert issubclass(refusal(model_bytes + extra), ModelAltered)


def test_bytes_in_front_are_found(model_bytes):
    refusal(b"\0" + model_bytes)


def test_a_plain_tflite_model_is_told_from_a_damaged_one(graph):
    assert refusal(graph) is ModelMetadataMissing


@pytest.mark.parametrize(("unshuffle", "scale"), [(1, 2), (1, 3), (2, 4)])
def test_a_golden_output_on_the_cameras_grid_is_larger_than_the_input(model_bytes, unshuffle, scale):
    model = parse_model(model_bytes, "")
    grids = {"plane": "luma", "unshuffle": unshuffle, "shuffle": unshuffle * scale, "scale": scale}
    golden = np.zeros([side * scale for side in GOLDEN_SHAPE], np.uint8)
    read = parse_model(seal_model(replace(model.spec, **grids), model.graph, golden), "")
    assert read.golden.shape == (GOLDEN_SHAPE[0] * scale, GOLDEN_SHAPE[1] * scale)
    with pytest.raises(ModelMetadataMissing, match="golden"):
        parse_model(seal_model(replace(model.spec, **grids), model.graph, model.golden), "")


@pytest.mark.parametrize("without", ["edge_srcnn.json", "golden.bin"])
def test_a_missing_entry_of_the_zip_is_refused(model_bytes, reseal, without):
    assert refusal(reseal(model_bytes, without=without)) is ModelMetadataMissing


def test_a_golden_output_of_another_size_is_refused(model_bytes, reseal):
    assert refusal(reseal(model_bytes, golden=lambda stored: stored[:-1])) is ModelMetadataMissing


def test_a_seal_around_no_zip_at_all_is_refused(graph):
    sealed = graph + b"sha256:" + hashlib.sha256(graph).hexdigest().encode()
    assert refusal(sealed) is ModelMetadataMissing


def test_wild_offsets_in_the_flatbuffer_do_not_crash(graph):
    random = np.random.default_rng(0)
    for _ in range(300):
        wild = bytearray(graph)
        for place in random.integers(8, 200, 4):
            wild[place : place + 4] = struct.pack("<I", int(random.integers(0, 1 << 32)))
        refusal(bytes(wild))


def test_a_missing_or_unreadable_file_is_no_input(tmp_path):
    for path in (tmp_path / "none.tflite", tmp_path):
        with pytest.raises(NoInput, match="cannot be read"):
            read_model(path)


def test_the_golden_input_covers_the_whole_range_and_is_always_the_same():
    plane = golden_plane()
    assert (plane.shape, plane.dtype) == (GOLDEN_SHAPE, np.uint8)
    assert (plane.min(), plane.max()) == (0, 255)
    assert digest(plane) == digest(golden_plane()) == hashlib.sha256(plane.tobytes()).hexdigest()


def test_the_digest_of_a_plane_is_row_by_row_whatever_its_memory():
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert digest(plane.T) == digest(plane.T.copy()) == digest(plane.T.tobytes())
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1

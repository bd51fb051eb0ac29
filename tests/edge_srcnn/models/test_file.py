"""The model file: read whole, or refused with the reason; never handed on damaged."""

import hashlib
import io
import json
import struct
import zipfile
from dataclasses import asdict, replace

import numpy as np
import pytest

from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.errors import (
    ModelAltered,
    ModelError,
    ModelMetadataMissing,
    ModelTruncated,
    ModelUnsupported,
    ModelVersionUnknown,
    NoInput,
    NotAModel,
)
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import FORMAT, GOLDEN_SHAPE, digest, golden_plane, parse_model, read_model, seal_model


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


def test_a_later_format_is_refused_with_the_cure(model_bytes, reseal):
    later = reseal(model_bytes, spec=lambda stored: {**stored, "format": FORMAT + 1})
    with pytest.raises(ModelVersionUnknown, match=f"format {FORMAT + 1}.*pip install"):
        parse_model(later, "m.tflite")


def test_what_a_later_version_adds_is_passed_over(model_bytes, reseal):
    def more(stored):
        return {**stored, "weather": "fair", "training": {**stored["training"], "weather": "fair"}}

    assert parse_model(reseal(model_bytes, spec=more), "").spec == parse_model(model_bytes, "").spec


def test_a_later_format_may_have_other_fields(model_bytes, reseal):
    assert refusal(reseal(model_bytes, spec=lambda stored: {"format": FORMAT + 1})) is ModelVersionUnknown


@pytest.fixture
def sealed_now(model_bytes):
    """The same model in the format of today."""
    model = parse_model(model_bytes, "")
    return seal_model(model.spec, model.graph, model.golden)


def test_a_file_of_format_1_reads_as_what_it_says_in_format_2(model_bytes, sealed_now):
    assert (b'"format": 1' in model_bytes, b'"format": 2' in sealed_now) == (True, True)
    assert parse_model(model_bytes, "").spec == parse_model(sealed_now, "").spec


@pytest.mark.parametrize("name", ["kernels", "filters"])
def test_a_field_that_format_1_has_and_misses_is_named(model_bytes, reseal, name):
    less = reseal(model_bytes, spec=lambda stored: {k: v for k, v in stored.items() if k != name})
    with pytest.raises(ModelMetadataMissing, match=name):
        parse_model(less, "m.tflite")


def test_any_missing_field_is_named(sealed_now, reseal):
    for name in asdict(parse_model(sealed_now, "").spec):
        less = reseal(sealed_now, spec=lambda stored, name=name: {k: v for k, v in stored.items() if k != name})
        with pytest.raises(ModelMetadataMissing, match=name):
            parse_model(less, "m.tflite")


@pytest.mark.parametrize(
    "change",
    [
        {"format": None},
        {"format": "1"},
        {"training": None},
        {"training": {}},
        {"training": {"data": ["t91"]}},
        {"quality": None},
        {"quality": [1]},
        {"quality": [{"set": "set5"}]},
        {"kernels": None},
        {"filters": 64},
    ],
)
def test_fields_of_another_shape_are_incomplete_metadata(model_bytes, reseal, change):
    assert refusal(reseal(model_bytes, spec=lambda stored: {**stored, **change})) is ModelMetadataMissing


@pytest.mark.parametrize(
    "change", [{"scale": "2"}, {"scale": 2.0}, {"scale": 0}, {"scale": None}, {"halo_px": -1}, {"halo_px": "6"}]
)
def test_sizes_that_are_none_are_unsupported(model_bytes, reseal, change):
    assert refusal(reseal(model_bytes, spec=lambda stored: {**stored, **change})) is ModelUnsupported


@pytest.mark.parametrize("change", [{"layers": None}, {"layers": [9, 1]}, {"layers": [[9, 64, 1]]}, {"layers": 3}])
def test_layers_of_another_shape_are_incomplete_metadata(sealed_now, reseal, change):
    assert refusal(reseal(sealed_now, spec=lambda stored: {**stored, **change})) is ModelMetadataMissing


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"plane": "chroma"}, "known are bicubic, luma"),
        ({"plane": "luma"}, "puts out blocks of 2, not of 1"),  # for x2
        ({"plane": "luma", "unshuffle": 2, "shuffle": 2}, "puts out blocks of 4, not of 2"),
        ({"shuffle": 2}, "puts out blocks of 1, not of 2"),
        ({"unshuffle": 0}, "unshuffle 0"),
        ({"shuffle": True}, "shuffle True"),
        ({"layers": [[9, 64], [1, 0], [5, 1]]}, "layers 0"),
        ({"layers": [["9", 64], [1, 32], [5, 1]]}, "layers '9'"),
    ],
)
def test_grids_that_do_not_fit_each_other_are_told_apart(sealed_now, reseal, change, says):
    with pytest.raises(ModelUnsupported, match=says):
        parse_model(reseal(sealed_now, spec=lambda stored: {**stored, **change}), "m.tflite")


@pytest.mark.parametrize(("unshuffle", "scale"), [(1, 2), (1, 3), (2, 4)])
def test_a_golden_output_on_the_cameras_grid_is_larger_than_the_input(model_bytes, unshuffle, scale):
    model = parse_model(model_bytes, "")
    grids = {"plane": "luma", "unshuffle": unshuffle, "shuffle": unshuffle * scale, "scale": scale}
    golden = np.zeros([side * scale for side in GOLDEN_SHAPE], np.uint8)
    read = parse_model(seal_model(replace(model.spec, **grids), model.graph, golden), "")
    assert read.golden.shape == (GOLDEN_SHAPE[0] * scale, GOLDEN_SHAPE[1] * scale)
    with pytest.raises(ModelMetadataMissing, match="golden"):
        parse_model(seal_model(replace(model.spec, **grids), model.graph, model.golden), "")


@pytest.mark.parametrize("stored", [[], "text", 1, None])
def test_metadata_that_is_no_object_is_refused(model_bytes, reseal, stored):
    assert refusal(reseal(model_bytes, spec=lambda _: stored)) is ModelMetadataMissing


@pytest.mark.parametrize("raw", [b"{", b"\xff\xfe", b" "])
def test_metadata_that_is_no_json_is_refused(model_bytes, reseal, raw):
    assert refusal(reseal(model_bytes, raw_spec=raw)) is ModelMetadataMissing


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


def test_the_work_for_a_pixel_is_known_from_kernels_and_filters(model_bytes):
    spec = parse_model(model_bytes, "").spec
    assert spec.macs_per_pixel == 9 * 9 * 1 * 64 + 1 * 1 * 64 * 32 + 5 * 5 * 32 * 1 == 8032
    assert replace(spec, layers=((9, 64), (5, 32), (5, 1))).macs_per_pixel == 9 * 9 * 64 + 5 * 5 * 64 * 32 + 5 * 5 * 32


def test_the_work_for_a_pixel_counts_the_sub_pixels_of_the_result(model_bytes):
    spec = parse_model(model_bytes, "").spec
    fast = replace(spec, layers=((5, 16), (3, 16), (3, 16), (3, 4)), plane="luma", shuffle=2)
    assert fast.macs_per_pixel == (25 * 16 + 2 * 9 * 16 * 16 + 9 * 16 * 4) / 4 == 1396
    blocks = replace(spec, layers=((3, 16), (3, 16), (3, 16)), plane="luma", unshuffle=2, shuffle=4)
    assert blocks.macs_per_pixel == (9 * 4 * 16 + 9 * 16 * 16 + 9 * 16 * 16) / 16 == 324


def test_how_a_model_is_trained_again_is_kept_and_may_be_absent(model_bytes, reseal):
    model = parse_model(model_bytes, "")
    spec = replace(model.spec, training=replace(model.spec.training, command="edge-srcnn export --int8"))
    assert parse_model(seal_model(spec, model.graph, model.golden), "").spec == spec

    def without_command(stored):
        stored["training"].pop("command", None)
        return stored

    assert parse_model(reseal(model_bytes, spec=without_command), "").spec.training.command is None


def test_the_golden_input_covers_the_whole_range_and_is_always_the_same():
    plane = golden_plane()
    assert (plane.shape, plane.dtype) == (GOLDEN_SHAPE, np.uint8)
    assert (plane.min(), plane.max()) == (0, 255)
    assert digest(plane) == digest(golden_plane()) == hashlib.sha256(plane.tobytes()).hexdigest()


def test_the_digest_of_a_plane_is_row_by_row_whatever_its_memory():
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert digest(plane.T) == digest(plane.T.copy()) == digest(plane.T.tobytes())
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1

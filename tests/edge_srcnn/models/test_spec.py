"""A model's description: read in today's words, or refused with the reason."""

from dataclasses import asdict, replace

import pytest

from edge_srcnn.errors import (
    ModelError,
    ModelMetadataMissing,
    ModelUnsupported,
    ModelVersionUnknown,
)
from edge_srcnn.models.file import parse_model, seal_model
from edge_srcnn.models.spec import FORMAT


def refusal(data: bytes) -> type[ModelError]:
    with pytest.raises(ModelError) as caught:
        parse_model(data, "m.tflite")
    assert str(caught.value).startswith("m.tflite: ")
    assert "\n" not in str(caught.value)
    return caught.type


def test_a_later_format_is_refused_with_the_cure(model_bytes, reseal):
    later = reseal(model_bytes, spec=lambda stored: {**stored, "format": FORMAT + 1})
    with pytest.raises(ModelVersionUnknown, match=f"format {FORMAT + 1}.*install a newer version"):
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
        ({"plane": "luma", "scale": 1, "shuffle": 2}, "for x1, .* puts out blocks of 1, not of 2"),
        ({"unshuffle": 0}, "unshuffle 0"),
        ({"shuffle": True}, "shuffle True"),
        ({"layers": [[9, 64], [1, 0], [5, 1]]}, "layers 0"),
        ({"layers": [["9", 64], [1, 32], [5, 1]]}, "layers '9'"),
    ],
)
def test_grids_that_do_not_fit_each_other_are_told_apart(sealed_now, reseal, change, says):
    with pytest.raises(ModelUnsupported, match=says):
        parse_model(reseal(sealed_now, spec=lambda stored: {**stored, **change}), "m.tflite")


@pytest.mark.parametrize("stored", [[], "text", 1, None])
def test_metadata_that_is_no_object_is_refused(model_bytes, reseal, stored):
    assert refusal(reseal(model_bytes, spec=lambda _: stored)) is ModelMetadataMissing


@pytest.mark.parametrize("raw", [b"{", b"\xff\xfe", b" "])
def test_metadata_that_is_no_json_is_refused(model_bytes, reseal, raw):
    assert refusal(reseal(model_bytes, raw_spec=raw)) is ModelMetadataMissing


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

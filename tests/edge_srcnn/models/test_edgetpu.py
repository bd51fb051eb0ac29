"""A model file with a form for an Edge TPU: read whole, or refused; ordinary files know nothing of it."""

import io
import json
import zipfile
from dataclasses import replace

import pytest

from edge_srcnn.errors import ModelMetadataMissing
from edge_srcnn.models.edgetpu import TpuForm
from edge_srcnn.models.file import digest, parse_model, seal_model

FORM = TpuForm(b"\x1c\0\0\0TFL3 a packed graph", (2, 4), (16, 32), (6, 6, 8, 8))


@pytest.fixture
def model(model_bytes):
    return parse_model(model_bytes, "")


def sealed_with(data, **members):
    """The file with other members in its zip; None leaves one out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
        head = data[: min(entry.header_offset for entry in archive.infolist())]
    buffer = io.BytesIO()
    buffer.write(head)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, content in (contents | members).items():
            if content is not None:
                archive.writestr(name, content)
        archive.comment = b" " * 71
    body = buffer.getvalue()[:-71]
    return body + b"sha256:" + digest(body).encode()


def test_an_ordinary_file_has_no_form(model):
    assert model.tpu is None


@pytest.mark.parametrize("compiler", [None, "16.0.384591198"])
def test_the_form_is_read_as_it_was_written(model, compiler):
    form = replace(FORM, compiler=compiler)
    again = parse_model(seal_model(model.spec, model.graph, model.golden, form), "")
    assert (again.tpu, again.graph, again.spec) == (form, model.graph, model.spec)


def test_shapes_are_in_blocks():
    assert FORM.input_shape == ((16 + 6 + 6) // 2, (32 + 8 + 8) // 4, 8)
    assert FORM.output_shape == (8, 8, 8)


GOOD = {"block": [2, 2], "tile": [4, 4], "halo": [6, 6, 6, 6], "compiler": None}


@pytest.mark.parametrize(
    "facts",
    [
        *(b"", b"{", b"[]", b"7", b"null", b"{}", b'"text"'),
        *(json.dumps({name: GOOD[name] for name in GOOD if name != missing}).encode() for missing in GOOD),
        *(
            json.dumps({**GOOD, **wrong}).encode()
            for wrong in (
                {"block": [2]},
                {"block": [2, 0]},
                {"block": 2},
                {"tile": [4.0, 4]},
                {"tile": [-4, 4]},
                {"tile": None},
                {"halo": [6, 6, 6]},
                {"halo": "6666"},
                {"halo": [6, 6, 6, True]},
                {"compiler": 16},
            )
        ),
    ],
)
def test_facts_of_another_shape_are_refused(model, facts):
    data = seal_model(model.spec, model.graph, model.golden, FORM)
    with pytest.raises(ModelMetadataMissing):
        parse_model(sealed_with(data, **{"edgetpu.json": facts}), "m.tflite")


def test_a_form_without_the_plain_graph_is_refused(model):
    data = seal_model(model.spec, model.graph, model.golden, FORM)
    assert parse_model(sealed_with(data), "").tpu == FORM
    with pytest.raises(ModelMetadataMissing, match=r"plain\.tflite"):
        parse_model(sealed_with(data, **{"plain.tflite": None}), "m.tflite")

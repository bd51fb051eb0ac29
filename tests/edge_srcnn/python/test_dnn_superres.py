"""``edge_srcnn.DnnSuperResImpl``: the methods of opencv-contrib's class, and our networks."""

import logging

import cv2
import numpy as np
import pytest

import edge_srcnn
from edge_srcnn.errors import ModelUnsupported, NoInput, UsageError
from edge_srcnn.python.dnn_superres import FAMILIES


@pytest.fixture
def bgr(texture):
    return texture(20, 30, 3)


@pytest.mark.parametrize(
    ("algo", "scale", "model"),
    [
        ("fsrcnn", 2, "fast-s-x2"),
        ("espcn", 3, "fast-s-x3"),
        ("ESPCN", 4, "fast-s-x4"),
        ("lapsrn", 2, "fast-l-x2"),
        ("edsr", 4, "fast-xl-x4"),
        ("edsr", 1, "fast-m-x1-camera"),
        ("", 3, "fast-xl-x3"),
        ("auto", 2, "fast-xl-x2"),
        ("fast-m", 3, "fast-m-x3"),
        ("srcnn-915", 2, "srcnn-915-x2"),
        ("fast-m-x2-camera", 2, "fast-m-x2-camera"),
    ],
)
def test_an_algorithm_is_one_of_our_models(algo, scale, model, bgr):
    sr = edge_srcnn.DnnSuperResImpl_create()
    sr.setModel(algo, scale)
    assert (sr.getAlgorithm(), sr.getScale()) == (algo, scale)
    large = sr.upsample(bgr)
    assert large.shape == (20 * scale, 30 * scale, 3)
    with edge_srcnn.load_model(model) as alone:
        assert np.array_equal(large[..., ::-1], alone.upscale(bgr[..., ::-1]))


def test_faster_algorithms_are_faster_models():
    assert list(FAMILIES) == ["fsrcnn", "espcn", "lapsrn", "edsr"]
    assert list(dict.fromkeys(FAMILIES.values())) == ["fast-s", "fast-l", "fast-xl"]


def test_a_script_of_opencvs_tutorial_runs(bgr, tmp_path, upscalers):
    cv2.imwrite(str(tmp_path / "image.png"), bgr)
    sr = edge_srcnn.DnnSuperResImpl.create()
    image = cv2.imread(str(tmp_path / "image.png"))
    sr.readModel("fast-s-x3")
    sr.setModel("fsrcnn", 3)
    result = sr.upsample(image)
    assert cv2.imwrite(str(tmp_path / "upscaled.png"), result)
    assert np.array_equal(result[..., ::-1], upscalers(3, name="fast-s-x3").upscale(bgr[..., ::-1]))


def test_grey_floats_and_an_array_of_ones_own(bgr):
    sr = edge_srcnn.DnnSuperResImpl("fsrcnn", 2)
    large = sr.upsample(bgr)
    assert np.array_equal(sr.upsample(bgr.astype(np.float32)), large)
    grey = sr.upsample(bgr[..., 0])
    assert grey.shape == (40, 60)
    assert np.array_equal(sr.upsample(bgr[..., :1]), grey)
    out = np.empty_like(large)
    assert sr.upsample(bgr, out) is out
    assert np.array_equal(out, large)


def test_several_factors_at_once(bgr):
    sr = edge_srcnn.DnnSuperResImpl("lapsrn", 2)
    appended: list[np.ndarray] = []
    made = sr.upsampleMultioutput(bgr, appended, [2, 4], ["NCHW_output_2x", "NCHW_output_4x"])
    assert [each.shape for each in made] == [(40, 60, 3), (80, 120, 3)]
    assert all(a is b for a, b in zip(made, appended, strict=True))
    assert np.array_equal(made[0], sr.upsample(bgr))
    sr.setModel("fast-s-x2", 2)
    with pytest.raises(UsageError, match="fast-s-x2: is for x2, and x4 is asked for"):
        sr.upsampleMultioutput(bgr, None, [2, 4])


@pytest.mark.parametrize(
    ("do", "error", "said"),
    [
        (lambda sr: sr.setModel("srgan", 2), UsageError, "no algorithm or model is called 'srgan'; there are: fsrcnn"),
        (lambda sr: sr.setModel("lapsrn", 8), UsageError, "scale 8: the bundled models are for 1, 2, 3, 4"),
        (lambda sr: sr.setModel("fast-s-x2", 3), UsageError, "fast-s-x2: is for x2, and x3 is asked for"),
        (lambda sr: sr.readModel("ESPCN_x2.pb"), ModelUnsupported, "leave readModel out"),
        (lambda sr: sr.readModel("nowhere.tflite"), NoInput, "nowhere.tflite: neither a file nor"),
        (lambda sr: (sr.readModel("fast-s-x3"), sr.setModel("espcn", 2)), UsageError, "is for x3, and x2 is asked for"),
        (lambda sr: sr.upsample(None), UsageError, "cv2.imread gives None"),
        (lambda sr: sr.upsample(np.zeros((4, 4, 4), np.uint8)), UsageError, r"not uint8 \[4, 4, 4\]"),
        (lambda sr: sr.upsample(np.zeros((4, 4), np.float64)), UsageError, "must be uint8 or float32"),
        (lambda sr: sr.upsample(np.zeros((0, 4), np.uint8)), UsageError, r"not uint8 \[0, 4\]"),
    ],
)
def test_what_makes_no_sense_is_said(do, error, said):
    sr = edge_srcnn.DnnSuperResImpl()
    with pytest.raises(error, match=said):
        do(sr)


def test_backend_and_target_change_nothing_and_say_so(bgr, caplog):
    sr = edge_srcnn.DnnSuperResImpl("fsrcnn", 2)
    before = sr.upsample(bgr)
    sr.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    sr.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
    assert np.array_equal(sr.upsample(bgr), before)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2

"""Runs the cases in TensorFlow 2.5 on CPython 3.9. Reference kernels must agree byte for byte.

The fast kernels of 2021 (ruy) and those of today (XNNPACK) round differently where a result lies between two levels:
they may differ by one level for each hidden layer but one, in 1 pixel of 1000 for each of these at most. Packed and
plain graph agree byte for byte in either.
"""

import pathlib
import sys

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.interpreter import OpResolverType

KERNELS = {"reference": OpResolverType.BUILTIN_REF, "fast": OpResolverType.AUTO}


def compute(path, pixels, kernels):
    """One run of a file, ``[1, h, w, channels]`` to the same."""
    network = tf.lite.Interpreter(model_path=str(path), experimental_op_resolver_type=kernels)
    entry = network.get_input_details()[0]
    if tuple(entry["shape"]) != pixels.shape:
        network.resize_tensor_input(entry["index"], pixels.shape)
    network.allocate_tensors()
    network.set_tensor(entry["index"], pixels)
    network.invoke()
    return network.get_tensor(network.get_output_details()[0]["index"])


def as_pixels(blocks, side):
    """``[1, rows, columns, side * side]`` in blocks to ``[h, w]``."""
    _, rows, columns, _ = blocks.shape
    return blocks.reshape(rows, columns, side, side).transpose(0, 2, 1, 3).reshape(side * rows, side * columns)


def check(case):
    """Print what was found; True where all is as it must be."""
    stored, well = np.load(str(case.with_suffix(".npz"))), True
    for kind, kernels in KERNELS.items():
        made = compute(case.with_suffix(".tflite"), stored["blocks"], kernels)
        plain = compute(case.with_suffix(".plain"), stored["plane"], kernels)
        apart = np.abs(made.astype(int) - stored[kind])
        shuffle = int(stored["shuffle"])
        same_as_plain = as_pixels(made, 2 * shuffle).tobytes() == as_pixels(plain, shuffle).tobytes()
        if kind == "reference":
            good = made.tobytes() == stored[kind].tobytes() and same_as_plain
        else:
            good = apart.max() <= stored["levels"] and (apart > 0).mean() <= 0.001 * stored["levels"] and same_as_plain
        text = "identical to LiteRT's"
        if apart.any():
            text = f"{(apart > 0).sum()} of {apart.size} differ from LiteRT's, by {apart.max()}"
        plainly = "" if same_as_plain else "; NOT the plain graph's bytes"
        print(f"{'ok' if good else 'FAILED':6} {case.stem}, {kind} kernels: {text}{plainly}")  # noqa: T201
        well = well and good
    return well


def check_refusal(path):
    """A convolution of version 6, as grouped ones have it, must not be parsed; or this rig would prove nothing."""
    try:
        tf.lite.Interpreter(model_path=str(path))
    except ValueError as error:
        good = "Didn't find op for builtin opcode 'CONV_2D' version '6'" in str(error)
        print(f"{'ok' if good else 'FAILED':6} CONV_2D version 6: {str(error).splitlines()[0]}")  # noqa: T201
        return good
    print("FAILED CONV_2D version 6: it was parsed")  # noqa: T201
    return False


folder = pathlib.Path(sys.argv[1])
print(f"TensorFlow {tf.__version__}, numpy {np.__version__}")  # noqa: T201
results = [check(case) for case in sorted(folder.glob("*.npz"))]
results.append(check_refusal(folder / "version6.tflite"))
sys.exit(0 if len(results) > 1 and all(results) else 1)

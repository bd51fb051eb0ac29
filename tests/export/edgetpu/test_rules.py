"""What an Edge TPU runs is what Coral says that it runs."""

import tflite

from export.edgetpu import rules

# coral.ai/docs/edgetpu/models-intro, "Supported operations"; LSTM: "unidirectional only"
CORAL = (
    "Add AveragePool2d Concatenation Conv2d DepthwiseConv2d ExpandDims FullyConnected L2Normalization "
    "Logistic LSTM Maximum MaxPool2d Mean Minimum Mul Pack Pad PReLU Quantize ReduceMax ReduceMin ReLU "
    "ReLU6 ReLUN1To1 Reshape ResizeBilinear ResizeNearestNeighbor Rsqrt Slice Softmax SpaceToDepth Split "
    "SquaredDifference Squeeze StridedSlice Sub Sum Tanh Transpose TransposeConv"
)


def test_the_operations_are_those_of_corals_table() -> None:
    names = {name.replace("_", "").lower(): name for name in tflite.BUILTIN_OPCODE2NAME.values()}
    names["lstm"] = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    assert set(rules._RULES) == {names[name.lower()] for name in CORAL.split()}
    assert set(rules._RULES) <= set(rules.op_versions())

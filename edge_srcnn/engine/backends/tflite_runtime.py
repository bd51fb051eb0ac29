"""tflite-runtime: the interpreter of older systems."""

from edge_srcnn.engine.interpreter import TfliteBackend


class TfliteRuntime(TfliteBackend):
    """The package ``tflite-runtime``."""

    module, package = "tflite_runtime.interpreter", "tflite-runtime"
    requirement = "edge-srcnn[tflite]"

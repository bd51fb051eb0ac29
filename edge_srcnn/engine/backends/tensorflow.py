"""TensorFlow: the interpreter inside it, where it is installed anyway."""

import os

from edge_srcnn.engine.interpreter import TfliteBackend

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


class TensorFlow(TfliteBackend):
    """The package ``tensorflow``."""

    module, package, requirement = "tensorflow", "tensorflow", "tensorflow"
    attribute, delegate_loader = "lite.Interpreter", "lite.experimental.load_delegate"

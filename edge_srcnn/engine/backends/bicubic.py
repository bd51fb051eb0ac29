"""Bicubic scaling alone: what is left where no network can be computed."""

import cv2

from edge_srcnn.engine.backends import Backend, Program
from edge_srcnn.engine.graph import Graph
from edge_srcnn.errors import UsageError


class Bicubic(Backend):
    """OpenCV, which is always there."""

    package, requirement, has_network = "opencv-python-headless", "opencv-python-headless", False

    def version(self) -> str | None:
        """Give OpenCV's version."""
        return cv2.__version__

    def compile(self, graph: Graph | bytes, threads: int) -> Program:
        """Refuse: there is no network."""
        raise UsageError(f"--engine {self.name}: there is no network to compute")

"""What a network that was read computes, in float64, by its definition."""

from typing import Any

import cv2
import numpy as np

from edge_srcnn.engine.graph import Network
from tests.edge_srcnn.engine.stacks import convolve


def run_chain(network: Network, plane: Any, scale: int) -> Any:
    """Compute a plane ``[h, w]`` with white as 1, mirrored at its border; luma networks are given the camera's."""
    u, v = network.unshuffle, network.shuffle
    halo = network.context_px[0]
    padded = np.pad(plane, halo, mode="reflect")
    height, width = padded.shape
    cells = padded.reshape(height // u, u, width // u, u).transpose(0, 2, 1, 3).reshape(height // u, width // u, u * u)
    for layer in network.graph.layers:
        cells = convolve(cells, layer.weights) + layer.bias
        cells = np.maximum(cells, 0) if layer.relu else cells
    rows, columns = cells.shape[:2]
    result = cells.reshape(rows, columns, v, v).transpose(0, 2, 1, 3).reshape(rows * v, columns * v)
    if network.residual:
        size = (plane.shape[1] * (v // u), plane.shape[0] * (v // u))
        result = result + cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC)
    return result


def inner(plane: Any, border: int) -> Any:
    """Cut the border off, where others see zeros, and we a mirror."""
    return plane[border:-border, border:-border]

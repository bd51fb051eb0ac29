"""Round weights to int8 so that the layers' outputs, not the weights, stay where they were.

Rounding each weight to its nearest step costs SRCNN up to 0.1 dB: neighbouring pixels are almost equal, so the errors
of a filter's 81 weights add up to an error of brightness. Here each weight's rounding error is made good by those
that are not quantized yet, in the metric of the layer's real inputs: Frantar et al., "GPTQ" (2022), algorithm 1, per
output channel. What is left of the mean goes into the bias, and each layer is refitted to what the quantized layers
before it really put out (Nagel et al., "Up or Down?" (2020), section 4). The converter then finds every weight on a
step of its own grid, and rounds nothing any more.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from export.architectures import Layer
from export.data.pairs import Float32Array
from export.int8.even import round_even
from export.int8.nearest import STEPS, Float64Array, nearest_integers

N_ROWS = 24_000
DAMPING = 1e-4
TINY = 1e-12
_ACTIVATION_STEPS = 255


def round_layers(
    layers: tuple[Layer, ...],
    samples: list[Float32Array],
    *,
    range_share: float = 1.0,
    even: bool = False,
    seed: int = 0,
) -> tuple[Layer, ...]:
    """Round all weights to their int8 grids, layer by layer.

    Parameters
    ----------
    layers
        The float network.
    samples
        Inputs, float32 ``[1, h, w, u * u]`` in 0..1, all of one size: the representative dataset.
    range_share
        Where the int8 range of a hidden layer ends, as a share of its largest value.
    even
        The last layer is to stay even, see ``export.int8.even``.
    seed
        Chooses the places of the samples by which the layers are fitted.

    Returns
    -------
    Layers of the same shapes whose kernels are whole multiples of (largest magnitude / 127) in each channel; an even
    layer has one step for all.
    """
    rng = np.random.default_rng(seed)
    exact = [sample[0].astype(np.float32) for sample in samples]
    quantized = exact
    found = []
    for number, layer in enumerate(layers):
        last = number == len(layers) - 1
        x_exact, x_quantized = _rows(exact, quantized, layer.kernel.shape[0], rng)
        found.append(_round_layer(layer, x_exact, x_quantized, even=even and last))
        if not last:
            exact = [np.maximum(convolve(plane, layer), 0) for plane in exact]
            outputs = [np.maximum(convolve(plane, found[-1]), 0) for plane in quantized]
            quantized = _on_grid(outputs, range_share)
    return tuple(found)


def _round_layer(layer: Layer, x_exact: Float64Array, x_quantized: Float64Array, *, even: bool) -> Layer:
    """Fit the layer to its quantized inputs, then round it; rows are inputs ``[n, taps]``."""
    taps = x_exact.shape[1]
    kernel = layer.kernel.reshape(taps, -1).astype(np.float64)
    mean_exact, mean_quantized = x_exact.mean(axis=0), x_quantized.mean(axis=0)
    centred = x_quantized - mean_quantized
    hessian = centred.T @ centred / len(centred)
    hessian[np.diag_indices(taps)] += DAMPING * np.trace(hessian) / taps + TINY
    # the least change of the kernel that maps the quantized inputs to the exact outputs
    missed = centred.T @ ((x_exact - mean_exact - centred) @ kernel) / len(centred)
    fitted = kernel + np.linalg.solve(hessian, missed)
    if even:
        on_grid = round_even(fitted, hessian, layer.kernel.shape[0])
    else:
        on_grid = np.stack([_round_channel(column, hessian) for column in fitted.T], axis=1)
    bias = layer.bias + mean_exact @ kernel - mean_quantized @ on_grid
    bias = np.full_like(bias, bias.mean()) if even else bias
    return Layer(on_grid.reshape(layer.kernel.shape).astype(np.float32), bias.astype(np.float32))


def _round_channel(weights: Float64Array, hessian: Float64Array) -> Float64Array:
    """Round one output channel ``[taps]``; the largest weight, which fixes the grid, comes first and stays exact."""
    largest = int(np.argmax(np.abs(weights)))
    step = abs(weights[largest]) / STEPS
    if step == 0.0:
        return weights
    return np.asarray(step * nearest_integers(weights / step, hessian, first=largest, most=STEPS))


def _rows(
    exact: list[Float32Array], quantized: list[Float32Array], kernel_px: int, rng: np.random.Generator
) -> tuple[Float64Array, Float64Array]:
    """Draw the same random windows of exact and quantized inputs: rows ``[n, k * k * channels]``."""
    per_sample = max(N_ROWS // len(exact), 1)
    pairs: tuple[list[Float32Array], list[Float32Array]] = ([], [])
    for planes in zip(exact, quantized, strict=True):
        h, w = (side - kernel_px + 1 for side in planes[0].shape[:2])
        chosen = rng.integers(h, size=per_sample), rng.integers(w, size=per_sample)
        for rows, plane in zip(pairs, planes, strict=True):
            windows = sliding_window_view(plane, (kernel_px, kernel_px), axis=(0, 1))
            rows.append(windows[chosen].transpose(0, 2, 3, 1).reshape(per_sample, -1))
    first, second = (np.concatenate(rows).astype(np.float64) for rows in pairs)
    return first, second


def convolve(plane: Float32Array, layer: Layer) -> Float32Array:
    """Convolve a plane with a layer, VALID: ``[h, w, inputs]`` to ``[h', w', outputs]``."""
    k = layer.kernel.shape[0]
    windows = sliding_window_view(plane, (k, k), axis=(0, 1))  # [h', w', inputs, k, k]
    h, w = windows.shape[:2]
    flat = windows.transpose(0, 1, 3, 4, 2).reshape(h * w, -1)
    out: Float32Array = (flat @ layer.kernel.reshape(flat.shape[1], -1) + layer.bias).reshape(h, w, -1)
    return out


def _on_grid(planes: list[Float32Array], range_share: float) -> list[Float32Array]:
    """Round activations to 255 steps of the range from 0 to ``range_share`` of their largest, as int8 does."""
    step = range_share * max(float(plane.max()) for plane in planes) / _ACTIVATION_STEPS
    if step == 0.0:
        return planes
    return [(np.minimum(np.rint(plane / step), _ACTIVATION_STEPS) * step).astype(np.float32) for plane in planes]

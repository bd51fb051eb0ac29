"""Cut the pieces of benchmark pictures that a report shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.file import Model
from edge_srcnn.upscaler import open_model
from export.data.degradation import degrade

CROP_PX = 96
PICTURES_OF_A_SET = 4


@dataclass(frozen=True)
class Crop:
    """Hold the same piece of a picture three times: uint8 ``[h, w]`` each, of one shape.

    ``base`` is bicubic scaling's; at scale 1, the input.
    """

    name: str
    base: UInt8Array
    sharpened: UInt8Array
    hr: UInt8Array


def cut_crops(model: Model, sets: Mapping[str, Sequence[UInt8Array]]) -> tuple[Crop, ...]:
    """Cut the most textured square of some pictures of each set."""
    found = []
    with open_model(model) as upscaler:
        for name, hr_planes in sets.items():
            for number, hr in enumerate(hr_planes[:PICTURES_OF_A_SET], 1):
                small = degrade(model.spec.degradation, hr, model.spec.scale, number)
                base, sharp = upscale_bicubic(small, model.spec.scale), upscaler.upscale(small)
                window = _busiest(hr)
                found.append(Crop(f"{name} {number}", base[window], sharp[window], hr[window]))
    return tuple(found)


def _busiest(plane: UInt8Array) -> tuple[slice, slice]:
    """Find the square of a plane with the largest standard deviation."""
    h, w = (min(side, CROP_PX) for side in plane.shape)
    corners = [
        (top, left)
        for top in range(0, plane.shape[0] - h + 1, CROP_PX // 4)
        for left in range(0, plane.shape[1] - w + 1, CROP_PX // 4)
    ]
    top, left = max(corners, key=lambda corner: float(plane[corner[0] :, corner[1] :][:h, :w].std()))
    return slice(top, top + h), slice(left, left + w)

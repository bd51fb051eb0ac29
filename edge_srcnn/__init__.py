"""Make camera pictures sharper on small computers.

>>> import edge_srcnn
>>> sharp = edge_srcnn.upscale(pixels)  # uint8 [h, w], [h, w, 3] or [h, w, 4]  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from edge_srcnn.errors import EdgeSrcnnError

if TYPE_CHECKING:
    from edge_srcnn.upscaler import Upscaler, load_model, upscale

__all__ = ["EdgeSrcnnError", "Upscaler", "__version__", "load_model", "upscale"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what needs numpy and OpenCV when it is asked for: ``edge-srcnn --help`` does without."""
    if name in ("load_model", "upscale", "Upscaler"):
        from edge_srcnn import upscaler

        return getattr(upscaler, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, those that are not imported yet among them."""
    return __all__

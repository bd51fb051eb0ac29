"""Make camera pictures sharper on small computers.

>>> import edge_srcnn
>>> sharp = edge_srcnn.upscale(pixels)  # uint8 [h, w], [h, w, 3] or [h, w, 4]  # doctest: +SKIP
>>> for frame in edge_srcnn.stream("/dev/video0"):  # doctest: +SKIP
...     show(frame.bgr())
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edge_srcnn.errors import EdgeSrcnnError

if TYPE_CHECKING:
    from edge_srcnn.imaging.frame import EnhancedFrame
    from edge_srcnn.python.async_stream import AsyncFrameStream, astream
    from edge_srcnn.python.dnn_superres import DnnSuperResImpl, DnnSuperResImpl_create
    from edge_srcnn.python.stream import FrameStream, stream
    from edge_srcnn.python.video_capture import VideoCapture
    from edge_srcnn.upscaler import Upscaler, load_model, upscale

__all__ = [
    "AsyncFrameStream",
    "DnnSuperResImpl",
    "DnnSuperResImpl_create",
    "EdgeSrcnnError",
    "EnhancedFrame",
    "FrameStream",
    "Upscaler",
    "VideoCapture",
    "__version__",
    "astream",
    "load_model",
    "stream",
    "upscale",
]
__version__ = "0.1.0"

_MODULES = {
    "edge_srcnn.imaging.frame": ("EnhancedFrame",),
    "edge_srcnn.python.async_stream": ("AsyncFrameStream", "astream"),
    "edge_srcnn.python.dnn_superres": ("DnnSuperResImpl", "DnnSuperResImpl_create"),
    "edge_srcnn.python.stream": ("FrameStream", "stream"),
    "edge_srcnn.python.video_capture": ("VideoCapture",),
    "edge_srcnn.upscaler": ("Upscaler", "load_model", "upscale"),
}


def __getattr__(name: str) -> Any:
    """Import what needs numpy and OpenCV when it is asked for: ``edge-srcnn --help`` does without."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, those that are not imported yet among them."""
    return __all__

"""Say why a library cannot be imported, and what to type: missing, or built for another numpy."""

import importlib
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from types import TracebackType

from edge_srcnn.errors import Unavailable, reason
from edge_srcnn.system.installation import how_to_install, in_image

_SIGNS = re.compile(
    r"size changed, may indicate binary incompatibility"
    r"|has the wrong size, try recompiling"
    r"|numpy\._?core\.\w+ failed to import"
    r"|_ARRAY_API not found"
    r"|compiled using NumPy 1\.x cannot be run"
    r"|compiled against A[PB]I version"
)
"""How numpy and Cython say that a module was compiled for another numpy."""

_PROJECTS = {
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "ai_edge_litert": "ai-edge-litert",
    "skimage": "scikit-image",
}
"""On PyPI, of the modules that are not called as their project is."""
_SYSTEM_ONLY = frozenset({"libcamera", "picamera2", "pykms", "kms", "tflite_runtime"})
"""Modules of which only the system, or a project that has ended, has packages: they stay, and numpy must fit them."""

_NOT_TO_BLAME = frozenset({"numpy", "importlib", "_frozen_importlib", "_frozen_importlib_external", "edge_srcnn"})


def why_not_imported(what: str, error: BaseException, requirement: str) -> str:
    """Explain why a library cannot be imported.

    Parameters
    ----------
    what
        Its name, and what it is for.
    error
        What its import raised.
    requirement
        What brings it, as ``how_to_install`` takes it.

    Returns
    -------
    The cause and the cure, in one line.
    """
    if (clash := numpy_clash(error)) is not None:
        return f"{what} cannot be imported: {clash}"
    fault = "is not installed" if isinstance(error, ModuleNotFoundError) else "cannot be imported"
    return f"{what} {fault} ({reason(error)}): {how_to_install(requirement)}"


def need_pyav(name: str, module: str = "av", what: str = "PyAV, needed for video,") -> None:
    """Import PyAV, or another library of video; ``Unavailable`` where it is missing or broken, with the cure."""
    try:
        importlib.import_module(module)
    except Exception as error:  # one that was built for other libraries raises anything
        why = why_not_imported(what, error, "edge-srcnn[video]")
        raise Unavailable(f"{name}: {why}") from error


def numpy_clash(error: BaseException) -> str | None:
    """Explain an import that failed since a compiled module was built for another numpy, with the cure.

    The system's packages are built for the system's numpy, and a virtual environment brings its own.

    Parameters
    ----------
    error
        What the import raised.

    Returns
    -------
    Cause and cure; None where it is something else.
    """
    found = [each for each in _chain(error) if _SIGNS.search(str(each))]
    if not found:
        return None
    module, numpy = _culprit(found), _version("numpy")
    if module in _SYSTEM_ONLY:
        other = "<2" if (numpy or "2").startswith("2") else ">=2"
        image = in_image()
        cure = f"sudo apt full-upgrade; {image} brings its own numpy" if image else how_to_install(f"numpy{other}")
    else:  # PyPI's are built for numpy 2, and work with 1.x, too
        cure = how_to_install(_PROJECTS.get(module, module) or "MODULE", again=True)
    what = f"{module or 'a module'} was built for another numpy than the {numpy or 'one'} of this Python"
    return f"{what} ({reason(error)}); {cure} in its environment ({sys.prefix})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__


def _culprit(errors: list[BaseException]) -> str:
    """Name the package whose import failed: that of the innermost frame that is not the import machinery's."""
    for error in reversed(errors):
        modules = [name for name in map(_top, _frames(error.__traceback__)) if name not in _NOT_TO_BLAME]
        if modules:
            return modules[-1]
    return ""


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        yield str(traceback.tb_frame.f_globals.get("__name__", ""))
        traceback = traceback.tb_next


def _top(module: str) -> str:
    return module.partition(".")[0]


def _version(project: str) -> str | None:
    try:
        return metadata.version(project)
    except metadata.PackageNotFoundError:
        return None

"""What the workstation's commands need beside the runtime: said before anything begins, with what installs it."""

import logging
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from edge_srcnn.errors import Unavailable
from edge_srcnn.system.installation import how_to_install

PACKAGES = ("h5py", "keras", "matplotlib", "skimage", "tensorflow")
"""Modules that the extra ``export`` brings."""


def need_packages(command: str, backend: str | None = None) -> None:
    """Raise ``Unavailable`` where a package is missing, and say what installs it.

    Parameters
    ----------
    command
        What needs them.
    backend
        The Keras back end that was asked for, which the extra may not bring.
    """
    missing = [name for name in PACKAGES if not _is_there(name)]
    if missing:
        raise Unavailable(f"{command} needs {', '.join(missing)}: {how_to_install('edge-srcnn[export]')}")
    if backend is not None and not _is_there(backend):
        raise Unavailable(f"{command} needs {backend}: {how_to_install(backend)}")


def import_keras() -> Any:
    """Import Keras, and drop what TensorFlow says from its import to its exit, unless debugging."""
    from edge_srcnn.system.native_stderr import drop_native_log

    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        drop_native_log()
    return import_module("keras")


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # somebody has put None in its place
        return False

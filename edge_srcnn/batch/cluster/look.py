"""Look at what is installed on a worker; the function travels by its code, since the worker may lack edge-srcnn."""

from collections.abc import Sequence


def look(modules: Sequence[str]) -> dict[str, str]:
    """Import modules by name, and give their versions; those that cannot be imported are left out."""
    import importlib

    found = {}
    for name in modules:
        try:
            module = importlib.import_module(name)
        except Exception:  # a broken library raises anything, and is as good as none
            continue
        libraries = getattr(module, "library_versions", {})  # FFmpeg's, of PyAV
        found[name] = " ".join([str(getattr(module, "__version__", "?")), *(f"{k} {v}" for k, v in libraries.items())])
    return found

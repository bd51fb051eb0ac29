"""Offer values of options to the shell. What is asked for is imported then, since help must stay fast."""

from collections.abc import Iterator
from glob import glob

SIZES = ("640x480", "800x600", "1280x720", "1920x1080")


def models(incomplete: str) -> Iterator[str]:
    """Offer the bundled models."""
    from edge_srcnn.models.bundled import bundled_models

    return _beginning(incomplete, "auto", *bundled_models())


def engines(incomplete: str) -> Iterator[str]:
    """Offer the engines."""
    from edge_srcnn.engine.backends import AUTO, BACKENDS

    return _beginning(incomplete, AUTO, *BACKENDS)


def sources(incomplete: str) -> Iterator[str]:
    """Offer how sources begin, and the cameras that this machine has."""
    return _beginning(
        incomplete, *sorted(glob("/dev/video*")), "picamera2:0", "rtsp://", "http://", "https://", "test:"
    )


def sinks(incomplete: str) -> Iterator[str]:
    """Offer how sinks begin."""
    from edge_srcnn.sinks import KINDS

    named = [kind.example for kind in KINDS if ":" in kind.example]
    return _beginning(incomplete, "http://127.0.0.1:8080", *(each.partition(" ")[0] for each in named))


def sizes(incomplete: str) -> Iterator[str]:
    """Offer sizes that cameras have."""
    return _beginning(incomplete, *SIZES)


def strengths(incomplete: str) -> Iterator[str]:
    """Offer strengths."""
    return _beginning(incomplete, "auto", "0", "0.5", "1")


def assignments(incomplete: str) -> Iterator[str]:
    """Offer settings that can be changed while frames go on."""
    from edge_srcnn.service.changes import CHANGEABLE

    return _beginning(incomplete, *(f"{name}=" for name in CHANGEABLE))


def _beginning(incomplete: str, *values: str) -> Iterator[str]:
    return (value for value in dict.fromkeys(values) if value.startswith(incomplete))

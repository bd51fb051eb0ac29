"""What ``auto`` comes to, and which engine takes the place of one that fails."""

import logging
from contextlib import suppress
from dataclasses import replace

from edge_srcnn.engine.backends import ACCELERATORS, AUTO, BICUBIC, INTERPRETERS, backend_named, installed_interpreter
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import ModelUnsupported
from edge_srcnn.models.file import Model

log = logging.getLogger(__name__)


def candidates(options: EngineOptions, model: Model | None = None) -> tuple[EngineOptions, ...]:
    """List the engines to try: the one that was asked for, this machine's processor, bicubic scaling.

    ``auto`` comes to an accelerator that the model was compiled for, which may be missing; else to the first
    interpreter that is installed; else, with a warning, to bicubic scaling.

    Parameters
    ----------
    options
        What was asked for.
    model
        Counts for ``auto`` alone; None: no accelerator is considered.

    Returns
    -------
    One to three options, none of them ``auto``.
    """
    first = options
    if options.engine == AUTO:
        accelerator = None if options.delegate or model is None else _accelerator_for(model)
        first = replace(options, engine=accelerator or _usual_engine())
    plain = replace(first, isolate=False, delegate=None)
    if not first.backend().has_network:
        return (plain,)
    if may_be_missing(first):
        plain = replace(plain, engine=_usual_engine())
    return tuple(dict.fromkeys((first, plain, replace(plain, engine=BICUBIC))))


def may_be_missing(options: EngineOptions) -> bool:
    """Tell whether an engine is a device that may come later, or get lost."""
    return options.backend().accelerator is not None


def _usual_engine() -> str:
    found = installed_interpreter()
    if found is None:
        cure = backend_named(INTERPRETERS[0]).cure
        log.warning("no TFLite interpreter is installed; falling back to bicubic (%s)", cure)
    return found or BICUBIC


def _accelerator_for(model: Model) -> str | None:
    for name in ACCELERATORS:
        with suppress(ModelUnsupported):
            if backend_named(name).form_of(model) is not None:
                return name
    return None

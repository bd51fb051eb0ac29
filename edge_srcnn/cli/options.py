"""Options that several commands have, and what they come to."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from edge_srcnn.cli import completion
from edge_srcnn.errors import UsageError

if TYPE_CHECKING:
    from edge_srcnn.engine.options import EngineOptions

T = TypeVar("T")

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|FILE",
        autocompletion=completion.models,
        help="A bundled model, a .tflite of ours, or auto: the best for the scale and the source; live, the best that "
        "keeps up.",
    ),
]
Scale = Annotated[
    int, typer.Option("--scale", "-s", metavar="1|2|3|4", help="Factor, where no model is named; 1 cleans.")
]
OwnScale = Annotated[
    int | None,
    typer.Option("--scale", "-s", metavar="1|2|3|4", help="Factor; 1 cleans, and the size stays. (default: 2)"),
]
FrameSize = Annotated[
    str,
    typer.Option(
        "--size", metavar="WxH", autocompletion=completion.sizes, help="Width and height of the camera's frames."
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        "-e",
        autocompletion=completion.engines,
        help="auto, litert, tflite, tensorflow, edgetpu (:usb, :pci, :0) or bicubic.",
    ),
]
Interpreter = Annotated[str, typer.Option("--engine", "-e", help="auto, litert, tflite or tensorflow.")]
Isolate = Annotated[
    bool, typer.Option("--isolate", help="The engine in a process of its own: its crash is then a lost frame.")
]
DelegateLibrary = Annotated[
    str | None, typer.Option("--delegate", metavar="LIB.so", help="A shared library for the interpreter to work with.")
]
DelegateOptions = Annotated[
    list[str] | None, typer.Option("--delegate-option", metavar="NAME=VALUE", help="For it; may be repeated.")
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Of the interpreter. (default: as tuned, or all processors)")
]
Block = Annotated[
    str, typer.Option("--block", metavar="HxW", help="Packing of pixels into channels: 2x4, 2x4-4x4, 1x1 for none.")
]
TileSize = Annotated[
    str, typer.Option("--tile", metavar="HxW", help="Pixels of the network's plane worked on at a time, or whole.")
]
TEMPORAL = ("auto", "off", "weak", "strong")
Temporal = Annotated[
    str | None,
    typer.Option(
        "--temporal",
        metavar="|".join(TEMPORAL),
        autocompletion=lambda: list(TEMPORAL),
        help="Average frames over time where nothing moves: less noise, and still parts cost less. temporal= in a "
        "source's name comes first. (default: auto for cameras, off for files)",
    ),
]
Strength = Annotated[
    str | None,
    typer.Option(
        "--strength",
        metavar="0..1.5|auto",
        autocompletion=completion.strengths,
        help="How much of the network's change is added: 0 none, 1 as trained; auto: less of it in noisy pictures, "
        "or at scale 1 in clean ones. (default: 1; at scale 1 auto)",
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="tcp://HOST:8786|local:N",
        help="Spread the work over the workers of this Dask scheduler (also tls://, or a scheduler file), or over N "
        "processes here.",
    ),
]
DaskWait = Annotated[
    float,
    typer.Option("--dask-wait", metavar="SECONDS", min=0, help="How long to wait for a worker where there is none."),
]


def _show_all(context: typer.Context, wanted: bool) -> None:
    if wanted:
        for each in context.command.params:
            each.hidden = False  # type: ignore[attr-defined]  # every parameter of Typer's has it
        context.command.format_help(context, context.make_formatter())
        raise typer.Exit


HelpAll = Annotated[
    bool,
    typer.Option("--help-all", is_eager=True, callback=_show_all, help="Show the rare options, too, and exit."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]

_OF_ENGINE = ("engine", "threads", "block", "tile", "isolate")


def read_option(name: str, text: str, read: Callable[[str], T]) -> T:
    """Read the value of an option; ``UsageError`` where it makes no sense."""
    try:
        return read(text)
    except ValueError as error:
        raise UsageError(f"{name} {text}: {error}") from error


def engine_options(given: Mapping[str, Any]) -> "EngineOptions":
    """Read what was asked of the engine from a command's parameters, by name."""
    from edge_srcnn.engine.backends import Delegate
    from edge_srcnn.engine.options import EngineOptions

    delegate, delegate_options = given.get("delegate"), given.get("delegate_option") or ()
    if delegate is None and delegate_options:
        raise UsageError("--delegate-option: goes with --delegate LIB.so")
    return EngineOptions.parse(
        delegate=None if delegate is None else Delegate.parse(delegate, delegate_options),
        **{name: given[name] for name in _OF_ENGINE if name in given},
    )


def network_engine(given: Mapping[str, Any], purpose: str) -> "EngineOptions":
    """Choose the engine that a command asks for; ``UsageError`` where it has no network here to ``purpose``."""
    from edge_srcnn.engine.options import candidates

    found = candidates(engine_options(given))[0]
    if not found.backend().has_network:
        raise UsageError(f"--engine {found.engine}: there is no network to {purpose}")
    if found.backend().isolated:
        raise UsageError(f"--engine {found.engine}: is not to {purpose}, since it needs a process of its own")
    return found


def check_scale(scale: int | None, model: str) -> None:
    """Refuse a factor that is not that of the model that was named."""
    from edge_srcnn.models.bundled import is_auto
    from edge_srcnn.upscaler import read_named

    if scale is None or is_auto(model):
        return
    own = read_named(model, scale).spec.scale
    if own != scale:
        raise UsageError(f"--scale {scale}: model {model} is for x{own}; leave one of the two out")

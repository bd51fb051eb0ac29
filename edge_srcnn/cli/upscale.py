"""``edge-srcnn upscale``: pictures in, larger and sharper pictures out, or cleaner ones of the same size."""

import time
from collections import deque
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from edge_srcnn.cli import options
from edge_srcnn.cli.console import progress_bar, say, say_error
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.cli.options import check_scale, engine_options, read_option
from edge_srcnn.errors import BadData, EdgeSrcnnError, UsageError
from edge_srcnn.uri import one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from rich.progress import Progress

    from edge_srcnn.batch.jobs import AnyJob, Outcome
    from edge_srcnn.engine.options import EngineOptions
    from edge_srcnn.engine.strength import Strength
    from edge_srcnn.sinks.images import Encoding

    Way = tuple[int, Callable[..., Generator[Outcome]]]

_LOOKS = 8
"""At a cluster's workers, by which the rate of results is told: those of about a quarter of a minute."""

EXAMPLES = command_examples(
    "edge-srcnn upscale photo.jpg -o large.png",
    "edge-srcnn upscale photos/ 'more/*.webp' -o large/ --scale 3 --format png",
    "edge-srcnn upscale clip.mp4 -o large.mp4",
    "edge-srcnn upscale night.mp4 -o large.mp4 --temporal auto",
    "edge-srcnn upscale dark.jpg -o clean.png --scale 1  # noise and blocks removed, same size",
    "edge-srcnn upscale album/ -o large/ --videos --skip-existing",
    "edge-srcnn upscale s3://archive/2024/ -o s3://archive/large/  # from bucket to bucket",
    "edge-srcnn upscale album/ -o large/ --videos --dask local:4  # four processes",
    "edge-srcnn upscale archive/ -o large/ --dask tcp://scheduler:8786  # many machines",
)


def upscale(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IN...", help="Pictures, videos, folders of pictures, globs; also URLs (s3://, sftp://)."
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="OUT", help="A folder, or its URL; for a single input also a file.")
    ],
    scale: options.OwnScale = None,
    model: options.Model = "auto",
    strength: options.Strength = None,
    engine: options.Engine = "auto",
    isolate: options.Isolate = False,
    delegate: options.DelegateLibrary = None,
    delegate_option: options.DelegateOptions = None,
    threads: options.Threads = None,
    block: options.Block = "auto",
    tile: options.TileSize = "auto",
    format: Annotated[
        str | None, typer.Option("--format", "-f", help="png, jpg, webp, bmp, tiff or gif. (default: as the input)")
    ] = None,
    quality: Annotated[int, typer.Option("--quality", "-q", min=1, max=100, help="JPEG and WebP.")] = 95,
    lossless: Annotated[bool, typer.Option("--lossless", help="WebP without loss.")] = False,
    compression: Annotated[int, typer.Option("--compression", min=0, max=9, help="PNG: 0 fast, 9 small.")] = 6,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out results that exist: go on with an interrupted batch.")
    ] = False,
    videos: Annotated[bool, typer.Option("--videos", help="Upscale the videos in folders, too.")] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Of videos that are cut off or damaged, upscale what there is.")
    ] = False,
    temporal: Annotated[
        str | None,
        typer.Option(
            "--temporal",
            metavar="|".join(options.TEMPORAL),
            help="Average the frames of videos over time where nothing moves, which takes away noise. (default: off)",
        ),
    ] = None,
    dask: options.Dask = None,
    dask_wait: options.DaskWait = 60.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Upscale pictures and videos and sharpen them.

    With --scale 1 they keep their size and are cleaned: of noise, the blocks of compression, and softness.
    Pictures keep metadata, colour profile and transparency; videos keep sound, subtitles and colour tags.
    """
    from edge_srcnn.batch.jobs import plan_jobs
    from edge_srcnn.engine.strength import Strength
    from edge_srcnn.sinks.images import Encoding
    from edge_srcnn.sources.transform import TEMPORAL
    from edge_srcnn.system.signals import ending_on_signals

    check_scale(scale, model)
    if overwrite and skip_existing:
        raise UsageError("--overwrite and --skip-existing: give one of them")
    if temporal is not None:
        read_option("--temporal", temporal, one_of(*options.TEMPORAL))
    jobs = plan_jobs(inputs, output, f".{format.lower().lstrip('.')}" if format else None, videos=videos)
    if temporal is not None and not any(job.is_video for job in jobs):
        raise UsageError(f"--temporal {temporal}: is for videos, and there is none among the inputs (--videos?)")
    errors: list[EdgeSrcnnError] = []
    asked, control, skipped = engine_options(context.params), Strength(strength), 0
    factor = 2 if scale is None else scale
    with ending_on_signals(), progress_bar() as bar:
        shown = _Shown(bar, jobs)
        way = (
            _here(model, asked, factor, control)
            if dask is None
            else _on_cluster(dask, dask_wait, model, asked, factor, control, shown.show_workers)
        )
        with way as (own_scale, run):
            shown.begin("cleaning" if own_scale == 1 else "upscaling")
            results = run(
                jobs,
                Encoding(quality, lossless, compression),
                overwrite=overwrite,
                skip_existing=skip_existing,
                partial_videos=partial,
                temporal=TEMPORAL[temporal or "off"],
                progress=shown.show_frames,
            )
            with closing(results), _telling(errors):
                for outcome in results:
                    shown.advance()
                    skipped += outcome.skipped
                    if outcome.error is not None:
                        errors.append(outcome.error)
                    elif not outcome.skipped and not quiet:
                        say(_line(outcome, control))
    if skipped and not quiet:
        say(f"{skipped} of {len(jobs)} results exist already, and were left out")
    if errors:
        _fail(errors, len(jobs))


@contextmanager
def _here(model: str, asked: "EngineOptions", scale: int, control: "Strength") -> "Iterator[Way]":
    from edge_srcnn.batch.work import run_jobs
    from edge_srcnn.upscaler import load

    with load(model, asked, scale=scale) as upscaler:
        upscaler.strength_control = control

        def run(jobs: "Sequence[AnyJob]", encoding: "Encoding", **how: Any) -> "Generator[Outcome]":
            yield from run_jobs(jobs, upscaler, encoding, **how)

        yield upscaler.scale, run


@contextmanager
def _on_cluster(
    name: str,
    wait_s: float,
    model: str,
    asked: "EngineOptions",
    scale: int,
    control: "Strength",
    on_workers: "Callable[[int], None]",
) -> "Iterator[Way]":
    from edge_srcnn.batch.cluster.engines import make_recipe
    from edge_srcnn.batch.cluster.jobs import run_jobs_on
    from edge_srcnn.batch.cluster.start import open_cluster

    recipe = make_recipe(model, asked, scale=scale, strength=control.asked)
    with open_cluster(name, wait_s=wait_s) as cluster:

        def run(jobs: "Sequence[AnyJob]", encoding: "Encoding", **how: Any) -> "Generator[Outcome]":
            yield from run_jobs_on(cluster, recipe, jobs, encoding, on_workers=on_workers, **how)

        yield recipe.scale, run


@contextmanager
def _telling(errors: list[EdgeSrcnnError]) -> "Iterator[None]":
    """Tell what failed so far before an error ends the whole batch."""
    try:
        yield
    except EdgeSrcnnError:
        for error in errors:
            say_error(error)
        raise


class _Shown:
    """The progress of a batch: results, frames of a video, and on a cluster how many work, and how fast."""

    def __init__(self, bar: "Progress", jobs: "Sequence[AnyJob]") -> None:
        self._bar, self._jobs, self._done, self._what = bar, jobs, 0, ""
        self._lately = deque([(time.monotonic(), 0)], _LOOKS)

    def begin(self, what: str) -> None:
        self._what = what
        self._task = self._bar.add_task(what, total=len(self._jobs))
        videos = any(job.is_video for job in self._jobs)
        self._frames = self._bar.add_task("frames", total=None) if videos else None

    def advance(self) -> None:
        self._done += 1
        self._bar.advance(self._task)

    def show_frames(self, job: "AnyJob", done: int, total: int | None) -> None:
        if self._frames is not None:
            self._bar.update(self._frames, description=job.source.name, completed=done, total=total)

    def show_workers(self, workers: int) -> None:
        now_s = time.monotonic()
        (then_s, before), rate = self._lately[0], 0.0
        if now_s > then_s:
            rate = (self._done - before) / (now_s - then_s)
        self._lately.append((now_s, self._done))
        which = f"{workers} worker{'' if workers == 1 else 's'}"
        self._bar.update(self._task, description=f"{self._what}, {which}, {rate:.1f}/s")


def _line(outcome: "Outcome", control: "Strength") -> str:
    from edge_srcnn.engine.strength import AUTO

    width, height = outcome.size or (0, 0)
    new_width, new_height = outcome.new_size or (0, 0)
    chosen = control.asked == AUTO or (control.asked is None and outcome.strength != 1)
    strength = f", strength {outcome.strength:.2f}" if chosen else ""
    return (
        f"{outcome.job.source} {width}x{height} -> {outcome.job.target} {new_width}x{new_height}"
        f" ({outcome.seconds * 1000:.0f} ms{strength})"
    )


def _fail(errors: list[EdgeSrcnnError], total: int) -> NoReturn:
    """Tell each error, and end with their exit status, or that of bad data where they are of several kinds."""
    for error in errors:
        say_error(error)
    if total > 1:
        typer.echo(f"edge-srcnn: {len(errors)} of {total} pictures failed; the others are written", err=True)
    codes = {error.exit_code for error in errors}
    raise typer.Exit(codes.pop() if len(codes) == 1 else BadData.exit_code)

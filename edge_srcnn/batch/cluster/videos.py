"""Keep what the workers of a cluster make of a long video's segments, and join it when all of it is there."""

from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic
from types import TracebackType

from edge_srcnn.batch.cluster.engines import Recipe
from edge_srcnn.batch.jobs import Job, Outcome
from edge_srcnn.batch.kept_parts import kept_parts
from edge_srcnn.batch.long_videos import MadeBy, find_part, part_key, part_path, remove_others
from edge_srcnn.batch.segments import Part, join_segments
from edge_srcnn.batch.work import attempt
from edge_srcnn.errors import EdgeSrcnnError, NotInSegments
from edge_srcnn.sources.segment_plan import SegmentPlan
from edge_srcnn.system.files import write_whole


class VideoInParts:
    """A video whose segments are upscaled somewhere.

    Parameters
    ----------
    job
        The video, and where its result goes.
    plan
        Of several segments.
    recipe
        By which all are made.
    overwrite
        Replace a result that is there.

    Attributes
    ----------
    missing
        Numbers of the segments of which there is no part yet.

    Raises
    ------
    CannotWrite
        There is no room beside the result.
    """

    def __init__(self, job: Job, plan: SegmentPlan, recipe: Recipe, *, overwrite: bool) -> None:
        self.job, self.plan, self._recipe, self._overwrite = job, plan, recipe, overwrite
        self._began_s, self._done, self._strength = monotonic(), dict[int, int](), 1.0
        spec = recipe.spec
        made_by = MadeBy(recipe.options.engine, spec.graph_sha256 if spec else None, recipe.scale, recipe.strength)
        self._key, self._parts = part_key(plan, made_by, partial=recipe.partial_videos), list[Part]()
        self._kept = ExitStack()
        self._folder = self._kept.enter_context(kept_parts(job.target))
        self.missing = set(self._find())

    def _find(self) -> Iterator[int]:
        for segment in self.plan.segments:
            part = find_part(self.job, segment.number, part_path(self._folder, segment.number, self._key))
            if part is None:
                yield segment.number
            else:
                self._keep(part)

    def _keep(self, part: Part) -> None:
        self._parts.append(part)
        self._done[part.number] = part.frames

    @property
    def frames(self) -> int:
        """How many frames are done."""
        return sum(self._done.values())

    def advance(self, segment: int, frames: int) -> None:
        """Note how many frames of a segment are done."""
        if segment in self.missing:
            self._done[segment] = frames

    def add(self, segment: int, frames: int, content: bytes, strength: float) -> None:
        """Keep a part: ``CannotWrite`` where that cannot be."""
        if segment not in self.missing:
            return
        path = part_path(self._folder, segment, self._key)
        if frames:
            write_whole(path, content, overwrite=True)
        self._strength = strength
        self.missing.discard(segment)
        self._keep(Part(segment, path, frames))

    def join(self) -> Outcome:
        """Write the result when nothing is missing; ``NotInSegments`` where the parts do not belong together."""
        remove_others(self._folder, (part.path for part in self._parts))
        how = {"overwrite": self._overwrite, "partial": self._recipe.partial_videos}
        try:
            size, new_size = attempt(
                self.job, lambda: join_segments(self.job, self.plan, self._parts, self._recipe.scale, **how)
            )
        except NotInSegments:
            raise
        except EdgeSrcnnError as error:
            return self.fail(error)
        self._kept.close()
        return Outcome(self.job, monotonic() - self._began_s, size, new_size, strength=self._strength)

    def fail(self, error: EdgeSrcnnError) -> Outcome:
        """End with an error; the parts stay where the same command can go on with them."""
        self.interrupt(type(error), error, error.__traceback__)
        return Outcome(self.job, monotonic() - self._began_s, error=error)

    def interrupt(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of the parts, as a ``with`` block that ends so; they stay after what may pass."""
        self._kept.pop_all().__exit__(kind, error, traceback)

"""The Edge TPU's form of a network: what a model file holds besides its plain graph, when it is made for one."""

import json
import zipfile
from dataclasses import dataclass
from typing import Annotated

import msgspec

FACTS_NAME = "edgetpu.json"
PLAIN_NAME = "plain.tflite"

_Pixels = Annotated[int, msgspec.Meta(ge=0)]
_Side = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True)
class TpuForm:
    """One tile of the network, packed for an Edge TPU. The host pads, cuts, and brings pixels to blocks and back.

    Attributes
    ----------
    graph
        TFLite flatbuffer, int8 ``[1, rows, columns, block pixels]`` (tile and halo) to the same of the tile alone:
        three CONV_2D, or, once it is compiled, one custom operator.
    block
        Height and width of the blocks whose pixels are the input's channels, in pixels of the network's plane.
    tile
        Height and width that a tile covers, in pixels of the plane.
    halo
        Pixels of the plane that the input has beyond the tile: above, below, left, right.
    compiler
        Version of the compiler that made ``graph``; None: it is ready to be compiled, and any interpreter runs it.
    upsampling
        Pixels of the result for each pixel of the plane, down and across.
    """

    graph: bytes
    block: tuple[_Side, _Side]
    tile: tuple[_Side, _Side]
    halo: tuple[_Pixels, _Pixels, _Pixels, _Pixels]
    compiler: str | None = None
    upsampling: _Side = 1

    @property
    def result_block(self) -> tuple[int, int]:
        """Give the height and width of the blocks whose pixels are the output's channels, in pixels of the result."""
        return self.upsampling * self.block[0], self.upsampling * self.block[1]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Give rows, columns and channels of the input: tile and halo in blocks."""
        above, below, left, right = self.halo
        return self._in_blocks(self.tile[0] + above + below, self.tile[1] + left + right)

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """Give rows, columns and channels of the output: the tile in blocks."""
        rows, columns, pixels = self._in_blocks(*self.tile)
        return rows, columns, pixels * self.upsampling**2

    def _in_blocks(self, height: int, width: int) -> tuple[int, int, int]:
        return height // self.block[0], width // self.block[1], self.block[0] * self.block[1]


def write_form(
    archive: zipfile.ZipFile, form: TpuForm, plain: bytes, time: tuple[int, int, int, int, int, int]
) -> None:
    """Put the facts, and the plain graph, into a model file's zip; the form's own graph is what stands before it."""
    facts: dict[str, object] = {name: getattr(form, name) for name in ("block", "tile", "halo", "compiler")}
    if form.upsampling > 1:
        facts["upsampling"] = form.upsampling
    archive.writestr(zipfile.ZipInfo(FACTS_NAME, time), json.dumps(facts, indent=1))
    archive.writestr(zipfile.ZipInfo(PLAIN_NAME, time), plain)


def read_form(archive: zipfile.ZipFile, head: bytes) -> tuple[TpuForm, bytes] | None:
    """Read the Edge TPU form and the plain graph of a model file.

    Parameters
    ----------
    archive
        The file's zip.
    head
        The flatbuffer before it.

    Returns
    -------
    None for an ordinary file.

    Raises
    ------
    KeyError, ValueError
        Something is missing, or is not what it must be.
    """
    if FACTS_NAME not in archive.namelist():
        return None
    try:
        facts = json.loads(read_stored(archive, FACTS_NAME))
        form = msgspec.convert({**facts, "compiler": facts["compiler"], "graph": head}, TpuForm)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{FACTS_NAME}: {error}") from error
    return form, read_stored(archive, PLAIN_NAME)


def read_stored(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a member of a model file's zip; ``ValueError`` where it is compressed, and could unpack to anything."""
    member = archive.getinfo(name)
    if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
        raise ValueError(f"{name} is compressed, which no model file is")
    return archive.read(member)

"""Whatever a library raises comes out as one of our errors, at each place where the library is reached.

The classes are those that the installed library has: one that it adds, or that a place does not map, fails here.
Beside them, real damaged files, sockets and devices provoke what the libraries raise by themselves.
"""

import http.client
import importlib
import io
import pkgutil
import socket
import ssl
import struct
import subprocess
import sys
import textwrap
import tomllib
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import msgspec
import numpy as np
import PIL
import pytest
import tifffile
from PIL import Image

from edge_srcnn import errors
from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.interpreter import TfliteBackend, interpreter_backend
from edge_srcnn.errors import (
    BadConfiguration,
    BadData,
    BadPicture,
    CannotWrite,
    EdgeSrcnnError,
    ModelUnsupported,
    NoInput,
    SourceLost,
    Unavailable,
    UsageError,
)
from edge_srcnn.imaging.frame import Colour, Frame, Metadata
from edge_srcnn.service import settings
from edge_srcnn.service.configuration import load_config
from edge_srcnn.sinks import Result, Stream, open_sink
from edge_srcnn.sinks.images import Encoding, write_picture
from edge_srcnn.sinks.video import VideoSink
from edge_srcnn.sources import open_source, v4l2
from edge_srcnn.sources.camera import JpegDecoder
from edge_srcnn.sources.images import read_picture
from edge_srcnn.sources.v4l2 import V4l2Camera

HAS_AV = importlib.util.find_spec("av") is not None
NEEDS_AV = pytest.mark.skipif(not HAS_AV, reason="PyAV is not installed")
HAS_AIOHTTP = all(importlib.util.find_spec(name) for name in ("aiohttp", "simplejpeg", "prometheus_client"))
NEEDS_AIOHTTP = pytest.mark.skipif(not HAS_AIOHTTP, reason="aiohttp is not installed")

Raise = Callable[..., Any]


def exceptions_of(library: str, *only: str) -> list[type[Exception]]:
    """List the exceptions that a package defines in any of its modules, or in ``only`` those."""
    package = importlib.import_module(library)
    names = only or [info.name for info in pkgutil.walk_packages(package.__path__, f"{library}.")]
    found: set[type[Exception]] = set()
    for name in (library, *names):
        if name.endswith("__main__"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                module = importlib.import_module(name)
            except ImportError:  # what it offers for libraries that are not here
                continue
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Exception) and not issubclass(value, Warning):
                found.add(value)
    ours = {kind for kind in found if kind.__module__.partition(".")[0] == library}
    return sorted(ours, key=lambda kind: f"{kind.__module__}.{kind.__qualname__}")


def made(kind: type[Exception]) -> Exception:
    """Make an exception with the arguments that its class wants."""
    answer = SimpleNamespace(tell=int, length_remaining=5, address="no")
    few = ((5, "no"), ("no",), ("no", []), ([],), ("http://host/",), ("GET", ["POST"]), (1, 2), ())
    for arguments in (*few, ("no", "no", 5), (answer, b"5"), ("no", answer, 5), ("no", {}, {}, {}, 5)):
        try:
            error = kind(*arguments)
            str(error)
        except (TypeError, ValueError, AttributeError):
            continue
        return error
    pytest.fail(f"nobody knows how to make {kind.__module__}.{kind.__qualname__}")


def check_mapped(kinds: list[type[Exception]], place: Callable[[pytest.MonkeyPatch, Raise], object]) -> None:
    """Raise each kind at a place, and prove that one of ours comes out, in one line, with the kind as its cause."""
    assert kinds
    unmapped = []
    for kind in kinds:
        error = made(kind)

        def fail(*_: Any, error: Exception = error, **__: Any) -> Any:
            raise error

        with pytest.MonkeyPatch.context() as patch:
            try:
                place(patch, fail)
            except EdgeSrcnnError as ours:
                assert is_ours(ours)
                assert error in causes(ours), kind
            except Exception as foreign:
                unmapped.append((kind, foreign))
            else:
                unmapped.append((kind, None))
    assert not unmapped


def is_ours(error: BaseException) -> bool:
    """Tell whether an error is one of the tree, and no nameless one."""
    tree = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EdgeSrcnnError)]
    return type(error) in tree and type(error) is not EdgeSrcnnError and "\n" not in str(error)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while (error := error and error.__cause__) is not None:
        yield error


@contextmanager
def ours(kind: type[EdgeSrcnnError], foreign: type[BaseException]) -> Iterator[None]:
    """Prove that a foreign exception, really raised within, comes out as one of ours."""
    with pytest.raises(kind) as raised:
        yield
    assert is_ours(raised.value)
    assert any(isinstance(cause, foreign) for cause in causes(raised.value)), raised.value.__cause__


def frame(size: tuple[int, int] = (64, 48)) -> Frame:
    return Frame(np.zeros((size[1], size[0]), np.uint8), None, Colour(), 0, 0.0, 0.0)


def result() -> Result:
    return Result(frame(), frame(), 2)


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG with the head of a far larger one (PNG specification, 11.2.1: IHDR, and the CRC of it)."""
    out = io.BytesIO()
    Image.new("L", (1, 1)).save(out, "PNG")
    data = out.getvalue()
    head = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


# Dask


def a_scheduler_is_reached(patch: pytest.MonkeyPatch, fail: Raise) -> None:
    from edge_srcnn.batch.cluster.start import open_cluster

    patch.setattr("distributed.rpc", fail)
    open_cluster("tcp://127.0.0.1:1")


def workers_are_started(patch: pytest.MonkeyPatch, fail: Raise) -> None:
    from edge_srcnn.batch.cluster.start import open_cluster

    patch.setattr("distributed.LocalCluster", fail)
    open_cluster("local:1")


def a_scheduler_is_asked(patch: pytest.MonkeyPatch, fail: Raise) -> None:
    from contextlib import ExitStack

    from edge_srcnn.batch.cluster.connection import Cluster

    client = SimpleNamespace(scheduler_info=fail)
    Cluster("tcp://127.0.0.1:1", cast(Any, client), ExitStack(), ExitStack(), 1.0).workers()


DASKS = ("client", "comm.core", "core", "exceptions", "nanny", "scheduler", "security", "utils", "worker")
DASKS_OWN = (OSError, TimeoutError, ConnectionRefusedError, ssl.SSLError, ValueError, TypeError, RuntimeError, KeyError)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="Dask is not installed")
@pytest.mark.parametrize("place", [a_scheduler_is_reached, workers_are_started, a_scheduler_is_asked])
def test_dask(place: Callable[[pytest.MonkeyPatch, Raise], None]) -> None:
    kinds = exceptions_of("distributed", *(f"distributed.{name}" for name in DASKS))
    assert len(kinds) > 10
    check_mapped([*kinds, *DASKS_OWN], place)


# PyAV


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.edge_srcnn.clips import encode, flat

    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return encode(path, [flat((90, 100, 110), 48, 64)] * 3, audio_s=0.1)


@dataclass
class Scene:
    """A video, a folder, and the way to make a library fail."""

    clip: Path
    folder: Path
    patch: pytest.MonkeyPatch
    fail: Raise

    def sink(self, stream_copy: str | None = None) -> Any:
        sink = open_sink(f"{self.folder}/out.mp4?overwrite=yes&preset=ultrafast")
        sink.begin(Stream(None, None, stream_copy, lambda: None))
        return sink

    def break_library(self) -> None:
        self.patch.setattr("av.open", self.fail)


def a_video_is_opened(scene: Scene) -> None:
    scene.break_library()
    open_source(str(scene.clip))


def a_video_is_read(scene: Scene) -> None:
    source = open_source(str(scene.clip))
    scene.patch.setattr("edge_srcnn.sources.video.Video._decoded", scene.fail)
    list(source)


def pixels_are_converted(scene: Scene) -> None:
    source = open_source(str(scene.clip))
    scene.patch.setattr("edge_srcnn.imaging.pyav.planes_of", scene.fail)
    list(source)


def a_file_is_made(scene: Scene) -> None:
    sink = scene.sink()
    scene.break_library()
    sink.write(result())


def a_frame_is_encoded(scene: Scene) -> None:
    sink = scene.sink()
    scene.patch.setattr("edge_srcnn.sinks.video_file.av_frame", scene.fail)
    try:
        sink.write(result())
    finally:
        sink.close()


def a_file_is_finished(scene: Scene) -> None:
    sink = scene.sink()
    sink.write(result())
    scene.patch.setattr("edge_srcnn.sinks.video_file.VideoFile._mux", scene.fail)
    sink.close()


def sound_is_opened(scene: Scene) -> None:
    sink = scene.sink(str(scene.clip))
    scene.break_library()
    sink.write(result())


def sound_is_copied(scene: Scene) -> None:
    sink = scene.sink(str(scene.clip))
    scene.patch.setattr("edge_srcnn.sinks.stream_copy.StreamCopy.mux_until", scene.fail)
    sink.write(result())
    sink.close()


def a_server_is_pushed_to(scene: Scene) -> None:
    from fractions import Fraction

    from edge_srcnn.sinks.push import Connection

    scene.break_library()
    Connection("rtsp://127.0.0.1/x", Fraction(25), 1.0)(frame())


PYAV_PLACES = (
    a_video_is_opened,
    a_video_is_read,
    pixels_are_converted,
    a_file_is_made,
    a_frame_is_encoded,
    a_file_is_finished,
    sound_is_opened,
    sound_is_copied,
    a_server_is_pushed_to,
)
PYAVS_OWN = (ValueError, RuntimeError, NotImplementedError, IndexError, OSError)
"""Built-in ones that PyAV raises where it asks FFmpeg nothing."""


@pytest.mark.slow
@NEEDS_AV
@pytest.mark.parametrize("place", PYAV_PLACES, ids=lambda place: place.__name__)
def test_pyav(place: Callable[[Scene], None], clip: Path, tmp_path: Path) -> None:
    kinds = [*exceptions_of("av"), *PYAVS_OWN]
    assert len(kinds) > 40
    check_mapped(kinds, lambda patch, fail: place(Scene(clip, tmp_path, patch, fail)))


@NEEDS_AV
def test_pyav_where_an_error_means_that_something_is_left_out(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_srcnn.sinks.recovery import can_be_played

    picture = io.BytesIO()
    Image.new("RGB", (16, 16)).save(picture, "JPEG")
    assert can_be_played(clip) and JpegDecoder().decode(picture.getvalue()) is not None
    for kind in [*exceptions_of("av"), *PYAVS_OWN]:
        error = made(kind)

        def fail(*_: Any, error: Exception = error, **__: Any) -> Any:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("av.open", fail)
            assert not can_be_played(clip), kind
        with monkeypatch.context() as patch:
            patch.setattr("edge_srcnn.imaging.pyav.planes_of", fail)
            assert JpegDecoder().decode(picture.getvalue()) is None, kind


@NEEDS_AV
def test_pyav_of_real_files_sockets_and_devices(clip: Path, tmp_path: Path, small_disk: Path) -> None:
    import av

    (tmp_path / "text.mp4").write_text("This is no video.\n" * 100)
    with ours(BadData, av.error.InvalidDataError):
        open_source(str(tmp_path / "text.mp4"))
    (tmp_path / "strange.mp4").write_bytes(clip.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(BadData):
        list(open_source(str(tmp_path / "strange.mp4")))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with ours(SourceLost, av.error.ConnectionRefusedError):
        open_source(f"rtsp://127.0.0.1:{port}/x#timeout=2")
    with ours(NoInput, IsADirectoryError):
        open_source(f"y4m:{tmp_path}")
    sink = VideoSink("out.mp4", tmp_path / "out.mp4", preset="warp")
    with ours(CannotWrite, av.FFmpegError):
        sink.write(result())
    with suppress(CannotWrite):
        sink.close()
    sink = open_sink(f"{small_disk}/out.mkv?codec=mjpeg&segment=1000")
    noise = np.random.default_rng(0).integers(0, 256, (480, 640), np.uint8)
    with ours(CannotWrite, OSError):
        for index in range(20):
            each = Frame(noise, None, Colour(), index, index / 25, 0.0)
            sink.write(Result(each, each, 2))
    with suppress(CannotWrite):
        sink.close()


HTTP_PLACES = (
    *("requests.adapters.HTTPAdapter.send", "requests.Request.prepare"),
    *("urllib3.connection.HTTPConnection.connect", "urllib3.connection.HTTPConnection.getresponse"),
    *("urllib3.response.HTTPResponse.read1", "http.client.HTTPResponse.read1"),
)


@pytest.mark.slow
@NEEDS_AV
@pytest.mark.parametrize("place", HTTP_PLACES)
def test_requests_and_the_libraries_below_it(place: str) -> None:
    pytest.importorskip("requests")
    from tests.edge_srcnn.sources.raw_server import MULTIPART, serving

    no_jar = "requests.cookies"  # of cookies is kept
    kinds = [kind for name in ("requests", "urllib3") for kind in exceptions_of(name) if kind.__module__ != no_jar]
    assert len(kinds) > 40
    kinds += [kind for kind in vars(http.client).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    system = [OSError, TimeoutError, ConnectionResetError, socket.gaierror, ssl.SSLError, ssl.SSLEOFError, ValueError]
    with serving(lambda client: client.send(MULTIPART)) as host:

        def read(patch: pytest.MonkeyPatch, fail: Raise) -> None:
            patch.setattr(place, fail)
            list(open_source(f"http://{host}/"))

        check_mapped([*kinds, *system, UnicodeError], read)


ALL_FORMATS = """
import av
from av.video.format import names
from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.imaging.pyav import AV_ERRORS, planes_of
for name in sorted(names):
    try:
        frame = av.VideoFrame(64, 48, name)
    except AV_ERRORS:
        continue
    try:
        planes_of(frame)
    except (EdgeSrcnnError, *AV_ERRORS):
        continue
print("all", len(names))
"""


@NEEDS_AV
def test_no_pixel_format_of_ffmpeg_ends_the_process_or_raises_what_is_not_mapped() -> None:
    done = subprocess.run([sys.executable, "-c", ALL_FORMATS], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("all "), done.stderr


@NEEDS_AV
@pytest.mark.parametrize("broken", ["raise ModuleNotFoundError('no')", "raise ValueError('of another urllib3')"])
def test_requests_that_cannot_be_imported_are_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    (tmp_path / "requests.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "requests", raising=False)
    with ours(Unavailable, Exception):
        open_source("http://127.0.0.1/x")
    with pytest.raises(SourceLost):  # which asks nobody over HTTP
        open_source("rtsp://127.0.0.1:9/x#timeout=1")


@pytest.mark.parametrize("broken", ["raise ImportError('libavcodec.so.61')", "raise ValueError('dtype size changed')"])
@pytest.mark.parametrize("name", ["clip.mp4", "rtsp://127.0.0.1/x"])
def test_a_pyav_that_cannot_be_imported_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, name: str
) -> None:
    (tmp_path / "av.py").write_text(broken)
    (tmp_path / "clip.mp4").write_bytes(b"any")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "av", raising=False)
    with ours(Unavailable, Exception):
        open_source(name)
    if ":" not in name:
        with ours(Unavailable, Exception):
            open_sink("other.mp4")


# the system


CLOSED = """
import os
from edge_srcnn.errors import CannotWrite, NoInput
from edge_srcnn.sinks import open_sink
from edge_srcnn.sources import open_source
os.close(0), os.close(1)
for open_one, kind in ((open_source, NoInput), (open_sink, CannotWrite)):
    try:
        open_one("y4m:-")
    except kind as error:
        assert isinstance(error.__cause__, OSError), error
    else:
        raise AssertionError(kind)
"""


def test_standard_streams_that_are_closed() -> None:
    done = subprocess.run([sys.executable, "-c", CLOSED], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_folders_in_the_way_of_recordings(tmp_path: Path) -> None:
    (tmp_path / "00000000.png" / "of").mkdir(parents=True)
    (tmp_path / "00000001.png").mkdir()
    sink = open_sink(f"{tmp_path}/?format=png&keep=1")
    sink.begin(Stream(None, None, None, lambda: None))
    sink.write(result())
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["00000002.png"]
    if HAS_AV:
        from edge_srcnn.sinks.recovery import recover_recordings

        (tmp_path / ".out.part.mkv").mkdir()
        assert recover_recordings(tmp_path / "out.mkv") == []
        assert (tmp_path / ".out.part.mkv").is_dir()


def test_devices_that_are_full() -> None:
    sink = open_sink("y4m:/dev/full")
    sink.begin(Stream(None, None, None, lambda: None))
    with ours(CannotWrite, OSError):
        sink.write(result())
    with suppress(CannotWrite):
        sink.close()


# OpenCV


def opencv_error() -> cv2.error:
    with pytest.raises(cv2.error) as raised:
        cv2.resize(np.zeros((0, 0), np.uint8), (1, 1))
    return raised.value


def test_opencv_has_one_kind_of_error() -> None:
    kinds = [kind for kind in vars(cv2).values() if isinstance(kind, type) and issubclass(kind, BaseException)]
    assert kinds == [cv2.error]


class Broken:
    """A capture of OpenCV that fails from a method on."""

    fails = ""

    def __init__(self, path: str, backend: int) -> None:
        self.released = False

    def __getattribute__(self, name: str) -> Any:
        if name == type(self).fails:
            raise opencv_error()
        return super().__getattribute__(name)

    def isOpened(self) -> bool:
        return True

    def set(self, name: int, value: float) -> bool:
        return True

    def get(self, name: int) -> float:
        return {cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"GREY")), cv2.CAP_PROP_FPS: 30.0}.get(name, 64.0)

    def release(self) -> None:
        self.released = True


@pytest.mark.parametrize(
    ("fails", "kind"), [("isOpened", Unavailable), ("set", Unavailable), ("get", Unavailable), ("read", SourceLost)]
)
def test_opencv(monkeypatch: pytest.MonkeyPatch, fails: str, kind: type[EdgeSrcnnError]) -> None:
    monkeypatch.setattr(v4l2.cv2, "VideoCapture", Broken)
    monkeypatch.setattr(v4l2, "formats", lambda path: ["YUYV"])
    monkeypatch.setattr(v4l2, "pixel_format", lambda path: None)
    monkeypatch.setattr(Broken, "fails", fails)
    with ours(kind, cv2.error):
        V4l2Camera("/dev/null").read()


def test_opencv_of_real_files_and_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        V4l2Camera("/dev/null")
    monkeypatch.setitem(sys.modules, "av", None)
    bomb = png_that_claims(1 << 20, 1 << 20)
    assert JpegDecoder().decode(bomb) is None
    monkeypatch.setattr(cv2, "imdecode", lambda *_: cv2.resize(np.zeros((0, 0), np.uint8), (1, 1)))
    assert JpegDecoder().decode(bomb) is None


# Pillow


def a_picture_is_opened(path: Path, patch: pytest.MonkeyPatch, fail: Raise) -> None:
    patch.setattr(Image, "open", fail)
    read_picture(path)


def a_picture_is_decoded(path: Path, patch: pytest.MonkeyPatch, fail: Raise) -> None:
    patch.setattr("PIL.ImageFile.ImageFile.load", fail)
    read_picture(path)


def a_picture_is_converted(path: Path, patch: pytest.MonkeyPatch, fail: Raise) -> None:
    patch.setattr("edge_srcnn.sources.images._samples", fail)
    read_picture(path)


def a_picture_is_written(path: Path, patch: pytest.MonkeyPatch, fail: Raise) -> None:
    patch.setattr(Image.Image, "save", fail)
    write_picture(path.with_name("out.png"), (2, 2), [(0, np.zeros((2, 2), np.uint8))], Metadata(), Encoding())


PILLOW_PLACES = (a_picture_is_opened, a_picture_is_decoded, a_picture_is_converted, a_picture_is_written)
PILLOWS_OWN = (
    OSError,
    ValueError,
    RuntimeError,
    SyntaxError,
    KeyError,
    IndexError,
    struct.error,
    OverflowError,
    EOFError,
)
"""Built-in ones that Pillow's readers and writers raise."""


@pytest.mark.parametrize("place", PILLOW_PLACES, ids=lambda place: place.__name__)
def test_pillow(place: Callable[[Path, pytest.MonkeyPatch, Raise], None], tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    kinds = exceptions_of("PIL")
    assert PIL.UnidentifiedImageError in kinds and Image.DecompressionBombError in kinds
    check_mapped([*kinds, *PILLOWS_OWN], lambda patch, fail: place(tmp_path / "a.png", patch, fail))


def test_tifffile_which_reads_16_bits(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4, 3), np.uint16), photometric="rgb")
    assert read_picture(tmp_path / "a.tif").samples.shape == (4, 4, 3)

    def place(patch: pytest.MonkeyPatch, fail: Raise) -> None:
        patch.setattr(tifffile, "TiffFile", fail)
        read_picture(tmp_path / "a.tif")

    kinds = exceptions_of("tifffile")
    assert tifffile.TiffFileError in kinds
    check_mapped([*kinds, ValueError, KeyError, IndexError, RuntimeError, struct.error], place)


def test_pillow_of_real_files(tmp_path: Path) -> None:
    cases: dict[str, tuple[bytes, type[BaseException]]] = {
        "text.png": (b"This is no picture.\n", PIL.UnidentifiedImageError),
        "bomb.png": (png_that_claims(60_000, 60_000), Image.DecompressionBombError),
        "half.png": (png_that_claims(500, 500), OSError),
    }
    for name, (data, foreign) in cases.items():
        (tmp_path / name).write_bytes(data)
        with ours(BadPicture, foreign):
            read_picture(tmp_path / name)
    with ours(NoInput, FileNotFoundError):
        read_picture(tmp_path / "none.png")
    bands = [(0, np.zeros((2, 2), np.uint8))]
    with ours(CannotWrite, Exception):  # tags that are none
        write_picture(tmp_path / "a.tif", (2, 2), bands, Metadata(exif=b"Exif\0\0 no tags"), Encoding())
    with ours(CannotWrite, OSError):
        write_picture(Path("/proc/none/a.png"), (2, 2), bands, Metadata(), Encoding())
    assert not (tmp_path / "a.tif").exists()


# the configuration: msgspec and tomllib


def test_msgspec(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[enhance]\nscale = 3\n")

    def place(patch: pytest.MonkeyPatch, fail: Raise) -> None:
        patch.setattr(settings, "convert", fail)
        load_config(tmp_path / "a.toml", {})

    kinds = exceptions_of("msgspec")
    assert msgspec.ValidationError in kinds
    unmapped = []
    for kind in kinds:
        with pytest.MonkeyPatch.context() as patch:
            error = made(kind)

            def fail(*_: Any, error: Exception = error, **__: Any) -> Any:
                raise error

            try:
                place(patch, fail)
            except BadConfiguration as found:
                assert is_ours(found)
            except Exception:
                unmapped.append(kind)
    assert not unmapped


@pytest.mark.parametrize(
    "text",
    [
        b"[enhance\nscale = 3",
        b"scale = ",
        b"a = 1\na = 2",
        b"a = " + b"[" * 100_000,
        b"source = 'caf\xe9'",
        b"\0",
        b"[enhance]\nscale = 99999999999999999999999999",
        b"[enhance]\nscale = 1979-05-27T07:32:00Z",
        b"[service]\nhot_c = nan",
    ],
    ids=["table", "no value", "twice", "deep", "not UTF-8", "zero", "large", "date", "no number"],
)
def test_real_configurations_that_are_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.toml").write_bytes(text)
    with pytest.raises(BadConfiguration) as raised:
        load_config(tmp_path / "a.toml", {})
    assert is_ours(raised.value)


def test_tomllib_has_one_kind_of_error_and_it_is_a_value_error() -> None:
    kinds = exceptions_of("tomllib")
    assert kinds == [tomllib.TOMLDecodeError]
    assert issubclass(tomllib.TOMLDecodeError, ValueError)  # which is what is caught


# the interpreter


class Stub:
    """An interpreter that fails from a method on."""

    fails = ""
    error: Exception = RuntimeError("no")

    def __init__(self, **_: Any) -> None:
        self.do("made")

    def do(self, name: str) -> None:
        if name == type(self).fails:
            raise type(self).error

    def allocate_tensors(self) -> None:
        self.do("allocate_tensors")

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"index": 0, "shape": (1, 4, 4, 1), "quantization": (1.0, 0)}]

    get_output_details = get_input_details

    def tensor(self, index: int) -> Callable[[], Any]:
        return lambda: np.zeros((1, 4, 4, 1), np.int8)

    def resize_tensor_input(self, index: int, shape: tuple[int, ...]) -> None:
        self.do("resize_tensor_input")

    def set_tensor(self, index: int, pixels: Any) -> None:
        self.do("set_tensor")

    def get_tensor(self, index: int) -> Any:
        self.do("get_tensor")
        return np.zeros((1, 4, 4, 1), np.int8)

    def invoke(self) -> None:
        self.do("invoke")


INTERPRETERS_OWN = (RuntimeError, ValueError, NotImplementedError, UnicodeError)
"""What the interpreters raise, and what is derived of it."""


@pytest.mark.parametrize(
    ("fails", "kind"),
    [
        ("made", ModelUnsupported),
        ("allocate_tensors", ModelUnsupported),
        ("resize_tensor_input", ModelUnsupported),
        ("set_tensor", Unavailable),
        ("invoke", Unavailable),
        ("get_tensor", Unavailable),
    ],
)
def test_the_interpreter(monkeypatch: pytest.MonkeyPatch, fails: str, kind: type[EdgeSrcnnError]) -> None:
    monkeypatch.setattr(TfliteBackend, "reach", lambda self, attribute: Stub)
    monkeypatch.setattr(Stub, "fails", fails)
    for foreign in INTERPRETERS_OWN:
        error = UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "no") if foreign is UnicodeError else foreign("no")
        monkeypatch.setattr(Stub, "error", error)
        with ours(kind, foreign):
            interpreter = backend_named("litert").compile(b"any", 1)
            interpreter.compute(np.zeros((6, 6), np.int8))
        if fails == "invoke":
            with ours(kind, foreign):
                backend_named("litert").compile(b"any", 1).run()


def test_a_real_interpreter(engine: str, networks: Any) -> None:
    backend = interpreter_backend(engine)
    with ours(ModelUnsupported, ValueError):
        backend.compile(b"This is no model.", 1)
    interpreter = backend.compile(networks.constant(5), 1)
    held = interpreter.input
    with ours(Unavailable, RuntimeError):  # it does not run while its memory is held
        interpreter.run()
    del held
    with ours(Unavailable, ValueError):
        interpreter.compute(np.zeros(interpreter._shape[1:3], np.float32))


@pytest.mark.parametrize("broken", ["raise ImportError('no')", "raise ValueError('dtype size changed')", "pass"])
def test_an_interpreter_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    (tmp_path / "broken_interpreter.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    backend = interpreter_backend("litert")
    monkeypatch.setattr(type(backend), "module", "broken_interpreter")
    monkeypatch.delitem(sys.modules, "broken_interpreter", raising=False)
    with ours(Unavailable, Exception):
        backend.reach("Interpreter")


# aiohttp, of which the page needs the server


@NEEDS_AIOHTTP
def test_aiohttp() -> None:
    from aiohttp import web

    server = [
        *("http_exceptions", "web_exceptions", "web_protocol", "web_runner", "web_app", "web_request"),
        *("web_response", "web_urldispatcher", "web_server", "streams", "multipart", "payload", "base_protocol"),
    ]
    kinds = exceptions_of("aiohttp", *(f"aiohttp.{name}" for name in server))
    kinds = [kind for kind in kinds if kind.__module__ != "aiohttp.client_exceptions"]  # no client is used
    assert len(kinds) > 60 and web.HTTPNotFound in kinds

    def place(patch: pytest.MonkeyPatch, fail: Raise) -> None:
        patch.setattr(web.AppRunner, "setup", fail)
        sink = open_sink("http://127.0.0.1:0")
        try:
            sink.begin(Stream(None, None, None, lambda: None))
        finally:
            sink.close()

    check_mapped([*kinds, OSError, RuntimeError, ValueError], place)


@NEEDS_AIOHTTP
def test_aiohttp_of_real_sockets(tmp_path: Path) -> None:
    from tests.edge_srcnn.web.serving import by_hand, flat, get

    with by_hand() as sink:
        port = int(sink.address.rpartition(":")[2])
        with ours(CannotWrite, OSError):
            open_sink(f"http://127.0.0.1:{port}").begin(Stream(None, None, None, lambda: None))
        for garbage in (b"\0" * 100, b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"x" * 10_000, b"POST / HTTP/1.1\r\n", b""):
            with socket.create_connection(("127.0.0.1", port)) as visitor:
                visitor.sendall(garbage)
        sink.write(flat())
        assert get(sink, "/snapshot.jpg").status == 200
    with pytest.raises(CannotWrite, match="the server has ended"):
        sink.write(flat())
    with ours(CannotWrite, OSError):
        open_sink("http://192.0.2.1:0").begin(Stream(None, None, None, lambda: None))  # RFC 5737: nobody's
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text(textwrap.dedent("no certificate"))
    with ours(UsageError, OSError):
        open_sink(f"https://127.0.0.1:0#cert={tmp_path}/cert.pem&key={tmp_path}/key.pem")

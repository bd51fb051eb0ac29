"""Take frames of a source one by one, skip some, go back to earlier ones, and enhance those that are asked for."""

import weakref

from edge_srcnn.engine.strength import Strength
from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.frame_upscaler import FrameUpscaler
from edge_srcnn.live.reader import Opener
from edge_srcnn.live.temporal_stage import Taken
from edge_srcnn.service.settings import Config
from edge_srcnn.service.upscalers import strength_of, upscalers_of
from edge_srcnn.sources import is_camera, kind_of
from edge_srcnn.sources.camera import SIZE
from edge_srcnn.system.pipes import is_fifo
from edge_srcnn.uri import Uri, frame_size, parse_uri


class FrameReader:
    """Read a source in the caller's steps; one that is grabbed costs no network.

    Parameters
    ----------
    config
        Names the source and what enhances; its sinks are not looked at.

    Attributes
    ----------
    count
        Number of the next frame, from 0.
    grabbed
        The frame that was taken last; None before the first, and at the end.

    Raises
    ------
    EdgeSrcnnError
        It cannot be opened.
    """

    def __init__(self, config: Config) -> None:
        self.grabbed: Taken | None = None
        self.count = 0
        self._config, self._asked = config, dict[str, str]()
        self._capture: Capture | None = None
        self._first: Taken | None = None
        self._enhanced: Frame | None = None
        self._seen: tuple[int, int] | None = None
        self._strength = Strength(strength_of(config.enhance, camera=is_camera(config.source)))
        capture = self._opened()
        try:
            self._upscaler = self._made(capture)
        except BaseException:
            self.close()
            raise
        self._close_upscaler = weakref.finalize(self, self._upscaler.close)

    def grab(self) -> bool:
        """Take the next frame, of a camera the newest; False at the end. What ended it is raised."""
        capture = self._opened()
        self._enhanced = None
        self.grabbed, self._first = self._first or self._taken(capture), None
        self.count += self.grabbed is not None
        return self.grabbed is not None

    def enhance(self) -> Frame | None:
        """Enhance the frame that was grabbed, once; None where there is none."""
        if self._enhanced is None and self.grabbed is not None:
            self._strength.noise = self._opened().temporal.noise_left
            self._enhanced = self._upscaler.upscale_frame(self.grabbed.frame)
        return self._enhanced

    def seek(self, number: int) -> bool:
        """Make ``number`` the next frame, or the end where there are fewer; False where the source cannot go back."""
        uri = parse_uri(self._config.source)
        if self._opened().live or uri.scheme == "y4m" or is_fifo(uri.target):
            return False
        if number < self.count:
            self._end()
        while self.count < number and self.grab():
            pass
        return True

    def ask(self, **options: str) -> bool:
        """Ask a camera for ``size``, ``fps`` or ``format`` from the next frame on; False where it cannot be asked."""
        kind, uri = kind_of(parse_uri(self._config.source)), self._uri(self._asked | options)
        if not kind.reopens(uri):
            return False
        try:
            kind.options(uri)
        except EdgeSrcnnError:
            return False
        self._asked |= options
        self._end()
        self._seen = None
        return True

    def ask_size(self, *, width: int | None = None, height: int | None = None) -> bool:
        """Ask a camera for another width or height from the next frame on; False where it cannot be asked."""
        options = parse_uri(self._config.source).options | self._asked
        present = frame_size(options["size"]) if "size" in options else SIZE
        return self.ask(size=f"{width or present[0]}x{height or present[1]}")

    @property
    def size(self) -> tuple[int, int]:
        """Give width and height of what ``enhance`` gives; where none was taken, wait for the first. 0 for no frame."""
        if self._seen is None:
            self._first = self._taken(self._opened())
        width, height = self._seen or (0, 0)
        return width * self._upscaler.scale, height * self._upscaler.scale

    @property
    def live(self) -> bool:
        """Tell whether the source does not wait."""
        return self._opened().live

    @property
    def rate(self) -> float:
        """Give frames a second; 0 where nobody knows."""
        return float(self._opened().rate or 0)

    @property
    def frames(self) -> int:
        """Give how many there are, as far as the source says, or its duration does; 0 where nobody knows."""
        capture = self._opened()
        if capture.frames is None and capture.stream_copy is not None:
            from edge_srcnn.imaging.containers import duration_s

            return int((duration_s(capture.stream_copy) or 0) * self.rate + 0.5)
        return capture.frames or 0

    def close(self) -> None:
        """Let go of source and engine; may be called twice."""
        self._end()
        self._close_upscaler()

    def _made(self, capture: Capture) -> FrameUpscaler:
        camera = is_camera(self._config.source)
        return upscalers_of(self._config, capture, camera=camera, strength=self._strength).make()

    def _opened(self) -> Capture:
        """Open the source, where it is not, and read."""
        if self._capture is None:
            config = self._config
            opener = Opener.of(self._uri(self._asked).text, lambda: config.enhance.temporal)
            self._capture = Capture(opener).open()
            self._close_capture = weakref.finalize(self, _close, self._capture)
        return self._capture

    def _taken(self, capture: Capture) -> Taken | None:
        capture.begin()
        taken = capture.take()
        if taken is None and capture.error is not None:
            error, capture.error = capture.error, None
            raise error
        if taken is not None:
            self._seen = taken.frame.size
        return taken

    def _end(self) -> None:
        if self._capture is not None:
            self._close_capture()
        self._capture = self._first = self.grabbed = self._enhanced = None
        self.count = 0

    def _uri(self, options: dict[str, str]) -> Uri:
        text = self._config.source
        if options:
            uri = parse_uri(text)
            joint = "&" if uri.options else "#" if uri.is_network else "?"
            text += joint + "&".join(f"{name}={value}" for name, value in options.items())
        return parse_uri(text)


def _close(capture: Capture) -> None:
    capture.close()
    capture.join()

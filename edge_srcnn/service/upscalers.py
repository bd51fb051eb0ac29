"""From a configuration to what makes the upscalers that it names, their strength, region and rate."""

from collections.abc import Callable
from fractions import Fraction

from edge_srcnn.engine.backends import Delegate
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.strength import AUTO, Strength
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.frame_upscaler import RegionControl
from edge_srcnn.live.upscaler import Upscalers
from edge_srcnn.service.settings import Config, Enhance
from edge_srcnn.system.temperature import Heat, HeatWatch
from edge_srcnn.uri import frame_rate, region


def upscalers_of(
    config: Config,
    capture: Capture,
    *,
    camera: bool,
    strength: Strength,
    heat: Callable[[], Heat] | None = None,
    roi: RegionControl | None = None,
    keep_fps: Callable[[], Fraction | None] | None = None,
) -> Upscalers:
    """Make what makes the upscaler that a configuration names, for frames of a capture that is open.

    Parameters
    ----------
    config
        Names model, engine, region and rate.
    capture
        Where the frames come from.
    camera
        Whether they come from a camera.
    strength
        All that is made shares it.
    heat
        Gives the last look at the processor; None: a look of its own.
    roi
        What may change the region; None: that of the configuration stays.
    keep_fps
        Gives the rate to keep; None: that of the configuration stays.

    Returns
    -------
    It makes upscalers, again and again if need be.
    """
    asked = config.enhance
    options = EngineOptions.parse(
        engine=asked.engine,
        threads=asked.threads,
        block=asked.block,
        tile=asked.tile,
        reuse=asked.reuse,
        isolate=asked.isolate,
        delegate=None if asked.delegate is None else Delegate.parse(asked.delegate, asked.delegate_options),
    )
    return Upscalers(
        asked.model,
        options,
        scale=asked.scale,
        camera=camera,
        live=capture.live,
        roi=roi or RegionControl(region_of(asked)),
        strength=strength,
        keep_fps=keep_fps or (lambda: keep_fps_of(asked)),
        rate=lambda: capture.rate,
        hot_c=config.service.hot_c,
        heat=heat or HeatWatch().newest,
    )


def strength_of(asked: Enhance, *, camera: bool) -> float | str | None:
    """Choose the strength where nothing is asked for: less than was trained where a camera is too noisy for it."""
    return AUTO if camera and asked.strength is None else asked.strength


def region_of(asked: Enhance) -> tuple[int, int, int, int] | None:
    """Read the region that is sharpened: left, top, width and height; None: all of the picture."""
    return None if asked.roi is None else region(asked.roi)


def keep_fps_of(asked: Enhance) -> Fraction | None:
    """Read the frames a second that are to be kept; None: as many as the camera gives."""
    return None if asked.keep_fps is None else frame_rate(asked.keep_fps)

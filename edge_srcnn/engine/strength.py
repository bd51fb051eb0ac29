"""How much of what a network changes is added to a picture: what was asked for, or what noise leaves of it.

A network that was trained on clean pictures takes noise for detail and sharpens it. Its change is the sum of what it
gets right and of what it makes of noise, whose power grows with the noise's variance; so the best factor falls with
that: 1 - noise² / limit². One that was trained to take much noise away does not need it. docs/numbers.md has measured
tables, and the command that prints them.
"""

from dataclasses import dataclass

from edge_srcnn.engine.postprocess import AS_TRAINED
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.noise import estimate_noise
from edge_srcnn.models.spec import CAMERA, CAMERA_VIDEO, ModelSpec

AUTO = "auto"
"""In place of a strength: as trained, and less where the noise is beyond what the model knows."""

MOST = 1.5
"""The greatest strength that can be asked for."""

STEP = 1 / 8
"""Strengths of live frames are multiples of this, so that the picture does not waver with the estimate."""

_HOLD = 0.9 * STEP  # what was computed must be so far from what is in use
_EVERY = 8  # frames from one estimate to the next, where nobody tells the noise
_TOLD, _ESTIMATED = 1 / 8, 1 / 4  # weights of a new figure


@dataclass(frozen=True)
class _Limits:
    """Up to ``known`` grey levels of noise the strength is that of training; ``fade`` above it, it would be none."""

    known: float
    fade: float


_CLEAN = _Limits(known=0.0, fade=6.0)
_CAMERA = _Limits(known=6.0, fade=12.0)


def strength_for(noise: float | None, spec: ModelSpec | None) -> float:
    """Compute the strength that suits a picture's noise.

    Parameters
    ----------
    noise
        Standard deviation of what the network reads, in grey levels; None: not known.
    spec
        Of the model; None: bicubic alone.

    Returns
    -------
    0 to 1; 1 where nothing is known.
    """
    if noise is None or spec is None or spec.scale == 1 or spec.trained_on == CAMERA_VIDEO:
        return AS_TRAINED  # the latter two take noise away: more of it is no reason to do less
    limits = _CAMERA if spec.trained_on == CAMERA else _CLEAN
    beyond = max(noise * noise - limits.known * limits.known, 0.0)
    return max(AS_TRAINED - beyond / (limits.fade * limits.fade), 0.0)


def checked_strength(asked: float | str) -> float | str:
    """Read a strength: a number from 0 to 1.5, or ``auto``; ``UsageError`` where it is neither."""
    if asked == AUTO:
        return AUTO
    try:
        strength = float(asked)
    except ValueError:
        strength = -1.0
    if not 0 <= strength <= MOST:  # nor is it "not a number"
        raise UsageError(f"strength {asked}: give a number from 0 (bicubic) to {MOST:g}, 1 is as trained; or {AUTO}")
    return strength


class Strength:
    """The strength of pictures and frames; what is asked for may change between two of them, from any thread.

    Parameters
    ----------
    asked
        0 to 1.5, or ``auto``.

    Attributes
    ----------
    noise
        Of the frames that come, in grey levels, by whoever knows it; None: it is estimated from the frames.
    now
        The strength of the last picture or frame.

    Raises
    ------
    UsageError
        It is something else.
    """

    def __init__(self, asked: float | str = AS_TRAINED) -> None:
        self.noise: float | None = None
        self.now = AS_TRAINED
        self._smooth: float | None = None
        self._frames = 0
        self.asked = asked

    @property
    def asked(self) -> float | str:
        """What was asked for."""
        return self._asked

    @asked.setter
    def asked(self, asked: float | str) -> None:
        self._asked = checked_strength(asked)
        self._smooth = None

    def of_picture(self, luma: UInt8Array, spec: ModelSpec | None) -> float:
        """Choose the strength of a single picture by its luma, uint8 ``[h, w]``."""
        strength = self._asked
        if not isinstance(strength, float):
            strength = strength_for(None if spec is None else estimate_noise(luma), spec)
        self.now = strength
        return strength

    def of_frame(self, luma: UInt8Array, spec: ModelSpec | None) -> float:
        """Choose the strength of the next frame by its luma, uint8 ``[h, w]``, or by ``noise``; in steps."""
        asked = self._asked
        if isinstance(asked, float):
            self.now = asked
            return asked
        first = self._smooth is None
        smooth = self._follow(luma)
        wanted = strength_for(smooth, spec)
        if first or abs(wanted - self.now) > _HOLD:
            self.now = round(wanted / STEP) * STEP
        return self.now

    def _follow(self, luma: UInt8Array) -> float:
        """Follow the noise; one frame alone changes little."""
        before, noise, weight = self._smooth, self.noise, _TOLD
        if noise is None:
            self._frames += 1
            if before is not None and self._frames % _EVERY:
                return before
            noise, weight = estimate_noise(luma), _ESTIMATED
        self._smooth = noise if before is None else before + weight * (noise - before)
        return self._smooth

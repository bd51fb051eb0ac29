"""How much of what a network changes is added to a picture: what was asked for, or what its faults leave of it.

A network that was trained on clean pictures takes noise for detail and sharpens it. Its change is the sum of what it
gets right and of what it makes of noise, whose power grows with the noise's variance; so the best factor falls with
that: 1 - noise² / limit². One that was trained to take much noise away does not need it.

At scale 1 it is the other way round: a network that cleans takes grain of the scene for noise, and of a picture that is
nearly clean it takes more than it gives. There the factor grows with the noise, or with the blocks of JPEG.
docs/numbers.md and docs/camera-models.md have measured tables, and the commands that print them.
"""

from dataclasses import dataclass, replace

from edge_srcnn.engine.postprocess import AS_TRAINED
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.blocking import estimate_blocking
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.noise import SMOOTH_SHARE, SMOOTHEST_SHARE, estimate_noise
from edge_srcnn.models.spec import CAMERA, CAMERA_VIDEO, SETTLED, ModelSpec

AUTO = "auto"
"""In place of a strength: as trained, and less where that suits the picture better."""

MOST = 1.5
"""The greatest strength that can be asked for."""

STEP = 1 / 8
"""Strengths of live frames are multiples of this, so that the picture does not waver with the estimate; and those of
pictures at scale 1."""

_HOLD = 0.9 * STEP  # what was computed must be so far from what is in use
_EVERY = 8  # frames from one estimate to the next, where nobody tells the noise
_TOLD, _ESTIMATED = 1 / 8, 1 / 4  # weights of a new figure


@dataclass(frozen=True)
class Faults:
    """Say what is wrong with a picture, in grey levels.

    Attributes
    ----------
    noise
        Standard deviation of what the network reads.
    told
        The noise is known from frames over time, which no grain of the scene is taken for.
    blocking
        See ``estimate_blocking``; looked at for scale 1 only.
    """

    noise: float
    told: bool = True
    blocking: float = 0.0


@dataclass(frozen=True)
class _Limits:
    """Up to ``known`` grey levels of noise the strength is that of training; ``fade`` above it, it would be none."""

    known: float
    fade: float


_CLEAN = _Limits(known=0.0, fade=6.0)
_CAMERA = _Limits(known=6.0, fade=12.0)

_FAULTY = (4.31, 7.97)
"""Grey levels of noise and blocking together from which on a picture is cleaned at scale 1, and at which as trained."""
_NOISY = (1.0, 3.0)
"""The same of noise that is told."""


def strength_for(faults: Faults | None, spec: ModelSpec | None) -> float:
    """Compute the strength that suits a picture.

    Parameters
    ----------
    faults
        What the network reads; None: not known.
    spec
        Of the model; None: bicubic alone.

    Returns
    -------
    0 to 1; 1 where nothing is known.
    """
    if faults is None or spec is None:
        return AS_TRAINED
    noise = faults.noise
    if spec.scale == 1:
        cleaned = _share(noise + faults.blocking, _FAULTY)
        return max(cleaned, _share(noise, _NOISY)) if faults.told else cleaned
    if spec.trained_on == CAMERA_VIDEO:
        return AS_TRAINED  # it takes noise away: more of it is no reason to do less
    limits = _CAMERA if spec.trained_on in (CAMERA, SETTLED) else _CLEAN
    beyond = max(noise * noise - limits.known * limits.known, 0.0)
    return max(AS_TRAINED - beyond / (limits.fade * limits.fade), 0.0)


def find_faults(luma: UInt8Array, spec: ModelSpec, noise: float | None = None) -> Faults:
    """Look at a picture's luma, uint8 ``[h, w]``; its noise is estimated unless it is told."""
    cleans = spec.scale == 1
    blocking = estimate_blocking(luma) if cleans else 0.0
    if noise is not None:
        return Faults(noise, blocking=blocking)
    share = SMOOTHEST_SHARE if cleans else SMOOTH_SHARE
    return Faults(estimate_noise(luma, share), told=False, blocking=blocking)


def _share(level: float, bounds: tuple[float, float]) -> float:
    """Say where between two bounds a level lies, 0 to 1."""
    least, most = bounds
    return min(max((level - least) / (most - least), 0.0), 1.0)


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
        0 to 1.5, or ``auto``; None: as trained, and ``auto`` at scale 1.

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

    def __init__(self, asked: float | str | None = None) -> None:
        self.noise: float | None = None
        self.now = AS_TRAINED
        self._smooth: Faults | None = None
        self._frames = 0
        self.asked = asked

    @property
    def asked(self) -> float | str | None:
        """What was asked for."""
        return self._asked

    @asked.setter
    def asked(self, asked: float | str | None) -> None:
        self._asked = None if asked is None else checked_strength(asked)
        self._smooth = None

    def begin_anew(self) -> None:
        """Forget the frames before: another video comes."""
        self._smooth, self._frames = None, 0

    def remembers(self, spec: ModelSpec | None) -> bool:
        """Tell whether the strength of a frame hangs on the frames before it."""
        return spec is not None and self._fixed(spec) is None

    def of_picture(self, luma: UInt8Array, spec: ModelSpec | None) -> float:
        """Choose the strength of a single picture by its luma, uint8 ``[h, w]``."""
        strength = self._fixed(spec)
        if strength is None:
            strength = strength_for(None if spec is None else find_faults(luma, spec), spec)
            if spec is not None and spec.scale == 1:
                strength = round(strength / STEP) * STEP  # a trace of it is mostly rounding
        self.now = strength
        return strength

    def of_frame(self, luma: UInt8Array, spec: ModelSpec | None) -> float:
        """Choose the strength of the next frame by its luma, uint8 ``[h, w]``, or by ``noise``; in steps."""
        asked = self._fixed(spec)
        if asked is not None or spec is None:
            self.now = AS_TRAINED if asked is None else asked
            return self.now
        first = self._smooth is None
        wanted = strength_for(self._follow(luma, spec), spec)
        if first or abs(wanted - self.now) > _HOLD:
            self.now = round(wanted / STEP) * STEP
        return self.now

    def _fixed(self, spec: ModelSpec | None) -> float | None:
        """Give the strength where it does not hang on the picture."""
        asked = self._asked
        if asked is None:
            return None if spec is not None and spec.scale == 1 else AS_TRAINED
        return asked if isinstance(asked, float) else None

    def _follow(self, luma: UInt8Array, spec: ModelSpec) -> Faults:
        """Follow the faults; one frame alone changes little."""
        before, told = self._smooth, self.noise
        self._frames += 1
        if before is not None and self._frames % _EVERY:
            if told is None:
                return before
            return self._keep(replace(before, noise=_mixed(before.noise, told, _TOLD), told=True))
        found = find_faults(luma, spec, told)
        if before is None:
            return self._keep(found)
        noise = _mixed(before.noise, found.noise, _TOLD if found.told else _ESTIMATED)
        return self._keep(replace(found, noise=noise, blocking=_mixed(before.blocking, found.blocking, _ESTIMATED)))

    def _keep(self, faults: Faults) -> Faults:
        self._smooth = faults
        return faults


def _mixed(before: float, now: float, weight: float) -> float:
    return before + weight * (now - before)

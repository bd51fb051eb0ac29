"""Change the running service: which settings there are, their values, and a picture to the disk."""

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

from edge_srcnn.engine.backends import BICUBIC
from edge_srcnn.engine.strength import AUTO, MOST
from edge_srcnn.errors import Conflict, OutputExists, Unavailable, UsageError, suggest
from edge_srcnn.imaging.colour import rgb_picture
from edge_srcnn.imaging.frame import Metadata
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.frame_upscaler import RegionControl
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.models.bundled import bundled_models, is_auto
from edge_srcnn.service.changes import CHANGEABLE, Changes
from edge_srcnn.service.settings import SETTINGS, TABLES, Config, take
from edge_srcnn.sinks import MAX_NAME, kind_of
from edge_srcnn.sinks.control import Setting
from edge_srcnn.sinks.images import Encoding, write_picture
from edge_srcnn.sinks.recording_names import Times
from edge_srcnn.sinks.recordings import Rotation
from edge_srcnn.sources.transform import READERS, TEMPORAL
from edge_srcnn.upscaler import read_named
from edge_srcnn.uri import parse_uri, region

log = logging.getLogger(__name__)

SNAPSHOT_S = 15.0
"""Whoever asks for a snapshot waits so long for an enhanced picture."""

_PICTURES = Times("%Y%m%d-%H%M%S-%f", ".jpg")
_REGION = r"[0-9]{1,5},[0-9]{1,5},[1-9][0-9]{0,4},[1-9][0-9]{0,4}"
_NO_LETTER = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
_NAME = rf"[^\s{_NO_LETTER}][^{_NO_LETTER}]{{0,{MAX_NAME - 1}}}"


class Changed(Protocol):
    """What is changed: the service."""

    config: Config
    camera: bool
    """Whether its frames come from a camera."""
    changing: threading.RLock
    """Whoever changes it holds this."""
    changes: Changes

    @property
    def capture(self) -> Capture:
        """Give what reads the source."""
        ...

    @property
    def pipeline(self) -> Pipeline:
        """Give what runs."""
        ...

    def take_over(self, config: Config, *, soon: bool) -> str:
        """Go on by another configuration."""
        ...


class RunControl:
    """Changes a running service; the role is ``sinks.control.Control``.

    Parameters
    ----------
    service
        Is changed.
    """

    def __init__(self, service: Changed) -> None:
        self._service = service
        self._writing = threading.Lock()
        self._models = tuple(sorted(bundled_models(), key=lambda name: (name.rpartition("-x")[2], name)))

    def settings(self) -> tuple[Setting, ...]:
        """List what can be changed, and what cannot be changed here and why."""
        service, asked = self._service, self._service.config.enhance
        file = None if service.capture.live else "the source is a file, which is worked through in one way"
        own = service.capture.opener.opening
        bicubic = f'engine = "{BICUBIC}" has no network' if asked.engine == BICUBIC else None
        fixed = asked.engine if asked.engine.startswith("edgetpu") else asked.delegate
        compiled = fixed and f"the model is compiled for {fixed}; the configuration names another one"
        temporal = own is not None and own.uri.options.get("temporal")
        named = f"the source's name says temporal={temporal}" if temporal else None
        said = {} if own is None else dict.fromkeys(own.asked, "as the source's name says")
        unrecorded = None if self._records() else "no sink records: there is neither a video nor a folder of pictures"
        models = tuple(dict.fromkeys((AUTO, *self._models, asked.model)))
        choice: Literal["choice"] = "choice"
        return (
            Setting("model", "Model", choice, models, blocked=file or bicubic or compiled),
            Setting("strength", "Strength", "number", (AUTO,), 0.0, MOST, 0.05, blocked=bicubic),
            Setting("temporal", "Average over time", choice, tuple(TEMPORAL), blocked=named),
            _region("roi", "Sharpen only", bicubic),
            Setting("rotate", "Rotate", choice, (0, 90, 180, 270), unit="degrees", blocked=file),
            Setting("hflip", "Mirror left and right", "switch", blocked=file),
            Setting("vflip", "Mirror top and bottom", "switch", blocked=file),
            _region("crop", "Crop", file, said.get("crop")),
            _rate("fps", "Rate at most", said.get("fps", "all frames"), file),
            _rate("keep_fps", "Rate that auto keeps", "the camera's", file or bicubic),
            Setting("name", "Name", "text", empty="none", pattern=_NAME),
            Setting("recording", "Record", "switch", blocked=file or unrecorded),
        )

    def values(self) -> dict[str, Any]:
        """Give the present value of each setting by name, as JSON has them."""
        service, config = self._service, self._service.config
        opening, asked = service.capture.opener.opening, config.enhance
        turns = {name: value for name, value in asdict(config.transform).items() if value is not None}
        named = {} if opening is None else dict(opening.asked)
        transform = {"rotate": 0, "hflip": False, "vflip": False, "crop": None, "fps": None} | named | turns
        temporal = (opening and opening.uri.options.get("temporal")) or asked.temporal
        usual = AUTO if service.camera or _scale(config) == 1 else 1
        strength = usual if asked.strength is None else asked.strength
        crop = transform["crop"]
        return {
            "model": asked.model,
            "strength": AUTO if strength == AUTO else float(strength),
            "temporal": temporal or (AUTO if service.camera else "off"),
            "roi": asked.roi,
            "rotate": int(transform["rotate"]),
            "hflip": transform["hflip"],
            "vflip": transform["vflip"],
            "crop": crop if crop is None or isinstance(crop, str) else ",".join(map(str, crop)),
            "fps": _number(transform["fps"]),
            "keep_fps": _number(asked.keep_fps),
            "name": config.service.name,
            "recording": config.service.recording and self._records(),
        }

    def change(self, changes: Mapping[str, Any], *, persist: bool = False) -> dict[str, Any]:
        """Change settings between two frames; one that makes no sense changes nothing. See ``Control``."""
        service = self._service
        with service.changing:
            settings, values = {each.name: each for each in self.settings()}, self.values()
            taken: dict[str, Any] = {}
            for name, value in changes.items():
                setting = settings.get(name)
                if setting is None:
                    close = suggest(name, list(settings))
                    meant = f"did you mean {close}? " if close else ""
                    raise UsageError(
                        f"{name[:MAX_NAME]}: there is no such setting; {meant}there are {', '.join(settings)}"
                    )
                setting.check(value)
                if setting.blocked and value != values[name]:
                    raise Conflict(f"{name}: cannot be changed here: {setting.blocked}")
                if not setting.blocked:
                    taken[CHANGEABLE[name]] = _taken(CHANGEABLE[name], value)
            config = _changed(service.config, taken)
            self._check(config, changes)
            if persist:
                service.changes.check(changes)
                service.changes.write(taken)
            service.take_over(config, soon=True)
            now = self.values()
            told = ", ".join(f"{name} {now[name]}" for name in changes if now[name] != values[name])
            if told:
                log.info("changed while it runs%s: %s", " and kept" if persist else "", told)
            return now

    def snapshot(self) -> Path:
        """Write the next enhanced picture into a file of its own, and wait for that; the oldest make room.

        See ``Control``.
        """
        result = self._service.pipeline.next_result.wait(SNAPSHOT_S)
        if result is None:
            why = self._service.capture.last_error
            raise Unavailable(f"no picture was enhanced within {SNAPSHOT_S:.0f} s{(why and f': {why}') or ''}")
        pixels, asked = rgb_picture(result.frame), self._service.config.service
        with self._writing:
            kept = Rotation(Path(asked.snapshots).absolute(), _PICTURES, asked.keep_snapshots)
            kept.begin()
            for path in kept.candidates():
                with suppress(OutputExists):  # somebody else's, meanwhile
                    write_picture(path, pixels.shape, [(0, pixels)], Metadata(), Encoding(), overwrite=False)
                    kept.add(path)
                    return path
        raise AssertionError  # names do not end

    def _records(self) -> bool:
        return any(kind_of(parse_uri(uri)).records for uri in self._service.config.sinks)

    def _check(self, config: Config, changes: Mapping[str, Any]) -> None:
        """Refuse, with ``Conflict``, what does not fit the pictures that come, or the sinks."""
        before, opener = self._service.config, self._service.capture.opener
        scales = _scale(before), _scale(config) if "model" in changes else _scale(before)
        size = opener.transform.size
        if size is None or opener.opening is None:
            return
        transform = opener.opening.transform(transform_values(config))
        try:
            after = transform.size_of(size)
        except ValueError as error:
            raise Conflict(f"crop: {','.join(map(str, transform.crop or ()))} {error}") from error
        if config.enhance.roi is not None and {"roi", "rotate", "crop"} & changes.keys():
            try:
                RegionControl(region(config.enhance.roi)).within(after)
            except UsageError as error:
                raise Conflict(f"roi: {error}; give another one, or none") from error
        if after == opener.transform.asked.size_of(size) and scales[0] == scales[1]:
            return
        for uri in map(parse_uri, before.sinks):
            if kind_of(uri).one_size:
                raise Conflict(f"{', '.join(changes)}: pictures would get another size, and {uri.name} takes one only")


def transform_values(config: Config) -> dict[str, Any]:
    """Give what the configuration says of the transform, as the options of a source's name are read."""
    told = asdict(config.transform)
    return {name: READERS[name](value) if isinstance(value, str) else value for name, value in told.items()}


def _region(name: str, label: str, blocked: str | None, empty: str | None = None) -> Setting:
    unit, empty = "left,top,width,height", empty or "the whole picture"
    return Setting(name, label, "text", unit=unit, blocked=blocked, empty=empty, pattern=_REGION)


def _rate(name: str, label: str, empty: str, blocked: str | None) -> Setting:
    return Setting(name, label, "number", (), 0.1, 1000.0, 0.1, "fps", blocked, empty)


def _scale(config: Config) -> int:
    asked = config.enhance
    return asked.scale if is_auto(asked.model) else read_named(asked.model, asked.scale).spec.scale


def _number(value: Any) -> float | None:
    return None if value is None else round(float(Fraction(value)), 6)


def _taken(path: str, value: Any) -> Any:
    """Convert a value as one of the configuration; ``UsageError`` where that refuses it."""
    if value is None:
        return None
    if path.endswith("fps"):  # without an exponent, and with as many decimals as are read
        value = f"{value:.6f}".rstrip("0").rstrip(".")
    if path == "transform.rotate":
        value = int(value)
    try:
        return take(SETTINGS[path], value)
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"{path.rpartition('.')[2]}: {error}") from error


def _changed(config: Config, taken: Mapping[str, Any]) -> Config:
    """Give a configuration with some values, by key path, in place of its own."""
    for table in TABLES:
        values = {path.partition(".")[2]: value for path, value in taken.items() if path.partition(".")[0] == table}
        config = replace(config, **{table: replace(getattr(config, table), **values)})
    return config

"""Plan on paper: from measured figures and stated assumptions to the tables of ``docs/scale.md``.

usage: python -m tools.scale [NAME=VALUE...]        (prints the tables, with assumptions of your own: core_hour=0.02)
       python -m tools.scale write                  (puts them into docs/scale.md)
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.scale_assumed import ASSUMED, BITS, DAY_S, GB, HOURS_A_YEAR, MB, MEANING, figure, table
from tools.scale_fleet import fleet_rows

ROOT = Path(__file__).resolve().parents[1]
PAGE, FILE = ROOT / "docs" / "scale.md", ROOT / "docs" / "scale.json"
MILLION = 1_000_000
MODELS = ("fast-s-x2", "fast-m-x2", "fast-l-x2", "fast-xl-x2")
CAMERA_MODELS = ("fast-s-x2-camera", "fast-m-x2-camera", "fast-l-x2-camera")


class Plan:
    """Do the arithmetic.

    Parameters
    ----------
    measured
        As ``tools/scale_measure.py`` writes it: CPU milliseconds, and bytes.
    assumed
        As ``ASSUMED``.
    """

    def __init__(self, measured: Mapping[str, Any], assumed: Mapping[str, float]) -> None:
        self.measured, self.assumed = measured, assumed

    def still_ms(self, size: str, kind: str, model: str) -> dict[str, float]:
        """Give the CPU milliseconds of a picture's stages; the network's is what it adds to bicubic scaling."""
        spent = self.measured["still"][size]["cpu_ms"]
        network = spent[model] - spent["bicubic"]
        return {
            "decode": spent[f"decode {kind}"],
            "bicubic": spent["bicubic"],
            "network": network,
            "encode": spent[f"encode {kind}"],
        }

    def frame_ms(self, size: str, model: str, encoded: str = "h264") -> dict[str, float]:
        """Give the CPU milliseconds of a frame's stages in one place: from H.264, to a recording or to viewers."""
        spent = self.measured["live"][size]["cpu_ms"]
        return {
            "decode": spent["decode h264"],
            "bicubic": spent["bicubic"],
            "network": spent[model] - spent["bicubic"],
            "encode": spent[f"encode {encoded}"],
        }

    def core_hours(self, cpu_ms: float, count: float) -> float:
        """Give the hours of cores that are paid for ``count`` pictures."""
        return cpu_ms * count / 1000 / 3600 / self.assumed["used"]

    def cores_of_a_camera(self, size: str, model: str) -> float:
        """Give the cores that are busy with a camera in one place."""
        return self.assumed["fps"] * sum(self.frame_ms(size, model).values()) / 1000

    def pi_year(self) -> tuple[float, float, float]:
        """Give the kWh of a Pi in a year, what they cost, and what the Pi itself costs a year."""
        kwh = self.assumed["pi_w"] * HOURS_A_YEAR / 1000
        return kwh, kwh * self.assumed["kwh"], self.assumed["pi_price"] / self.assumed["pi_years"]

    def limits(self) -> Iterator[tuple[str, str, dict[str, float]]]:
        """Give scenarios: what they are, what is counted, and how many a second each resource lets through."""
        a = self.assumed
        for size in self.measured["still"]:
            for kind, model in (("jpg", "fast-s-x2"), ("jpg", "fast-xl-x2"), ("png", "fast-s-x2")):
                sizes = self.measured["still"][size]["bytes"]
                come, go = sizes[f"in {kind}"] / MB, sizes[f"out {kind}"] / MB
                stages = self.still_ms(size, kind, model)
                cpu = {name: 1000 * a["cores"] / ms for name, ms in stages.items()}
                processor = 1000 * a["cores"] / sum(stages.values())
                what = f"{size} {kind.upper()}, `{model.removesuffix('-x2')}`"
                disk = {"disk": a["disk_mb_s"] / (come + go), "processor": processor, **cpu}
                yield f"an archive on the disk, {what}", "pictures", disk
                network = {"network in": a["net_mb_s"] / come, "network out": a["net_mb_s"] / go}
                yield f"an archive in a store, {what}", "pictures", {**network, "processor": processor, **cpu}
        for size, live in self.measured["live"].items():
            stages = self.frame_ms(size, "fast-m-x2-camera")
            cpu = {name: 1000 * a["cores"] / ms for name, ms in stages.items()}
            come, go = a[f"camera_mbit_{size}"] / BITS / a["fps"], live["bytes"]["h264"] / MB
            central = {"network in": a["net_mb_s"] / come, "disk": a["disk_mb_s"] / go}
            central["processor"] = 1000 * a["cores"] / sum(stages.values())
            yield f"cameras in one place, {size}, recorded, `fast-m`", "frames", {**central, **cpu}
            viewer = {"network out": a["wlan_mb_s"] / (live["bytes"]["jpg"] / MB), "camera": a["fps"]}
            yield f"the page of one Pi by wireless, {size} enhanced, one viewer", "frames", viewer

    def tables(self) -> dict[str, str]:
        """Give all tables of the page, by name."""
        return {
            "assumed": table(
                ["name", "value", "what"],
                [[f"`{name}`", figure(each), MEANING[name]] for name, each in self.assumed.items()],
            ),
            "still": self._still(),
            "million": self._million(),
            "live": self._live(),
            "year": self._year(),
            "limits": self._limits(),
            "fleet": table(["what", "how much", "how it comes about"], list(fleet_rows(self))),
            "whole": self._whole(),
        }

    def _still(self) -> str:
        rows = []
        for size, measured in self.measured["still"].items():
            for kind, label in (("jpg", "JPG"), ("png", "PNG"), ("png fast", "PNG, `--compression 1`")):
                spent, sizes = measured["cpu_ms"], measured["bytes"]
                networks = [self.still_ms(size, kind, model)["network"] for model in MODELS]
                stages = [spent[f"decode {kind}"], spent["bicubic"], *networks, spent[f"encode {kind}"]]
                kilobytes = [sizes[f"{way} {kind}"] / 1000 for way in ("in", "out")]
                rows.append([f"{size} {label}", *map(figure, stages + kilobytes)])
        names = [f"`{model.removesuffix('-x2')}`" for model in MODELS]
        return table(["picture, x2", "decode", "bicubic", *names, "encode", "kB in", "kB out"], rows)

    def _million(self) -> str:
        rows = []
        for size, measured in self.measured["still"].items():
            for kind in ("jpg", "png"):
                sent = measured["bytes"][f"out {kind}"] * MILLION / GB
                for model in MODELS:
                    total = sum(self.still_ms(size, kind, model).values())
                    hours = self.core_hours(total, MILLION)
                    dollars = hours * self.assumed["core_hour"]
                    out = sent * self.assumed["gb_out"]
                    rows.append(
                        [
                            f"{size} {kind.upper()}, `{model.removesuffix('-x2')}`",
                            *map(figure, (total, hours, dollars, sent, out)),
                        ]
                    )
        return table(["a million pictures", "CPU ms each", "core-hours", "$ to compute", "GB out", "$ to send"], rows)

    def _live(self) -> str:
        rows = []
        for size, measured in self.measured["live"].items():
            spent, sizes = measured["cpu_ms"], measured["bytes"]
            networks = [self.frame_ms(size, model)["network"] for model in CAMERA_MODELS]
            stages = [spent["decode h264"], spent["bicubic"], *networks, spent["encode jpg"], spent["encode h264"]]
            rows.append([size, *map(figure, [*stages, sizes["jpg"] / 1000, sizes["h264"] / 1000])])
        names = [f"`{model.removesuffix('-x2-camera')}`" for model in CAMERA_MODELS]
        head = ["frame, x2", "decode H.264", "bicubic", *names, "JPEG", "H.264", "kB JPEG", "kB H.264"]
        return table(head, rows)

    def _year(self) -> str:
        rows = []
        for size in self.measured["live"]:
            for model in CAMERA_MODELS:
                cores = self.cores_of_a_camera(size, model)
                hours = cores * HOURS_A_YEAR / self.assumed["used"]
                come = self.assumed[f"camera_mbit_{size}"] / BITS * MB * DAY_S * HOURS_A_YEAR / 24 / GB
                rows.append(
                    [f"{size}, `{model.removesuffix('-x2-camera')}`, in one place"]
                    + [figure(each) for each in (cores, hours, hours * self.assumed["core_hour"], come)]
                )
        kwh, energy, pi = self.pi_year()
        rows.append([f"on a Pi: {figure(kwh)} kWh and a part of its price", "", "", figure(energy + pi), "0"])
        return table(["a camera for a year, all day", "cores", "core-hours", "$", "GB in"], rows)

    def _limits(self) -> str:
        rows = []
        for what, unit, limits in self.limits():
            shown = {
                name: each for name, each in limits.items() if name not in ("decode", "bicubic", "network", "encode")
            }
            first, second = sorted(shown, key=lambda name: shown[name])[:2]
            stages = {name: each for name, each in limits.items() if name not in shown}
            most = f", most of it {min(stages, key=lambda name: stages[name])}" if first == "processor" else ""
            rows.append(
                [what, f"**{first}**{most}", f"{figure(shown[first])} {unit}", f"{second}: {figure(shown[second])}"]
            )
        return table(["what", "first limit", "a second", "the next"], rows)

    def _whole(self) -> str:
        rows = []
        for size, measured in self.measured["still"].items():
            stages = sum(self.still_ms(size, "jpg", "fast-m-x2").values())
            whole = measured["whole_cpu_ms"]
            rows.append([size, figure(stages), figure(whole), f"{whole / stages:.2f}"])
        return table(["picture", "stages, CPU ms", "the command, CPU ms", "ratio"], rows)


def filled(text: str, tables: Mapping[str, str]) -> str:
    """Put tables between their marks, ``<!-- NAME -->`` and ``<!-- end -->``."""

    def put(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n\n{tables[found[1]]}\n\n<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", put, text, flags=re.DOTALL)


def main() -> None:
    """Print the tables, or write them."""
    measured = json.loads(FILE.read_text(encoding="utf-8"))
    if sys.argv[1:] == ["write"]:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), Plan(measured, ASSUMED).tables()), encoding="utf-8")
        return
    assumed = dict(ASSUMED)
    for word in sys.argv[1:]:
        name, _, value = word.partition("=")
        if name not in assumed:
            sys.exit(f"{word}: give NAME=VALUE, where NAME is one of {', '.join(assumed)}")
        try:
            assumed[name] = float(value)
        except ValueError:
            sys.exit(f"{word}: {value} is no number")
        if not assumed[name] > 0:
            sys.exit(f"{word}: give more than 0")
    for name, text in Plan(measured, assumed).tables().items():
        print(f"\n## {name}\n\n{text}")


if __name__ == "__main__":
    main()

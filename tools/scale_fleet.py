"""What a fleet of cameras needs: the rows of the last table of ``docs/scale.md``."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from tools.scale_assumed import BITS, DAY_S, GB, MB, figure


class Costs(Protocol):
    """Give what was measured and assumed, and what a frame and a Pi cost; see ``tools/scale.py``."""

    measured: Mapping[str, Any]
    assumed: Mapping[str, float]

    def frame_ms(self, size: str, model: str, encoded: str = "h264") -> dict[str, float]:
        """Give the CPU milliseconds of a frame's stages."""
        ...

    def pi_year(self) -> tuple[float, float, float]:
        """Give a Pi's kWh in a year, their price, and its own."""
        ...


def fleet_rows(plan: Costs) -> Iterator[list[str]]:
    """Give the rows of the large fleet: what, how much, and the arithmetic."""
    a, camera, size = plan.assumed, plan.measured["camera"], "640x480"
    live, count = plan.measured["live"][size], a["cameras"]
    frame = sum(plan.frame_ms(size, "fast-m-x2-camera").values())
    cores = count * a["fps"] * frame / 1000 / a["used"]
    yield [
        "cores in one place",
        figure(cores),
        f"{figure(count)} x {figure(a['fps'])} frames/s x {figure(frame)} ms / {a['used']:g}; on the Pis: none",
    ]
    come = a[f"camera_mbit_{size}"]
    yield [
        "streams into one place",
        f"{figure(count * come / 1000)} Gbit/s",
        f"{figure(count)} x {figure(come)} Mbit/s",
    ]
    page = live["bytes"]["jpg"] * a["fps"] * BITS / MB
    yield [
        "a wall of ten, enhanced",
        f"{figure(10 * page)} Mbit/s",
        f"10 x {figure(live['bytes']['jpg'] / 1000)} kB x {figure(a['fps'])}/s",
    ]
    yield [
        "the same with `--every 2`",
        f"{figure(10 * live['bytes']['jpg'] / 2 * BITS / MB)} Mbit/s",
        "half a picture a second each",
    ]
    series = count * camera["metric_series"]
    yield ["Prometheus: series", figure(series), f"{figure(count)} x {camera['metric_series']}"]
    samples = series / a["scrape_s"]
    yield ["Prometheus: values", f"{figure(samples)} a second", f"every {figure(a['scrape_s'])} s"]
    yield [
        "Prometheus: disk",
        f"{figure(samples * DAY_S * a['sample_bytes'] / GB)} GB a day",
        f"{a['sample_bytes']:g} bytes a value",
    ]
    yield [
        "Prometheus: memory",
        f"{figure(series * a['series_kb'] * 1000 / GB)} GB",
        f"{a['series_kb']:g} kB a series",
    ]
    scraped = count * camera["metrics_bytes"] * BITS / a["scrape_s"] / MB
    yield [
        "Prometheus: network",
        f"{figure(scraped)} Mbit/s",
        f"{figure(camera['metrics_bytes'] / 1000)} kB a look",
    ]
    messages = count * camera["mqtt_messages_per_minute"] / 60
    yield [
        "MQTT: messages",
        f"{figure(messages)} a second",
        f"{camera['mqtt_messages_per_minute']:g} a minute and camera",
    ]
    told = count * camera["mqtt_bytes_per_minute"] / 60 * BITS / MB
    yield [
        "MQTT: network",
        f"{figure(told)} Mbit/s",
        f"{figure(camera['mqtt_bytes_per_minute'] / 1000)} kB a minute and camera, nearly all of it pictures",
    ]
    day = live["bytes"]["h264"] * a["fps"] * DAY_S
    yield [
        "recordings, enhanced",
        f"{figure(count * day / 1e12)} TB a day",
        f"{figure(day / GB)} GB a day and camera",
    ]
    yield ["a week of them, on each Pi", f"{figure(7 * day / GB)} GB", "7 days"]
    kept = count * day / GB * 7 * a["gb_month"]
    yield [
        "a week of them, in one place",
        f"{figure(kept)} $ a month",
        f"7 days x {a['gb_month']:g} $ a GB-month; on the Pis: a disk each",
    ]
    yield [
        "an update by apt",
        f"{figure(count * a['deb_mb'] / 1e6)} TB",
        f"{figure(a['deb_mb'])} MB each; a mirror in the house sends it once a site",
    ]
    hourly = count * a["deb_mb"] * BITS / DAY_S
    yield [
        "the same within a day",
        f"{figure(hourly)} Mbit/s",
        "spread evenly (unattended-upgrades waits a random time)",
    ]
    yield [
        "certificates",
        f"{figure(count / a['certificate_days'])} a day",
        f"each lasts {figure(a['certificate_days'])} days",
    ]
    kwh, energy, _ = plan.pi_year()
    yield ["energy of the Pis", f"{figure(count * kwh / 1e6)} GWh a year", f"{figure(count * energy)} $ a year"]

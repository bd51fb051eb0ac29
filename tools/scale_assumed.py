"""What the plan of ``docs/scale.md`` assumes, each with a name, a value and its meaning; and how it writes numbers."""

from collections.abc import Sequence

HOURS_A_YEAR, DAY_S = 8_766, 86_400
GB, MB, BITS = 1e9, 1e6, 8

ASSUMED = {
    "core_hour": 0.04,
    "used": 0.7,
    "gb_out": 0.05,
    "gb_month": 0.02,
    "kwh": 0.30,
    "pi_w": 6.0,
    "pi_price": 80.0,
    "pi_years": 5.0,
    "fps": 15.0,
    "camera_mbit_640x480": 1.0,
    "camera_mbit_1920x1080": 4.0,
    "cores": 8.0,
    "disk_mb_s": 400.0,
    "net_mb_s": 110.0,
    "wlan_mb_s": 5.0,
    "cameras": 10_000.0,
    "scrape_s": 30.0,
    "sample_bytes": 2.0,
    "series_kb": 4.0,
    "deb_mb": 120.0,
    "certificate_days": 90.0,
}
MEANING = {
    "core_hour": "$ for an hour of one core",
    "used": "of the time that a core is paid for, it has work",
    "gb_out": "$ to send a GB to the internet; what comes in is free",
    "gb_month": "$ to keep a GB for a month",
    "kwh": "$ for a kWh",
    "pi_w": "W that a Raspberry Pi 4 or 5 with its camera takes at work (public figures: 3 to 8)",
    "pi_price": "$ for the Pi with its card and power supply",
    "pi_years": "years that it lasts",
    "fps": "frames a second of a camera",
    "camera_mbit_640x480": "Mbit/s of a camera's H.264 at that size",
    "camera_mbit_1920x1080": "the same, larger",
    "cores": "of one machine",
    "disk_mb_s": "MB/s of its SSD, reading and writing together",
    "net_mb_s": "MB/s of its network, each way: 1 Gbit/s",
    "wlan_mb_s": "MB/s that a Pi gets out by wireless",
    "cameras": "of the large fleet",
    "scrape_s": "seconds between two looks of Prometheus at a camera",
    "sample_bytes": "that Prometheus keeps of a value on its disk (its manual: 1 to 2)",
    "series_kb": "kB of memory that a series takes there",
    "deb_mb": "MB of the Debian package",
    "certificate_days": "that a certificate lasts",
}


def figure(value: float) -> str:
    """Write a number with three digits that count, thousands apart."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        digits = len(str(int(abs(value)))) - 3
        return f"{round(value / 10**digits) * 10**digits:,}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

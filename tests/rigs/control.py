"""100 random changes a minute while a viewer looks and a recording runs. Prints a JSON object; exits with 1 on a fault.

usage: python -m tests.rigs.control [MINUTES]              (from the repository's root)
"""

import json
import random
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from tests.edge_srcnn.service.running import Watcher, running
from tests.edge_srcnn.web.controlling import patch
from tests.edge_srcnn.web.serving import get

MINUTES = 10.0
EVERY_S = 0.6
"""From one change to the next: 100 a minute."""

SIZE, FPS = (160, 120), 15
GAP_S = 0.5
GROWN_KB = 5_000
"""Allowed from the third quarter to the last, each by its least: models of many sizes come and go."""

LEAST_FPS = 5.0
"""Rates that are asked for are not below this: one picture in 2 s is no gap."""

USAGE_EVERY = 10  # changes


def value_of(setting: dict[str, Any], dice: random.Random) -> Any:
    """Any value that a setting takes, and that fits into the picture whichever way it is turned."""
    if setting["empty"] is not None and dice.random() < 0.4:
        return None
    if setting["kind"] == "switch":
        return dice.random() < 0.5
    if setting["kind"] == "choice" or (setting["choices"] and dice.random() < 0.3):
        return dice.choice(setting["choices"])
    if setting["kind"] == "number":
        least = LEAST_FPS if setting["unit"] == "fps" else setting["least"]
        return round(dice.uniform(least, min(setting["most"], 60)), 2)
    if setting["name"] == "name":
        return dice.choice(["Garden", "Fa\u00e7ade", "\u5ead", "a & b <c>"])
    left, top = dice.randint(0, 30), dice.randint(0, 30)
    side = (60, 90) if setting["name"] == "crop" else (10, 90)
    return f"{left},{top},{dice.randint(*side)},{dice.randint(*side)}"


def control(minutes: float) -> dict[str, Any]:
    """Change, and tell what became of the stream."""
    dice = random.Random(21)
    statuses, refusals, usages = Counter[int](), Counter[str](), list[dict[str, int]]()
    answers_s: list[float] = []
    source, sinks = (
        f"test:size={SIZE[0]}x{SIZE[1]},fps={FPS}",
        ["http://127.0.0.1:0", "rec/%Y%m%d-%H%M%S.mkv?segment=600"],
    )
    text = f"source = {json.dumps(source)}\nsinks = {json.dumps([*sinks, 'rec/?every=60'])}\n"
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), text) as service, Watcher(service) as viewer:
        viewer.sees(live=True, since_s=0.0, limit_s=30)
        settings = [each for each in get(service, "/control").json["settings"] if each["blocked"] is None]
        began, changes = monotonic(), 0
        while monotonic() - began < minutes * 60:
            time.sleep(max(began + changes * EVERY_S - monotonic(), 0))
            changed = {each["name"]: value_of(each, dice) for each in dice.sample(settings, dice.randint(1, 3))}
            asked = monotonic()
            answer = patch(service, changed, f"/control?persist={'true' if changes % 10 == 0 else 'false'}")
            answers_s.append(monotonic() - asked)
            statuses[answer.status] += 1
            if answer.status != 200:
                refusals[answer.text.partition(":")[0]] += 1
            changes += 1
            if changes % USAGE_EVERY == 0:
                usages.append(service.usage())
        state, tracebacks, broken = service.state(), service.log.count("Traceback"), viewer.broken
        live = [part.at_s for part in viewer.parts if part.live and part.at_s >= began]
        files = sorted(path.name for path in Path(folder, "rec").iterdir())
        sizes = {part.size for part in viewer.parts}
        stopped_s = service.stop()
    gaps = sorted((after - before for before, after in pairwise(live)), reverse=True)
    quarter = max(len(usages) // 4, 1)
    parts = (usages[-2 * quarter : -quarter] or usages, usages[-quarter:])
    third, last = ({name: median(each[name] for each in part) for name in usages[0]} for part in parts)
    floors = [min(each["memory_kb"] for each in part) for part in parts]
    tenths = [usages[i * len(usages) // 10 : (i + 1) * len(usages) // 10] for i in range(10)]
    failures = [f"{status}: {number} times" for status, number in statuses.items() if status >= 500]
    if gaps[0] > GAP_S:
        failures.append(f"a gap of {gaps[0]:.2f} s")
    if floors[1] - floors[0] > GROWN_KB:
        failures.append(f"memory grew from {floors[0]} to {floors[1]} kB")
    if broken is not None or state["failed"] or state["errors"] or tracebacks:
        failures.append(f"{broken}, {state['failed']} failed, {state['errors']}, {tracebacks} tracebacks")
    return {
        "minutes": round((monotonic() - began) / 60, 1),
        "changes": changes,
        "statuses": dict(sorted(statuses.items())),
        "refused_since_it_did_not_fit": dict(refusals),
        "answer_ms": {"median": round(1000 * median(answers_s), 1), "longest": round(1000 * max(answers_s), 1)},
        "pictures_seen": len(live),
        "sizes_seen": len(sizes),
        "largest_gaps_s": [round(gap, 3) for gap in gaps[:5]],
        "recordings": len(files),
        "frames_failed": state["failed"],
        "in_the_third_quarter": third,
        "in_the_last_quarter": last,
        "least_kb_in_these_quarters": floors,
        "memory_mb_each_tenth_median_and_least": [
            [round(of([each["memory_kb"] for each in part]) / 1000) for of in (median, min)] for part in tenths if part
        ],
        "stopped_s": round(stopped_s, 2),
        "failures": failures,
    }


def main() -> int:
    """Run."""
    found = control(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES)
    print(json.dumps(found, indent=2))  # noqa: T201
    return 1 if found["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())

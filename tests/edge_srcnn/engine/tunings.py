"""One tuning, as a value and as an entry of the file, and what was warned of."""

import logging

from edge_srcnn.engine.plan import Blocks, Plan
from edge_srcnn.engine.tuning_cache import TuningKey

KEY = TuningKey("a" * 64, "Cortex-A76, 4 processors", "litert 2.0.2", 960, 1280)
SETTING = Plan(Blocks((2, 4), (4, 4)), (64, 128), 3)
WINNER = KEY, 12.5, SETTING

ENTRY = {
    "model": "a" * 64,
    "processor": "Cortex-A76, 4 processors",
    "interpreter": "litert 2.0.2",
    "height": 960,
    "width": 1280,
    "block": "2x4-4x4",
    "tile": "64x128",
    "threads": 3,
    "milliseconds": 12.5,
}


def warnings(caplog) -> list[str]:
    assert {record.levelno for record in caplog.records} <= {logging.WARNING}
    return [record.getMessage() for record in caplog.records]

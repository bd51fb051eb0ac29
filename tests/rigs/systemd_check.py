"""The installed service, seen by the systemd that runs it; tests/rigs/systemd.sh starts this as root."""

import grp
import json
import os
import pwd
import re
import signal
import stat
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import checks
from systemd_unit import (
    CONFIGURATIONS,
    UNIT,
    UNLISTED,
    WATCHDOG_S,
    add_probe,
    configure,
    done,
    journal,
    main_pid,
    shown,
    started_again,
    tell,
    wait_until,
)

EDGE_SRCNN = "/home/rig/venv/bin/edge-srcnn"
STATE_OF_ALL = Path("/var/lib/edge-srcnn")
STATE = STATE_OF_ALL / "default"
ADDRESS = "http://127.0.0.1:8080"


def check_install_from_a_venv_in_a_closed_home_can_be_repeated() -> None:
    first = done(EDGE_SRCNN, "service", "install")
    assert first.stdout.count("written") == 5, first
    assert first.stdout.count("done") >= 3, first
    again = done(EDGE_SRCNN, "service", "install")
    assert again.stdout.count("unchanged") == 4, again
    assert again.stdout.count("kept") == 1, again
    assert pwd.getpwnam("edge-srcnn").pw_shell.endswith("nologin")
    for group in ("video", "render", "plugdev"):
        grp.getgrnam(group)
    for path, mode in ((CONFIGURATIONS, 0o750), (CONFIGURATIONS / "default.toml", 0o640)):
        found = path.stat()
        assert (found.st_uid, grp.getgrgid(found.st_gid).gr_name) == (0, "edge-srcnn"), found
        assert stat.S_IMODE(found.st_mode) == mode, found


def check_systemd_finds_no_fault_in_the_unit_and_little_exposure() -> None:
    path = "/etc/systemd/system/edge-srcnn@.service"
    verified = done("systemd-analyze", "verify", path)
    assert (verified.stdout, verified.stderr) == ("", ""), verified
    told = done("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", path).stdout
    tell(told.strip().splitlines()[-1].removeprefix("→ "))


def check_what_never_ran_has_a_state_and_is_uninstalled_and_installed_again() -> None:
    (state,) = json.loads(done(EDGE_SRCNN, "service", "status", "--json").stdout)
    assert (state["unit"], state["active"], state["at_boot"]) == (UNIT, "inactive", "disabled"), state
    assert "stopped" in done(EDGE_SRCNN, "service", "uninstall").stdout
    assert done(EDGE_SRCNN, "service", "install").stdout.count("written") == 4


def check_it_starts_and_is_ready_when_frames_flow() -> None:
    configure(sinks=f'"{ADDRESS}", "pictures/?every=0.5&keep=3"')
    add_probe()
    done("systemctl", "daemon-reload")
    began = time.monotonic()
    done("systemctl", "enable", "--now", UNIT)
    tell(f"ready after {time.monotonic() - began:.1f} s")
    assert (shown("ActiveState"), shown("SubState")) == ("active", "running")
    wait_until(lambda: bool(shown("StatusText")), 3)
    tell(f"it says: {shown('StatusText')}")
    wait_until(lambda: any((STATE / "pictures").glob("*.*")), 10)
    with urllib.request.urlopen(f"{ADDRESS}/snapshot.jpg", timeout=5) as answer:
        assert answer.read(2) == b"\xff\xd8"  # a JPEG's first bytes


def check_it_is_hardened_as_declared() -> None:
    found = json.loads((STATE / "probe.json").read_text())
    user = pwd.getpwnam("edge-srcnn")
    main = Path(f"/proc/{main_pid()}/status").read_text()
    for key, value in found["status"].items():
        assert f"{key}:\t{value}\n" in main, (key, value, main)
    assert {int(number) for number in found["status"].pop("Uid").split()} == {user.pw_uid}
    assert found["status"] == {"NoNewPrivs": "1", "CapEff": "0" * 16, "CapBnd": "0" * 16, "Seccomp": "2"}, found
    groups = {grp.getgrgid(int(number)).gr_name for number in re.findall(r"Groups:\t(.*)", main)[0].split()}
    assert groups == {"edge-srcnn", "video", "render", "plugdev"}, groups
    assert found["folder"] == str(STATE)
    assert found["cache"] == "/var/cache/edge-srcnn"
    assert found["token"] == "secret"
    assert found["mode of a new file"] == "0o640", found
    assert found["homes"]["/home/rig"] == ["venv"], found
    assert not [home for home, names in found["homes"].items() if "letters" in names], found
    allowed = {"/tmp", "/var/tmp", "/run/edge-srcnn", "/run/edge-srcnn/default", "/var/cache/edge-srcnn"}
    strange = [f for f in found["writable"] if f not in allowed and not f.startswith(str(STATE))]
    assert not strange, strange
    assert str(STATE) in found["writable"], found
    assert all(found["refused"].values()), found["refused"]
    subprocess.run(["/bin/sh", "-c", f"exec 3>{UNLISTED}"], user="edge-srcnn", check=True)  # outside of the unit it may
    tell(f"refused: {', '.join(found['refused'])}")


def check_a_reload_keeps_it_active_even_with_a_bad_configuration() -> None:
    before, file = main_pid(), CONFIGURATIONS / "default.toml"
    good = file.read_text()
    for text in (good, 'sorce = "test:"\n', good):
        file.write_text(text)
        done("systemctl", "reload", UNIT)
        time.sleep(0.5)
        assert (shown("ActiveState"), shown("SubState"), main_pid()) == ("active", "running", before)
    assert shown("NRestarts") == "0"
    tell(next(line for line in journal().splitlines() if "sorce" in line))


def check_a_hung_service_is_killed_and_started_again() -> None:
    before = main_pid()
    os.kill(before, signal.SIGSTOP)
    took_s = wait_until(started_again(1), 20)
    assert main_pid() != before
    assert "Watchdog timeout" in journal(), journal()
    tell(f"serves again {took_s:.1f} s after it hung, with a watchdog of {WATCHDOG_S} s")


def check_a_killed_service_is_started_again() -> None:
    os.kill(main_pid(), signal.SIGKILL)
    tell(f"serves again after {wait_until(started_again(2), 20):.1f} s")


def check_it_stops_within_two_seconds() -> None:
    began = time.monotonic()
    done("systemctl", "stop", UNIT)
    took_s = time.monotonic() - began
    tell(f"stopped in {took_s:.2f} s")
    assert took_s < 2
    assert (shown("ActiveState"), shown("Result")) == ("inactive", "success")
    left = [path.name for path in STATE.rglob("*.part*") if path.stat().st_size == 0]
    assert not left, left


def check_without_a_camera_it_waits_and_is_not_started_again() -> None:
    configure(source="/dev/video9")
    done("systemctl", "start", UNIT)
    time.sleep(WATCHDOG_S + 1)
    assert (shown("ActiveState"), shown("NRestarts")) == ("active", "0")
    tell(f"it says: {shown('StatusText')}")
    done("systemctl", "stop", UNIT)


def check_a_bad_configuration_ends_in_78_and_is_not_tried_again() -> None:
    (CONFIGURATIONS / "default.toml").write_text('sorce = "test:"\n')
    done("systemctl", "reset-failed", UNIT, status=None)
    done("systemctl", "start", UNIT, status=1)
    time.sleep(2.5)  # RestartSec is 2
    assert (shown("ActiveState"), shown("Result"), shown("NRestarts")) == ("failed", "exit-code", "0")
    assert shown("ExecMainStatus") == "78"
    tell(next(line for line in journal().splitlines() if "sorce" in line))
    told = done(EDGE_SRCNN, "service", "status", status=1).stdout
    assert "failed (failed)" in told, told


def check_two_cameras_are_two_instances() -> None:
    done("systemctl", "reset-failed")
    installed = done(EDGE_SRCNN, "service", "install", "--camera", "front", "--camera", "back-door")
    assert "systemctl enable --now edge-srcnn@back-door" in installed.stdout
    units = {camera: f"edge-srcnn@{camera}.service" for camera in ("front", "back-door")}
    for camera in units:
        configure(camera, sinks=f'"null:", "of-{camera}/?every=0.5&keep=3"')
    done("systemctl", "enable", "--now", *units.values())
    for camera, unit in units.items():
        wait_until(lambda folder=STATE_OF_ALL / camera / f"of-{camera}": any(folder.glob("*.*")), 10)  # type: ignore[misc]
        assert os.path.samefile(f"/proc/{main_pid(unit)}/cwd", STATE_OF_ALL / camera)
    told: list[dict[str, Any]] = json.loads(done(EDGE_SRCNN, "service", "status", "--json").stdout)
    found = {state["unit"]: (state["active"], state["restarts"], state["at_boot"]) for state in told}
    assert all(found[unit] == ("active", 0, "enabled") for unit in units.values()), found
    tell("\n       ".join(done(EDGE_SRCNN, "service", "status").stdout.strip().splitlines()))


def check_uninstall_leaves_configurations_and_recordings() -> None:
    told = done(EDGE_SRCNN, "service", "uninstall").stdout
    assert "stopped" in told, told
    left = [path for path in Path("/etc").rglob("*edge-srcnn*") if CONFIGURATIONS not in path.parents]
    names = {str(path) for path in left if path.is_symlink() or not path.is_dir()}
    assert not {name for name in names if not re.match(r"/etc/(passwd|group|shadow|gshadow)", name)}, names
    assert (CONFIGURATIONS / "front.toml").exists()
    assert any((STATE_OF_ALL / "front").rglob("*.*"))
    assert not done("systemctl", "list-units", "--all", "--plain", "--no-legend", "edge-srcnn*").stdout
    assert done(EDGE_SRCNN, "service", "uninstall").stdout == "nothing was installed\n"


def check_purge_leaves_nothing() -> None:
    done(EDGE_SRCNN, "service", "uninstall", "--purge")
    found = done("find", "/etc", "/var", "-name", "*edge-srcnn*").stdout.split()
    assert not found, found
    checks.expect(KeyError, lambda: pwd.getpwnam("edge-srcnn"))
    assert "no edge-srcnn" not in done(EDGE_SRCNN, "service", "status", status=69).stderr


checks.run(globals())

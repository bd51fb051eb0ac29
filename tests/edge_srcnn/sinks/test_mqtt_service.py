"""The real service with a real broker: started without one, killed, with a password, and by ``edge-srcnn run``."""

import json
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

pytest.importorskip("paho.mqtt.enums")
pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")

from tests.edge_srcnn.service.running import config, running
from tests.edge_srcnn.sinks.brokers import WAIT_S, Listener, broker
from tests.edge_srcnn.web.serving import get, wait_until

pytestmark = pytest.mark.slow

ROOT = "edge-srcnn/garden"
NAME = 'name = "Garden"\n'


def mqtt(port: int, options: str = "") -> str:
    return f"mqtt://127.0.0.1:{port}#interval=0.5&snapshot=1&{options}".rstrip("&")


def test_a_service_that_is_killed_is_told_to_be_offline(tmp_path: Path) -> None:
    with (
        broker(tmp_path / "broker") as mosquitto,
        Listener(mosquitto.port) as listener,
        running(tmp_path / "service", config("test:size=160x120", mqtt(mosquitto.port), more=NAME)) as service,
    ):
        listener.wait(f"{ROOT}/state", 2)
        assert listener.wait(f"{ROOT}/availability").payload == b"online"
        service.kill()
        assert listener.wait(f"{ROOT}/availability", 2).payload == b"offline"


def test_a_service_starts_without_its_broker_and_finds_it_later(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running(tmp_path / "service", config("test:size=160x120", mqtt(port), "null:", more=NAME)) as service:
        service.wait_for(lambda state: any(sink["error"] for sink in state["sinks"]) and state["fps_out"] > 1)
        service.wait_for_phase("degraded")
        with broker(tmp_path / "broker", "allow_anonymous true") as other:
            # the same port, which the configuration names
            other.stop()
            conf = tmp_path / "broker" / "mosquitto.conf"
            conf.write_text(conf.read_text().replace(f"listener {other.port} ", f"listener {port} "))
            other.port = port
            other.start()
            with Listener(port) as listener:
                listener.wait(f"{ROOT}/image", 2)
                assert listener.of(f"{ROOT}/availability")[-1].payload == b"online"
                service.wait_for_phase("live")
                assert service.log.count("trying again") == 1
        assert service.log.count("works again") == 1


def test_a_network_that_swallows_the_connection_does_not_hold_up_the_first_frame(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        text = config("test:size=160x120", mqtt(silent.getsockname()[1]), "null:", more=NAME)
        with running(tmp_path / "service", text) as service:
            service.wait_for(lambda state: state["frames_out"] > 0)
            assert all(sink["error"] is None for sink in service.state()["sinks"])  # it is still being tried


def test_no_password_is_shown_anywhere(tmp_path: Path) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed (apt install mosquitto)")
    password = "canary-2!:@7"
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "camera", password], check=True)
    with broker(tmp_path / "broker", "allow_anonymous false", f"password_file {passwords}") as mosquitto:
        file = tmp_path / "sink"
        file.write_text(
            f"mqtt://camera:{quote(password, safe='')}@127.0.0.1:{mosquitto.port}#interval=0.5&snapshot=1\n"
        )
        file.chmod(0o600)
        text = f"sink_files = [{json.dumps(str(file))}]\n" + config("test:size=160x120", more=NAME, engine="bicubic")
        with running(tmp_path / "service", text) as service:
            with Listener(mosquitto.port, "camera", password) as listener:
                listener.wait(f"{ROOT}/image")
                service.send(signal.SIGUSR1)
                wait_until(lambda: "state: {" in service.log, WAIT_S)
                mosquitto.stop()
            service.wait_for(lambda state: any(sink["error"] for sink in state["sinks"]))
            seen = [service.log, *(get(service, path).text for path in ("/state", "/metrics", "/"))]
            told = b" ".join(each.topic.encode() + each.payload for each in listener.heard).decode(errors="replace")
            for form in (password, quote(password, safe=""), "canary"):
                assert not any(form in text for text in [*seen, told, service.systemd.status])


def test_run_ends_with_one_line_where_there_is_no_broker(run_cli) -> None:
    done = run_cli("run", "--source", "test:size=160x120", "--sink", "mqtt://127.0.0.1:1")
    assert done.returncode == 69
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("edge-srcnn: mqtt://127.0.0.1:1: the broker cannot be reached") and len(lines) == 1


def test_run_publishes_until_it_ends(tmp_path: Path, run_cli) -> None:
    with broker(tmp_path / "broker") as mosquitto, Listener(mosquitto.port) as listener:
        done = run_cli(
            *("run", "--source", "test:size=160x120", "--sink", mqtt(mosquitto.port), "--name", "Garden"),
            *("--seconds", 3),
        )
        assert done.returncode == 0, done.stderr
        assert len(listener.of(f"{ROOT}/image")) >= 2
        assert [each.payload for each in listener.of(f"{ROOT}/availability")] == [b"online", b"offline"]

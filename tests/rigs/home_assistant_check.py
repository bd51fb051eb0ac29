"""Let the real Home Assistant find a camera, look at it, change its settings, and lose it.

usage: home_assistant_check.py HASS [PICTURE.png]
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from tests.edge_srcnn.machine import SLOWER
from tests.edge_srcnn.service.running import Service, config
from tests.edge_srcnn.sinks.brokers import broker, free_port
from tests.edge_srcnn.web.chromium import Browser
from tests.edge_srcnn.web.serving import wait_until

START_S, SOON_S = 300.0 * SLOWER, 30.0 * SLOWER
HOST = "127.0.0.1"
CARD = "test:size=320x240,fps=15"
KINDS = {"camera", "binary_sensor", "sensor", "switch", "select", "number", "text", "button"}


class HomeAssistant:
    """One that has never run, with a broker and nothing else."""

    def __init__(self, program: str, folder: Path, broker_port: int) -> None:
        self._program, self._folder, self._token = program, folder, ""
        (folder / ".storage").mkdir(parents=True)
        self.port = free_port()
        self.address = f"http://{HOST}:{self.port}"
        (folder / "configuration.yaml").write_text(
            f"homeassistant:\n  time_zone: UTC\nhttp:\n  server_host: {HOST}\n  server_port: {self.port}\n"
            "frontend:\napi:\nonboarding:\n"
        )
        entry: dict[str, Any] = dict.fromkeys(("disabled_by", "unique_id"))
        entry |= {"domain": "mqtt", "entry_id": "mqtt", "title": "mosquitto", "version": 1, "minor_version": 2}
        entry |= dict.fromkeys(("created_at", "modified_at"), "2025-01-01T00:00:00+00:00")
        entry |= {"data": {"broker": HOST, "port": broker_port}, "options": {}, "discovery_keys": {}, "subentries": []}
        entry |= {"pref_disable_new_entities": False, "pref_disable_polling": False, "source": "user"}
        store = {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": [entry]}}
        (folder / ".storage" / "core.config_entries").write_text(json.dumps(store))
        self.start()
        self._log_in()

    def start(self) -> None:
        """Start it, and wait until its page is there."""
        with (self._folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [self._program, "-c", str(self._folder), "--skip-pip"], stdout=out, stderr=out
            )
        wait_until(self._answers, START_S)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(SOON_S)
        self.process.kill()
        self.process.wait()

    def states(self) -> dict[str, str]:
        """State of each entity of the camera, by id."""
        found = self._ask("/api/states")
        return {each["entity_id"]: each["state"] for each in found if ".garden_" in each["entity_id"]}

    def attributes(self, entity: str) -> dict[str, Any]:
        """What else an entity tells."""
        found: dict[str, Any] = self._ask(f"/api/states/{entity}")["attributes"]
        return found

    def call(self, action: str, entity: str, **data: Any) -> None:
        """Do what a button of its page does."""
        domain, _, name = action.partition(".")
        self._ask(f"/api/services/{domain}/{name}", {"entity_id": entity, **data})

    def picture(self, entity: str) -> bytes:
        """What its page shows of a camera; nothing before the first picture came."""
        with suppress(OSError):
            return self._fetch(self.attributes(entity)["entity_picture"])
        return b""

    def device(self) -> str:
        """The id of the device that has the camera."""
        template = {"template": "{{ device_id('camera.garden_picture') }}"}
        return self._fetch("/api/template", json.dumps(template).encode(), "application/json").decode()

    def tokens(self) -> str:
        """What its page keeps in the browser."""
        told = {"hassUrl": self.address, "clientId": f"{self.address}/", "expires": int(time.time() * 1000) + 1_800_000}
        return json.dumps({**self._tokens, **told})

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self._folder / "out").read_text()
        with suppress(OSError):
            return urllib.request.urlopen(f"{self.address}/manifest.json", timeout=5).status == 200
        return False

    def _log_in(self) -> None:
        client = f"{self.address}/"
        user = {"client_id": client, "name": "a", "username": "a", "password": "a", "language": "en"}
        code = self._ask("/api/onboarding/users", user)["auth_code"]
        asked = urllib.parse.urlencode({"client_id": client, "grant_type": "authorization_code", "code": code})
        told = self._fetch("/auth/token", asked.encode(), "application/x-www-form-urlencoded")
        self._tokens = json.loads(told)
        self._token = self._tokens["access_token"]
        for step in ("core_config", "analytics"):
            self._ask(f"/api/onboarding/{step}", {})
        self._ask("/api/onboarding/integration", {"client_id": client, "redirect_uri": client})

    def _ask(self, path: str, data: Any = None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        return json.loads(self._fetch(path, body, "application/json") or b"null")

    def _fetch(self, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
        request = urllib.request.Request(self.address + path, body, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: bytes = answer.read()
        return found


def say(what: str) -> None:
    print(f"ok: {what}", flush=True)  # noqa: T201 - the rig's report


def check(home: HomeAssistant, make: Any) -> None:
    """Go through what a user does; ``make`` starts the service."""
    service = make()
    wait_until(lambda: "sensor.garden_state" in home.states(), SOON_S)
    wait_until(lambda: home.states()["sensor.garden_camera_rate"] not in ("unknown", "unavailable"), SOON_S)
    found = home.states()
    assert {each.partition(".")[0] for each in found} == KINDS, found
    lost = {entity: state for entity, state in found.items() if state == "unavailable"}
    assert lost == {}, lost
    assert found["sensor.garden_state"] == "live" and 10 < float(found["sensor.garden_camera_rate"]) < 20
    say(f"{len(found)} entities of {len(KINDS)} kinds are found, and none is unavailable")
    wait_until(lambda: home.picture("camera.garden_picture")[:2] == b"\xff\xd8", SOON_S)
    say("the camera shows a picture")

    for action, entity, data, wanted in (
        ("number.set_value", "number.garden_strength", {"value": 0.8}, "0.8"),
        ("button.press", "button.garden_strength_auto", {}, None),
        ("select.select_option", "select.garden_model", {"option": "fast-s-x2"}, "fast-s-x2"),
        ("switch.turn_on", "switch.garden_mirror_left_and_right", {}, "on"),
        ("text.set_value", "text.garden_sharpen_only", {"value": "8,8,64,64"}, "8,8,64,64"),
        ("switch.turn_off", "switch.garden_record", {}, "off"),
    ):
        home.call(action, entity, **data)
        if wanted is not None:
            wait_until(lambda entity=entity, wanted=wanted: home.states()[entity] == wanted, SOON_S)
    wait_until(lambda: home.states()["number.garden_strength"] == "unknown", SOON_S)  # auto is no number
    say("switches, selects, numbers, texts and buttons change the service's settings, and show what holds")
    home.call("text.set_value", "text.garden_crop", value="garbage")
    wait_until(lambda: "crop: cannot be garbage" in home.attributes("binary_sensor.garden_problem")["refused"], SOON_S)
    say("a value that makes no sense is refused, and told")

    home.stop()
    home.start()
    wait_until(lambda: home.states().get("sensor.garden_camera_rate", "unknown") not in ("unknown", ""), SOON_S)
    wait_until(lambda: "unavailable" not in home.states().values(), SOON_S)
    say("Home Assistant that starts again finds all of it again")

    service.kill()
    wait_until(lambda: set(home.states().values()) == {"unavailable"}, SOON_S)
    say("a service that is killed is unavailable")
    make()
    wait_until(lambda: "unavailable" not in home.states().values(), SOON_S)
    say("it is available when it is back")


def draw(home: HomeAssistant, path: str) -> None:
    """Take a picture of the device's page."""

    async def run(browser: Browser) -> None:
        async with browser.tab() as tab:
            await tab.open(f"{home.address}/manifest.json", 1000, 800)
            kept = {"hassTokens": home.tokens(), "dockedSidebar": '"always_hidden"'}
            for name, value in kept.items():
                await tab.evaluate(f"localStorage.setItem({json.dumps(name)}, {json.dumps(value)})")
            await tab.open(f"{home.address}/config/devices/device/{home.device()}", 900, 1120, scheme="light")
            await asyncio.sleep(10)
            Path(path).write_bytes(await tab.screenshot())

    with Browser() as browser:
        asyncio.run(run(browser))


def main() -> None:
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        mosquitto = stack.enter_context(broker(folder / "broker"))
        home = HomeAssistant(sys.argv[1], folder / "home", mosquitto.port)
        stack.callback(lambda: home.stop())
        sink = f"mqtt://{HOST}:{mosquitto.port}#snapshot=1&interval=2"
        services: list[Service] = []

        def make() -> Service:
            text = config(CARD, sink, "recordings/a.mp4?segment=60", more='name = "Garden"\n', engine="auto")
            services.append(Service(folder / f"service-{len(services)}", text))
            return services[-1]

        stack.callback(lambda: [each.close() for each in services])
        try:
            check(home, make)
        except BaseException:
            print(services[-1].log if services else "", file=sys.stderr)  # noqa: T201 - for whoever looks why
            raise
        for path in sys.argv[2:]:
            draw(home, path)


main()

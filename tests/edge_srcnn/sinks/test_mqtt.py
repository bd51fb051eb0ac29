"""What an address of a broker may say, and what it may not; no broker is needed for that."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edge_srcnn.errors import EdgeSrcnnError, NoInput, Unavailable, UsageError
from edge_srcnn.sinks import kind_of, open_sink
from edge_srcnn.sinks.mqtt_state import slug, topic_of
from edge_srcnn.uri import parse_uri


def options_of(text: str) -> dict[str, object]:
    uri = parse_uri(text)
    given: dict[str, object] = kind_of(uri).options(uri)
    return given


def test_options_are_read() -> None:
    assert options_of("mqtt://broker") == {}
    assert options_of(
        "mqtts://broker:8884#topic=a/b&name=Garden&snapshot=0.5&quality=70&interval=2&discovery=ha&control=no&user=u"
        "&password_file=p&ca=c&verify=no"
    ) == {
        "topic": "a/b",
        "name": "Garden",
        "snapshot": 0.5,
        "quality": 70,
        "interval": 2.0,
        "discovery": "ha",
        "control": "no",
        "user": "u",
        "password_file": "p",
        "ca": "c",
        "verify": False,
    }
    assert options_of("mqtt://broker#snapshot=off&discovery=off") == {"snapshot": 0.0, "discovery": ""}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mqtt:broker", "give mqtt://HOST"),
        ("mqtt://", "give mqtt://HOST"),
        ("mqtt://broker:99999", "no address of a broker"),
        ("mqtt://broker:0", "no address of a broker"),
        ("mqtt://broker:x", "no address of a broker"),
        ("mqtt://broker?topic=a", "options follow a #, not a ?"),
        ("mqtt://broker/garden", "#topic=garden"),
        ("mqtt://broker#topic=", "give a topic"),
        ("mqtt://broker#topic=a/%2B/b", "without + and #"),
        ("mqtt://broker#topic=a%23", "without + and #"),
        ("mqtt://broker#topic=$SYS/a", "give a topic"),
        ("mqtt://broker#topic=/a", "give a topic"),
        ("mqtt://broker#topic=a%00b", "give a topic"),
        ("mqtt://broker#topic=" + 201 * "a", "give a topic"),
        ("mqtt://broker#snapshot=0", "or off"),
        ("mqtt://broker#snapshot=nan", "or off"),
        ("mqtt://broker#quality=101", "give 1 to 100"),
        ("mqtt://broker#interval=-1", "give seconds"),
        ("mqtt://broker#discovery=a%20b", "prefix"),
        ("mqtt://broker#ca=x", "goes with mqtts://"),
        ("mqtt://broker#fingerprint=" + 64 * "0", "goes with mqtts://"),
        ("mqtts://broker#fingerprint=12", "64 hexadecimal digits"),
        ("mqtts://broker#cert=x", "give cert= and key="),
        ("mqtt://u@broker#user=u", "not both"),
        ("mqtt://u:secret-7@broker#password_file=p", "not both"),
        ("mqtt://broker#password_file=p", "goes with user="),
        ("mqtt://broker#password=secret-7", "no option is called"),
        ("mqtt://broker#nam=x", "no option is called 'nam'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_give_instead(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("+", r"\+")) as raised:
        options_of(text)
    assert "secret-7" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_topics_of_names_are_the_same_at_every_start_and_never_those_of_another_name() -> None:
    names = ["Garden", "Front door", "Gärten", "Garten!", "庭", "a/b+c#", "🌧", "x" * 64, "-", ".."]
    topics = [topic_of(name) for name in names]
    assert topics[:2] == ["edge-srcnn/garden", "edge-srcnn/front-door"]
    assert len(set(topics)) == len(names)
    assert all(set(topic) <= set("abcdefghijklmnopqrstuvwxyz0123456789-/") for topic in topics)
    assert topic_of(None) == f"edge-srcnn/{slug(socket.gethostname().partition('.')[0])}"


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (None, NoInput, "cannot be read"),
        (b"", UsageError, "has to hold one line"),
        (b"a\nb\n", UsageError, "has to hold one line"),
        (b"\xff\xfe", UsageError, "not a text"),
    ],
)
def test_a_password_file_that_holds_no_password_is_refused(
    tmp_path: Path, content: bytes | None, kind: type[EdgeSrcnnError], said: str
) -> None:
    pytest.importorskip("paho.mqtt.enums")
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(kind, match=said):
        open_sink(f"mqtt://broker#user=u&password_file={file}")


@pytest.mark.parametrize("content", [None, b"", b"no PEM"])
def test_authorities_that_cannot_be_read_are_told(tmp_path: Path, content: bytes | None) -> None:
    pytest.importorskip("paho.mqtt.enums")
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(NoInput if content is None else UsageError, match=str(file)):
        open_sink(f"mqtts://broker#ca={file}")


def test_others_who_can_read_the_password_file_are_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("paho.mqtt.enums")
    file = tmp_path / "password"
    file.write_text("a-long-password\n")
    file.chmod(0o644)
    open_sink(f"mqtt://broker#user=u&password_file={file}").close()
    assert f"chmod 600 {file}" in caplog.text
    assert "mqtts:// encrypts it" in caplog.text
    assert "a-long-password" not in caplog.text


def test_a_missing_library_is_named_with_what_installs_it() -> None:
    code = (
        "import sys; sys.modules['paho'] = None\n"
        "from edge_srcnn.sinks import open_sink\n"
        "try: open_sink('mqtt://u:secret-7@broker')\n"
        "except Exception as error: print(type(error).__name__, error.exit_code, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Unavailable 69 mqtt://***@broker: paho-mqtt 2, needed for MQTT, is not installed")
    assert "[mqtt]" in done.stdout
    assert Unavailable.exit_code == 69

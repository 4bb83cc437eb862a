"""hub.yaml: what is wrong is told with line and field, in one sentence each."""

from __future__ import annotations

from pathlib import Path

import pytest

from board_hub.configuration import fields, reader
from host_client.base.exceptions import ConfigurationError
from tools import hub_reference

KEY = "ab" * 32


def faults(text: str, folder: Path = Path()) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        reader.read(text, "hub.yaml", folder)
    return caught.value.messages


def test_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "gate.key").write_text(KEY)
    (tmp_path / "ca.pem").write_text("x")
    (tmp_path / "hub.yaml").write_text(
        "boards:\n"
        "  - {url: tcp://192.168.1.20, key_file: gate.key, name: gate, group: outside}\n"
        "  - tcp://192.168.1.21:15230\n"
        "shard: 2/3\n"
        "mqtt:\n  url: mqtts://broker\n  ca_file: ca.pem\n  off_delay_s: 2\n"
        "web: {listen: 127.0.0.1:0}\n"
    )
    found = reader.load(tmp_path / "hub.yaml")
    assert [(board.url, board.name, board.group) for board in found.boards] == [
        ("tcp://192.168.1.20:5230", "gate", "outside"),
        ("tcp://192.168.1.21:15230", None, None),
    ]
    assert found.boards[0].key_file == tmp_path / "gate.key"
    assert found.shard == (2, 3)
    assert found.broker == ("broker", 8883, True)
    assert found["mqtt.off_delay_s"] == 2.0
    assert found.path("mqtt.ca_file") == tmp_path / "ca.pem"
    assert found.listen == ("127.0.0.1", 0)
    assert found["mqtt.prefix"] == "k230"


@pytest.mark.parametrize("text", ["", "# nothing\n", "boards:\n", "web:\n", "boards: []"])
def test_little_is_enough(text: str) -> None:
    assert reader.read(text, "hub.yaml", Path()).boards == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "hub.yaml line 1: expected settings ('key: value'), found a list of 1"),
        ("board: []", "hub.yaml line 1: board: unknown setting; did you mean boards?"),
        ("mqtt:\n  hots: a", "hub.yaml line 2: mqtt.hots: unknown setting; known here: url, "),
        ("mqtt: 5", "hub.yaml line 1: mqtt: expected a group of settings, found 5"),
        ("mqtt:\n  queue: many", "line 2: mqtt.queue: expected an integer 100..1000000, found"),
        ("mqtt:\n  queue: 5", "line 2: mqtt.queue: expected an integer 100..1000000, found 5"),
        ("mqtt:\n  url: 7", "mqtt.url: expected text of 1..300 characters or null, found 7"),
        ("mqtt:\n  url: ftp://a", 'expected mqtt://HOST[:PORT] or mqtts://HOST[:PORT], found "ftp'),
        ("mqtt:\n  url: mqtt://u:p@a", "username, password_file"),
        ("mqtt:\n  url: mqtt://a:99999", "expected mqtt://HOST[:PORT]"),
        ("mqtt:\n  url: a\n  prefix: a/#", "line 3: mqtt.prefix: expected names with /"),
        ("mqtt:\n  url: a\n  prefix: /a", "mqtt.prefix: expected names with /"),
        ("mqtt:\n  url: a\n  client_id: a b", "mqtt.client_id: expected printable text"),
        ("mqtt:\n  url: a\n  ca_file: b", "line 3: mqtt.ca_file: needs mqtt.url to begin with"),
        (
            "mqtt:\n  url: mqtts://a\n  ca_file: b",
            "mqtt.ca_file: b: can't be read: no such file or directory",
        ),
        ("mqtt:\n  url: mqtts://a\n  cert_file: b", "cert_file and key_file go together"),
        ("mqtt:\n  url: a\n  risky_commands: true", "needs mqtt.commands: true"),
        ("mqtt:\n  url: a\n  password: b\n  password_file: c", "found both"),
        ("mqtt:\n  url: a\n  password: [1]", "found something else (not shown)"),
        ("mqtt:\n  commands: true", "mqtt.commands: needs mqtt.url, which is not set"),
        ("homeassistant: {enabled: true}", "homeassistant.enabled: needs mqtt.url"),
        ("web: {listen: here}", 'web.listen: expected HOST:PORT, found "here"'),
        ("web: {listen: 'a:70000'}", "web.listen: expected HOST:PORT"),
        ("web: {listen: 8230}", 'line 1: web.listen: expected HOST:PORT, found "8230"'),
        ("web:\n  listen: 0.0.0.0:80\n  login: false", "line 3: web.login: expected true where"),
        ("web:\n  listen: ':80'\n  login: false", "web.listen is 0.0.0.0, which other computers"),
        ("boards:\n\t- tcp://a", "hub.yaml line 2: not YAML: found a tab: indent with spaces"),
        ("boards:\n- tcp:/a", "hub.yaml line 2: boards[0].url: 'tcp:/a': expected tcp://HOST"),
        ("shard: 3/2", 'line 1: shard: expected i/n with i from 1 to n, found "3/2"'),
        ("shard: 2", 'line 1: shard: expected i/n with i from 1 to n, found "2"'),
        ("boards: tcp://a", 'boards: expected a list of boards, found "tcp://a"'),
        ("boards:\n- 5", "hub.yaml line 2: boards[0]: expected url and more, found 5"),
        ("boards:\n- name: a", "line 2: boards[0].url: missing; expected tcp://HOST[:PORT]"),
        ("boards:\n- {url: 'http://a'}", "boards[0].url: 'http://a' is not the address of a board"),
        ("boards:\n- {url: a, uri: b}", "boards[0].uri: unknown setting; did you mean url?"),
        ("boards:\n- tcp://a\n- tcp://a", "line 3: boards[1].url: the same board as boards[0]"),
        ("boards:\n- tcp://a\n- tcp://a:5230", "the same board as boards[0]"),
        ("boards:\n- {url: tcp://a, key_file: no}", "line 2: boards[0].key_file: "),
        ("boards:\n- {url: tcp://a, name: ''}", "boards[0].name: expected text of 1..64"),
        ("a: 1\na: 2", "hub.yaml line 2: a: it is there twice"),
        ("a: &x [1]\nb: *x", "hub.yaml line 1: aliases"),
        ("a: [", "hub.yaml line 1: not YAML: "),
        ("a: b: c", "hub.yaml line 1: not YAML: "),
        ("5: a", "hub.yaml line 1: expected a name in front of the colon"),
        ("a: !!python/object:os.system x", "not YAML: could not determine a constructor"),
        ("a: " + "[" * 20 + "]" * 20, "expected at most 8 levels"),
        ("a: \x00", "hub.yaml: not YAML"),
        ("a" * (1 << 20) + "aa", "hub.yaml: expected at most 1048576 characters"),
    ],
)
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    found = faults(text)
    assert any(said in fault for fault in found), found
    assert all("\n" not in fault for fault in found)


def test_every_fault_is_told_at_once() -> None:
    text = "mqtt:\n  url: a\n  qeue: 1\n  keepalive_s: 1\nweb:\n  listen: b\n"
    assert len(faults(text)) == 3


def test_a_password_is_never_shown() -> None:
    assert "secret" not in "".join(faults("mqtt:\n  password: [secret]\n  url: ftp://x"))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "is a directory"), (tmp_path / "a", "no such file")):
        with pytest.raises(ConfigurationError, match=said):
            reader.load(path)
    (tmp_path / "latin").write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(ConfigurationError, match="line 2: text that is not UTF-8"):
        reader.load(tmp_path / "latin")


def test_each_field_is_described() -> None:
    for field in (*fields.FIELDS, *fields.BOARD_FIELDS):
        assert field.text.endswith(".") or ";" in field.text, field.path
        group = field.path.partition(".")[0]
        assert "." not in field.path or group in fields.GROUPS, field.path


def test_the_table_in_the_docs() -> None:
    text = hub_reference.PAGE.read_text("utf-8")
    assert hub_reference.with_table(text) == text, "run: python -m tools.hub_reference"
    assert text.count("| `mqtt.") > 15

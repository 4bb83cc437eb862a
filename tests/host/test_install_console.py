"""How long `k230 install` listens to a service that starts."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from host_client.cli import install


class _Clock:
    """Time that passes with each line that does not come."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def _ready(**changed: object) -> str:
    said = {"address": [], "waiting": "", "port": 5230, "results": True, "problems": []}
    return "k230-ready " + json.dumps(said | changed)


@pytest.mark.parametrize(
    ("lines", "url", "seconds"),
    [
        ([_ready(address=["10.0.0.7"])], "tcp://10.0.0.7:5230", 0),
        (
            [_ready(waiting="address"), *[""] * 25, _ready(address=["10.0.0.7"])],
            "tcp://10.0.0.7:5230",
            25,
        ),
        ([_ready(waiting="address"), *[""] * 31, _ready(problems=["network"])], None, 31),
        ([_ready(problems=["network"], waiting="address"), *[""] * 90], None, 40),
        ([_ready(), *[""] * 90], None, 5),
        ([_ready(problems=["network"])], None, 0),
    ],
    ids=["at once", "late", "never", "waits on", "silent", "refused"],
)
def test_an_address_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, lines: list[str], url: str | None, seconds: float
) -> None:
    clock = _Clock()

    def listen(port: str, limit: float) -> Iterator[str]:
        for line in lines:
            if not line:
                clock.now += 1
            yield line

    monkeypatch.setattr(install, "listen", listen)
    monkeypatch.setattr(install, "time", clock)
    said = install._await_service("tty", True)
    assert said.url == url
    assert seconds <= clock.now <= seconds + 2

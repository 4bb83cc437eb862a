"""The words of the page: each in both languages, and one for every setting that it can change."""

from __future__ import annotations

import re

from board_hub.dashboard import assets
from firmware_app.settings import service_fields, task_fields

_ROW = re.compile(r'^  "([\w.]+)": \["(.+)", "(.+)"\],$', re.MULTILINE)
_CONTROLS = ("number", "integer", "boolean", "choice")  # what the page has a control for


def words() -> dict[str, tuple[str, str]]:
    """Return the page's words: key -> (English, Chinese)."""
    text = assets.load()["words.js"].data.decode()
    table = text[text.index("export const WORDS") :]
    rows = _ROW.findall(table)
    assert len(rows) == table.count("\n  "), "a row of another form"
    assert len({key for key, _, _ in rows}) == len(rows), "a key twice"
    return {key: (english, chinese) for key, english, chinese in rows}


def _places(text: str) -> list[str]:
    """Return the names of the values; {n|sample|samples} has one, too."""
    return sorted(re.findall(r"\{(\w+)(?:\|[^{}]*)?\}", text))


def test_every_word_has_both_languages() -> None:
    """Chinese has Chinese letters, and both have the same places for values."""
    for key, (english, chinese) in words().items():
        assert re.search("[\u4e00-\u9fff]", chinese), key
        assert _places(english) == _places(chinese), key


def test_every_setting_has_a_word() -> None:
    """A path of a YAML file is no name of a slider."""
    fields = [*task_fields.FIELDS, *service_fields.FIELDS]
    shown = [f.path for f in fields if f.live and not f.secret and f.kind in _CONTROLS]
    assert len(shown) > 40
    assert [path for path in shown if f"setting.{path}" not in words()] == []


def test_every_word_is_used() -> None:
    """What no page says any more goes."""
    files = assets.load()
    code = "".join(
        files[name].data.decode()
        for name in files
        if name.endswith(".js") and name != "words.js" and "vendor" not in name
    )
    made = (
        "setting.",
        "kind.",
        "state.",
        "tab.",
        "refused.",
        "verdict.",
        "job.",
        "role.",
        "plot.",
        "draw.",
        "adjust.",
        "figures.",
        "theme.",
        "level.",
    )
    assert [key for key in words() if f'"{key}"' not in code and not key.startswith(made)] == []

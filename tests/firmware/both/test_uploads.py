"""What a client may push, and what it may not; runs on CPython and MicroPython."""

import asyncio
import hashlib

import card_tools
from card_tools import Board, Call, Client, Running, classifier, firmware, use
from folder_card import FolderCard

from firmware_app.base import files
from firmware_app.base.errors import CommandError
from firmware_app.base.pause import set_event, until
from firmware_app.card import uploads
from firmware_app.commands import packages as package_commands

GOOD = classifier(["a", "b"])
SHA = hashlib.sha256(b"").digest()


def fresh() -> tuple:
    card = FolderCard()
    use(card)
    return card, Client(Board())


def refused(client, command: str, **arguments) -> str:
    try:
        client.ask(command, **arguments)
    except CommandError as error:
        return "%s: %s" % (error.code, error)
    raise AssertionError("not refused: %r" % (arguments,))


def test_a_package_is_installed_and_listed() -> None:
    card, client = fresh()
    answer = client.push("package", "shapes", GOOD)
    assert (answer["name"], answer["task"], answer["tasks"]) == (
        "shapes",
        "classification",
        ["shapes"],
    )
    assert card.under("/sdcard/packages/shapes") == GOOD
    assert (
        card.tree["/sdcard/configs/tasks/shapes.yaml"]
        == b'task: classification\npackage: "packages/shapes"\n'
    )
    rows = client.ask("packages")
    assert [
        (row["name"], row["task"], row["model"], row["in_use"], row["problem"]) for row in rows
    ] == [("shapes", "classification", "best", False, None)]
    assert rows[0]["size"] == sum([len(GOOD[name]) for name in GOOD])
    # Replaced: its task's YAML is the user's and stays.
    answer = client.push("package", "shapes", classifier(["c", "d", "e"]))
    assert answer["tasks"] == ["shapes"]
    assert client.ask("package.remove", name="shapes") == {"name": "shapes", "tasks": ["shapes"]}
    assert client.ask("packages") == []


def test_a_package_in_use_stays() -> None:
    _, client = fresh()
    client.push("package", "shapes", GOOD)
    for path in ("packages/shapes", "/sdcard//packages/./SHAPES/", "/sdcard/packages/shapes/x"):
        client.board.engine.running = Running("any", {"package": path})
        assert refused(client, "package.remove", name="shapes").startswith(
            "busy: package shapes is in use"
        )
    client.board.engine.running = Running("any", {"package": "/data/packages/shapes"})
    client.ask("package.remove", name="shapes")


def test_a_bad_package_leaves_the_old_one() -> None:
    card, client = fresh()
    client.push("package", "shapes", GOOD)
    bad = dict(GOOD)
    bad["deploy_config.json"] = GOOD["deploy_config.json"].replace(b'"a"', b'"a", "c"')
    for contents, words in (
        (bad, "expected 2 labels"),
        ({"deploy_config.json": b"{"}, "deploy_config.json line 1"),
        ({"best.kmodel": b"x"}, "no deploy_config.json"),
        ({"deploy_config.json": GOOD["deploy_config.json"], "best.kmodel": b"x" * 40}, "kmodel"),
    ):
        client.send("package", "shapes", contents)
        text = refused(client, "install")
        assert text.startswith("bad_package: ")
        assert words in text, text
        assert ".incoming" not in text, text
        assert card.under("/sdcard/packages/shapes") == GOOD


def test_what_is_refused_leaves_nothing_behind() -> None:
    _, client = fresh()
    for kind, name, contents in (
        ("package", "a", {"best.kmodel": b"x"}),
        ("file", "configs/tasks/a.yaml", {"a.yaml": b"task: x\n"}),
        ("firmware", "firmware_app", {"a.py": b""}),
    ):
        client.send(kind, name, contents)
        assert files.exists("/sdcard/.incoming")
        refused(client, "install")
        assert not files.exists("/sdcard/.incoming"), kind


def test_a_card_that_fails_between_the_renames() -> None:
    card, client = fresh()
    client.push("package", "shapes", GOOD)
    rename = card.rename

    def fails(old: str, new: str) -> None:
        if old == uploads.FOLDER:
            raise OSError(5)
        rename(old, new)

    client.send("package", "shapes", classifier(["c", "d", "e"]))
    card.rename = fails
    assert refused(client, "install").startswith(
        "failed: the card can't be written: it does not answer"
    )
    assert card.under("/sdcard/packages/shapes") == GOOD
    card.rename = rename
    assert client.ask("install")["name"] == "shapes"
    assert card.listdir("/sdcard/packages") == ["shapes"]


def test_a_package_that_its_tasks_could_not_use() -> None:
    card, client = fresh()
    card.put("/sdcard/configs/tasks/mine.yaml", YAML)
    other = classifier(["x", "y", "z"])
    client.push("package", "shapes", GOOD)
    # Another task's, which does not run: a warning.
    card.put("/sdcard/configs/tasks/many.yaml", YAML + b"labels: [a, b]\n")
    answer = client.push("package", "shapes", other)
    assert answer["tasks"] == ["many", "mine"]
    assert answer["warnings"] == [
        "task many can't run with it: shapes/deploy_config.json: categories: expected 3 labels, "
        + "one for each class of the model, found 2",
        "it replaces a package with other labels",
    ]
    # The running one's: it could not start again.
    client.push("package", "shapes", GOOD)
    values = client.board.configuration.read_task("many").values
    client.board.engine.running = Running("many", values)
    client.send("package", "shapes", other)
    text = refused(client, "install")
    assert text.startswith("bad_package: task many, which runs with package shapes, could not")
    assert card.under("/sdcard/packages/shapes") == GOOD
    assert client.push("package", "shapes", classifier(["c", "d"]))["in_use"]


YAML = b"task: classification\npackage: packages/shapes\n"


def test_a_push_waits_for_one_that_is_being_installed() -> None:
    """The link broke while the board was installing: the client says push again."""
    card, client = fresh()
    client.send("package", "shapes", GOOD)
    again = Client(client.board)
    rows = [[name, len(GOOD[name]), hashlib.sha256(GOOD[name]).digest()] for name in GOOD]
    arguments = {"kind": "package", "name": "shapes", "files": rows}
    order: list = []

    async def pause() -> None:
        order.append("pause")
        await asyncio.sleep(0)

    async def install() -> None:
        answer = await package_commands.LONG["install"](client.board, Call(client, {}))
        order.append(answer["name"])

    async def both() -> None:
        client.board.installed = set_event()
        work = asyncio.create_task(install())
        await asyncio.sleep(0)
        event = package_commands.installed(client.board)
        assert not event.is_set()
        await until(event)
        order.append(package_commands.push(client.board, Call(again, arguments))["offset"])
        await work

    package_commands.pause = pause
    try:
        asyncio.run(both())
    finally:
        package_commands.pause = card_tools.pause
    assert order.count("pause") > 1 and order[-2:] == ["shapes", 0]
    assert again.push("package", "shapes", GOOD)["name"] == "shapes"
    assert card.under("/sdcard/packages/shapes") == GOOD


def test_data_that_is_not_what_was_announced() -> None:
    card, client = fresh()
    client.send("package", "shapes", GOOD)
    path = uploads.FOLDER + "/best.kmodel"
    data = card.tree[path]
    card.tree[path] = data[:100] + b"?" + data[101:]
    assert refused(client, "install").startswith("damaged: best.kmodel")
    assert client.send("package", "shapes", GOOD) == 0  # the first file was the damaged one
    assert client.ask("install")["name"] == "shapes"


def test_an_unfinished_push_is_not_installed() -> None:
    _, client = fresh()
    assert refused(client, "install").startswith("not_found")
    transfer = client.begin("package", "a", GOOD)
    transfer.add(0, GOOD["best.kmodel"][:50])
    transfer.add(0, GOOD["best.kmodel"][:50])  # said twice: ignored
    transfer.add(60, b"a gap")
    transfer.add(50, bytes(100000))  # more than all files
    assert transfer.offset == 50
    # Another client may go on with it, but not begin something else meanwhile.
    other = Client(client.board)
    rows = [["x", 1, SHA]]
    assert refused(other, "push", kind="package", name="b", files=rows).startswith("busy")
    assert refused(other, "install").startswith("busy")
    words = "best.kmodel: expected %d bytes, found 50 so far" % len(GOOD["best.kmodel"])
    assert words in refused(client, "install")
    assert other.begin("package", "a", GOOD).offset == 50
    assert client.board.transfers.find(client, transfer.number) is None


def test_files_of_no_bytes() -> None:
    card, client = fresh()
    for names in (("a", "b", "c"), ("a",), ("c", "d")):
        contents = dict(GOOD)
        for name in names:
            contents[name] = b""
        for chunk in (1, 50, 9000, 100000):
            client.send("package", "shapes", contents, chunk)
            assert client.ask("install")["name"] == "shapes"
            assert card.under("/sdcard/packages/shapes") == contents


def test_names_sizes_and_counts() -> None:
    card, client = fresh()
    for name in (
        "",
        ".",
        "..",
        "../a",
        "a/b",
        "a\\b",
        "/a",
        ".hidden",
        "a:",
        "x" * 65,
        "a\n",
        3,
        None,
    ):
        assert refused(client, "push", kind="package", name=name, files=[["a", 0, SHA]]).startswith(
            "bad_argument"
        )
        assert refused(client, "push", kind="package", name="p", files=[[name, 0, SHA]]).startswith(
            "bad_argument"
        )
    for rows in (
        None,
        [],
        "x",
        [["a", 1]],
        [["a", -1, SHA]],
        [["a", True, SHA]],
        [["a", 1.5, SHA]],
        [["a", 1, b"x"]],
        [["a", 1, SHA], ["A", 1, SHA]],
    ):
        assert refused(client, "push", kind="package", name="p", files=rows).startswith(
            "bad_argument"
        )
    for kind in uploads.KINDS:
        many = [["f%d.py" % i, 1, SHA] for i in range(uploads.MAX_FILES[kind] + 1)]
        name = "p" if kind != "file" else "configs/service.yaml"
        assert refused(client, "push", kind=kind, name=name, files=many).startswith("too_large")
    for size in (uploads.MAX_SIZES["package"] + 1, 1 << 62):
        assert refused(
            client, "push", kind="package", name="p", files=[["a", size, SHA]]
        ).startswith("too_large")
    assert refused(client, "push", kind="zip", name="p", files=[["a", 1, SHA]]).startswith(
        "bad_argument: kind"
    )
    card.free = 5000000
    assert refused(
        client, "push", kind="package", name="p", files=[["a", 4000000, SHA]]
    ).startswith("too_large: the card has")
    for name in ("../x", "a/b", ".", ""):
        assert refused(client, "package.remove", name=name).startswith("bad_argument")
    assert refused(client, "package.remove", name="none").startswith("not_found")
    assert not files.exists("/sdcard/.incoming")


def test_single_files_and_their_places() -> None:
    card, client = fresh()
    card.put("/sdcard/packages/rec/dict.txt", b"a\nb\n")
    good = b"task: classification\npackage: packages/a\n"
    for name, data in (
        ("configs/service.yaml", b"task: a\n"),
        ("configs/tasks/a.yaml", good),
        ("dictionaries/chinese.txt", "你\n好\n".encode()),
        ("packages/rec/dict.txt", b"c\n"),
    ):
        assert client.push("file", name, {name.split("/")[-1]: data})["name"] == name
        assert card.tree["/sdcard/" + name] == data
    for name in (
        "main.py",
        "firmware_app/main.py",
        "configs/tasks/../service.yaml",
        "configs//service.yaml",
        "configs/tasks/.yaml",
        "configs/tasks/a.yaml/",
        "packages/../x.txt",
        "/sdcard/configs/service.yaml",
        "configs/tasks/a.py",
        "dictionaries/a/b.txt",
        None,
        7,
    ):
        assert refused(client, "push", kind="file", name=name, files=[["x", 1, SHA]]).startswith(
            "bad_argument"
        ), name
    assert refused(
        client, "push", kind="file", name="packages/no/dict.txt", files=[["x", 1, SHA]]
    ).startswith("not_found")
    assert refused(
        client,
        "push",
        kind="file",
        name="configs/service.yaml",
        files=[["x", 1, SHA], ["y", 1, SHA]],
    ).startswith("too_large")
    for data, words in (
        (b"task: clasification\n", "did you mean classification?"),
        (b"task: classification\npackage: ../../etc\n", ".. is not allowed"),
        (b"task: classification\n\xff\n", "line 2: text that is not UTF-8"),
        (b"#" * 70000, "at most 65536 bytes"),
    ):
        client.send("file", "configs/tasks/a.yaml", {"a.yaml": data})
        assert words in refused(client, "install"), words
        assert card.tree["/sdcard/configs/tasks/a.yaml"] == good
    client.send("file", "dictionaries/chinese.txt", {"chinese.txt": b""})
    assert "found nothing" in refused(client, "install")


def test_a_version_of_the_service_is_checked() -> None:
    card, client = fresh()
    for name, data, words in (
        ("main.py", None, "expected main.py"),
        ("version.py", None, "expected version of"),
        ("wire/packets.py", None, "expected wire/packets"),
        ("run/engine.mpy", b"", "no .mpy file"),
        ("run/engine.mpy", b"x = 1\n", "no .mpy file"),
        ("run/engine.mpy", b"M\x05\x00\x1f", "expected .mpy version 6, found 5"),
        ("run/engine.mpy", b"M\x06\x2c\x1f", "found native code"),
    ):
        contents = firmware("2")
        contents.pop(name, None)
        if data is not None:
            contents[name] = data
        client.send("firmware", "firmware_app", contents)
        text = refused(client, "install")
        assert text.startswith("bad_argument: "), text
        assert words in text, text
        assert not files.exists("/sdcard/firmware_app.new")
        assert not files.exists("/sdcard/.incoming")
    # A source is not compiled on the board: that would hold it up for as long as a client likes.
    hostile = firmware("2")
    hostile["run/deep.py"] = b"x = " + b"(" * 200000
    assert client.push("firmware", "firmware_app", hostile)["name"] == "firmware_app"
    assert client.push("firmware", "firmware_app", firmware("2"))["name"] == "firmware_app"
    assert card.under("/sdcard/firmware_app.new") == firmware("2")


def test_names_in_a_version_of_the_service() -> None:
    """Whatever a client calls its files, none may land elsewhere or hide another."""
    card, client = fresh()
    before = dict(card.tree)
    for name in (
        "../main.py",
        "..",
        "../../sdcard/main.py",
        "a/../main.py",
        "./main.py",
        "/main.py",
        "/sdcard/main.py",
        "wire//frames.py",
        "wire/",
        "/",
        "wire/deeper/frames.py",
        ".hidden.py",
        ".py",
        "wire/.py",
        ".hidden/frames.py",
        "wire/.hidden.py",
        "wire\\frames.py",
        "wire/a\\..\\main.py",
        "C:/a.py",
        "a:b.py",
        "a.b.py",
        "a.b/c.py",
        "notes.txt",
        "wire/notes.txt",
        "frames",
        "frames.pyc",
        "frames.PY",
        "a\0.py",
        "a\n.py",
        "wire /frames.py",
        "x" * 65 + ".py",
        "x" * 65 + "/a.py",
        "",
        b"a.py",
        3,
        None,
    ):
        text = refused(
            client, "push", kind="firmware", name="f", files=[["a.py", 0, SHA], [name, 0, SHA]]
        )
        assert text.startswith("bad_argument: files: expected NAME.py"), (name, text)
    for names, words in (
        (("a.py", "A.py"), "each name once"),
        (("a.py", "a.mpy"), "each name once"),
        (("wire/a.py", "wire/A.mpy"), "each name once"),
        (("wire/a.py", "Wire/b.py"), "one spelling"),
        (("wire/a.py", "wire.py"), "name of a folder"),
        (("WIRE.mpy", "wire/a.py"), "name of a folder"),
    ):
        rows = [[name, 0, SHA] for name in names]
        text = refused(client, "push", kind="firmware", name="f", files=rows)
        assert text.startswith("bad_argument: files: expected"), text
        assert words in text, text
    for kind in ("package", "file"):  # these stay plain
        name = "p" if kind == "package" else "configs/service.yaml"
        text = refused(client, "push", kind=kind, name=name, files=[["a/b.py", 0, SHA]])
        assert text.startswith("bad_argument: files: expected a plain"), text
    assert card.tree == before


def test_as_many_files_as_a_version_may_have() -> None:
    """The list outlasts a restart of the board, and the files come in their folders."""
    card, client = fresh()
    contents = firmware("2")
    number = 0
    while len(contents) < uploads.MAX_FILES["firmware"]:
        number += 1
        contents["r%02d/some_part_%03d.py" % (number % 40, number)] = b"x = %d\n" % number
    names = sorted(contents)
    transfer = client.begin("firmware", "firmware_app", contents)
    data = b"".join([contents[name] for name in names])
    transfer.add(0, data[:1000])
    transfer.close()
    package_commands.recover()
    again = Client(Board())
    assert again.send("firmware", "firmware_app", contents) == 1000
    assert again.ask("install")["size"] == len(data)
    assert card.under("/sdcard/firmware_app.new") == contents
    assert not files.exists("/sdcard/.incoming")


def test_what_nobody_goes_on_with_is_discarded() -> None:
    _, client = fresh()
    client.send("package", "a", GOOD)
    for _ in range(10):
        package_commands.recover()
        assert uploads.waiting() is not None
    package_commands.recover()
    assert not files.exists("/sdcard/.incoming")
    # Something else takes its place.
    client.send("package", "a", GOOD)
    client.push("package", "b", classifier(["x", "y", "z"]))
    assert not files.exists("/sdcard/.incoming")
    assert not files.exists("/sdcard/packages/a")

"""Power off at every step of every write sequence: the old or the new is there, never neither."""

from card_tools import Board, Client, classifier, firmware, flat_firmware, use
from folder_card import HALF, KEPT, LOST, FolderCard, PowerCutError

from firmware_app import main
from firmware_app.base import files, restarts
from firmware_app.base.errors import CommandError
from firmware_app.card import packages
from firmware_app.card.boots import Boots
from firmware_app.card.counts import Counts
from firmware_app.card.state import State
from firmware_app.commands import packages as package_commands
from firmware_app.events.counters import Counters

OLD = classifier(["old", "older"], 1)
NEW = classifier(["new", "newer", "newest"], 2)
YAML = "/sdcard/configs/tasks/a.yaml"


def _every_cut(prepare, change, check, again=None, least: int = 4) -> None:
    """Cut power at every step of change(); check(done) must hold after the start that follows.

    prepare() fills a new card; again() is done behind the recovery and must bring the new state.
    """
    for unflushed in (LOST, HALF, KEPT):
        step = 0
        while True:
            step += 1
            card = FolderCard(unflushed)
            use(card)
            prepare(card)
            card.steps = 0
            card.cut_at = step
            try:
                change(card)
                done = True
            except PowerCutError:
                done = False
            card.cut_at = -1
            _start_with_cuts(card, lambda c: check(c, False))
            use(card)
            package_commands.recover()
            check(card, done)
            if again is not None:
                again(card)
                package_commands.recover()
                check(card, True)
            if done:
                assert step > least, step
                break


def _start_with_cuts(card, check) -> None:
    """Cut the recovery itself at each of its steps, on copies of the card."""
    step = 0
    while True:
        step += 1
        copy = card.copy()
        use(copy)
        copy.cut_at = step
        try:
            package_commands.recover()
            return
        except PowerCutError:
            copy.cut_at = -1
            package_commands.recover()
            check(copy)


def _labels(name: str):
    return packages.check("/sdcard/packages/" + name, None).categories


def _installed(card) -> None:
    for name in OLD:
        card.put("/sdcard/packages/a/" + name, OLD[name])


def _push(contents: dict, name: str = "a"):
    return lambda card: Client(Board()).push("package", name, contents)


def test_a_first_package() -> None:
    def check(card, done: bool) -> None:
        if done or files.exists("/sdcard/packages/a"):
            assert _labels("a") == ["new", "newer", "newest"]

    _every_cut(lambda card: None, _push(NEW), check, _push(NEW), 15)


def test_a_package_that_replaces_another() -> None:
    def check(card, done: bool) -> None:
        assert _labels("a") in (
            [["new", "newer", "newest"]] if done else [["old", "older"], ["new", "newer", "newest"]]
        )
        assert not [name for name in card.listdir("/sdcard/packages") if name[0] == "."]

    _every_cut(_installed, _push(NEW), check, _push(NEW), 18)


def test_a_package_that_is_removed() -> None:
    def remove(card) -> None:
        Client(Board()).ask("package.remove", name="a")

    def check(card, done: bool) -> None:
        assert not (done and files.exists("/sdcard/packages/a"))
        if files.exists("/sdcard/packages/a"):
            assert _labels("a") == ["old", "older"]
        assert not [name for name in card.listdir("/sdcard/packages") if name[0] == "."]

    _every_cut(_installed, remove, check)


def test_a_configuration_that_is_replaced() -> None:
    old = b"task: classification\npackage: packages/a\n"
    new = b"task: classification\npackage: packages/a\ntop_k: 3\n"

    def change(card) -> None:
        Client(Board()).push("file", "configs/tasks/a.yaml", {"a.yaml": new})

    def check(card, done: bool) -> None:
        assert card.tree[YAML] == new if done else card.tree[YAML] in (old, new)
        assert card.listdir("/sdcard/configs/tasks") == ["a.yaml"]

    _every_cut(lambda card: card.put(YAML, old), change, check, change, 10)


def test_a_dictionary_of_a_package() -> None:
    path = "/sdcard/packages/a/dict.txt"

    def prepare(card) -> None:
        _installed(card)
        card.put(path, b"a\nb\n")
        card.put("/sdcard/packages/a/notes.old", b"mine")

    def change(card) -> None:
        Client(Board()).push("file", "packages/a/dict.txt", {"dict.txt": b"c\n"})

    def check(card, done: bool) -> None:
        assert card.tree[path] == b"c\n" if done else card.tree[path] in (b"a\nb\n", b"c\n")
        names = ["best.kmodel", "deploy_config.json", "dict.txt", "notes.old"]
        assert card.listdir("/sdcard/packages/a") == names

    _every_cut(prepare, change, check, change, 10)


def test_what_was_changed_over_the_link() -> None:
    def remember(value: float):
        def change(card) -> None:
            state = State()
            assert state.load() == ""
            state.remember(
                [
                    ("configs/tasks/a.yaml", "confidence_threshold", None, value),
                    ("configs/service.yaml", "task", "b", "a%g" % value),
                ],
                ["a", "task: %g" % value],
            )

        return change

    def check(card, done: bool) -> None:
        state = State()
        assert state.load() == ""
        values = [1] if done else [0.5, 1]
        found = state._changes["configs/tasks/a.yaml"]["confidence_threshold"][1]
        assert found in values
        assert state._changes["configs/service.yaml"]["task"][1] == "a%g" % found
        assert state.ran == ["a", "task: %g" % found]

    _every_cut(remember(0.5), remember(1), check, remember(1), 3)


def test_the_count_of_starts_that_crashed() -> None:
    """Cut while a crash is written down: it is counted once, or not yet."""

    def crash(card) -> None:
        boots = Boots()
        boots.begin()
        boots.crashed("ValueError: x")

    def check(card, done: bool) -> None:
        boots = Boots()
        boots.begin()
        assert boots.early in ((2,) if done else (1, 2)), boots.early
        boots.planned("", "")

    _every_cut(crash, crash, check, None, 3)


def test_galleries_are_put_right_at_start() -> None:
    """Those that are not in use, too: nobody may ever load them."""
    card = FolderCard()
    use(card)
    card.put("/data/galleries/a.gallery", b"new")
    card.put("/data/galleries/a.gallery.old", b"old")
    card.put("/data/galleries/b.gallery.old", b"old")
    card.put("/data/galleries/b.gallery.new", b"new")
    card.put("/data/galleries/c.gallery.new", b"half")
    package_commands.recover()
    assert card.under("/data/galleries") == {"a.gallery": b"new", "b.gallery": b"new"}


def test_why_the_board_restarted() -> None:
    use(FolderCard(LOST))

    def restarted():
        boots = Boots()
        boots.begin()
        return boots, boots.restart_reason()

    boots, reason = restarted()
    assert reason is None
    boots.planned(restarts.COMMAND, "a client asked for it")
    boots, reason = restarted()
    assert reason == {"code": "command", "text": "a client asked for it"}
    boots, reason = restarted()  # it was said once
    assert reason is not None and reason["code"] == "unannounced"
    boots.crashed("ValueError: x")
    boots, reason = restarted()
    assert reason == {"code": "crash", "text": "ValueError: x"}
    files.replace("/data/fault", b"")
    boots, reason = restarted()
    assert reason is not None and reason["code"] == "native_fault"
    files.replace("/data/boots.json", b'{"early": 0, "reason": "of a version without codes"}')
    assert restarted()[1] is None


def _version(card) -> str:
    """Start as main.py does, without loading anything; return the version that would run."""
    main.prepare()
    whole = card.under("/sdcard/firmware_app")
    for version in ("1", "2"):
        if whole == firmware(version):
            return version
    if whole == flat_firmware("1"):
        return "flat"
    raise AssertionError("half a version: %s" % sorted(whole))


def _with_firmware(card) -> None:
    for name, data in firmware("1").items():
        card.put("/sdcard/firmware_app/" + name, data)


def test_another_version_of_the_service() -> None:
    def update(card) -> None:
        Client(Board()).push("firmware", "firmware_app", firmware("2"))
        main.prepare()

    def check(card, done: bool) -> None:
        assert _version(card) in (("2",) if done else ("1", "2"))

    _every_cut(_with_firmware, update, check, update, 20)

    # And another one over one that is staged.
    def staged(card) -> None:
        _with_firmware(card)
        Client(Board()).push("firmware", "firmware_app", firmware("1"))

    _every_cut(staged, update, check, update, 20)


def test_folders_over_a_flat_version() -> None:
    """What the installer stages in front of main.py: none of the flat files stays in the new folder."""

    def flat(card) -> None:
        for name, data in flat_firmware("1").items():
            card.put("/sdcard/firmware_app/" + name, data)

    def update(card) -> None:
        Client(Board()).push("firmware", "firmware_app", firmware("2"))
        main.prepare()

    def check(card, done: bool) -> None:
        assert _version(card) in (("2",) if done else ("flat", "2"))

    _every_cut(flat, update, check, update, 20)

    # One that does not last gives way to the flat one.
    card = FolderCard()
    use(card)
    flat(card)
    update(card)
    assert [_version(card) for _ in range(3)] == ["2", "2", "flat"]
    assert card.listdir("/sdcard") == ["firmware_app"]


def test_planned_ends_say_nothing_against_a_new_version() -> None:
    from firmware_app.card import firmware_update

    card = FolderCard()
    use(card)
    _with_firmware(card)
    Client(Board()).push("firmware", "firmware_app", firmware("2"))
    for _ in range(8):  # such as an installer's, at the console
        assert _version(card) == "2"
        firmware_update.interrupted()
    # Unplanned ones still count, one by one.
    assert [_version(card) for _ in range(4)] == ["2", "2", "2", "1"]
    firmware_update.interrupted()  # nothing is on trial
    assert card.listdir("/sdcard") == ["firmware_app"]


class _FailingCard(FolderCard):
    """A change of the card fails, as `code` says, the one behind `cut_at` too."""

    code = 0

    def step(self) -> None:
        self.steps += 1
        if 0 < self.cut_at <= self.steps:
            raise OSError(self.code)


def test_a_card_that_fails_during_an_update() -> None:
    """Full, broken, or write-protected from any step on: the board runs on, and can be updated later."""
    for code in (28, 5, 30):
        step = 0
        done = False
        while not done:
            step += 1
            card = _FailingCard()
            card.code = code
            use(card)
            _with_firmware(card)
            card.steps = 0
            card.cut_at = step
            try:
                Client(Board()).push("firmware", "firmware_app", firmware("2"))
                done = card.steps < step  # else only what may stay could not be removed
            except (CommandError, OSError) as error:
                assert isinstance(error, OSError) or error.code == "failed", error.code
            try:
                package_commands.recover()
                main.prepare()
            except OSError:
                pass  # main.start() says so, and runs what is there
            card.cut_at = -1
            assert _version(card) in (("2",) if done else ("1", "2"))
            package_commands.recover()
            Client(Board()).push("firmware", "firmware_app", firmware("2"))
            assert _version(card) == "2"
        assert step > 20, step


def test_a_file_in_a_folder_that_is_damaged() -> None:
    card = FolderCard()
    use(card)
    _with_firmware(card)
    for name in ("wire/packets.py", "run/engine.mpy"):
        client = Client(Board())
        client.send("firmware", "firmware_app", firmware("2"))
        card.tree["/sdcard/.incoming/files/" + name] = b"y = 1\n"
        try:
            client.ask("install")
            raise AssertionError("not refused")
        except CommandError as error:
            assert error.code in ("damaged", "bad_argument"), error.code
            assert name in str(error)
        assert _version(card) == "1"
    Client(Board()).push("firmware", "firmware_app", firmware("2"))
    assert _version(card) == "2"


def test_a_version_that_does_not_last_gives_way() -> None:
    for unflushed in (LOST, KEPT):
        card = FolderCard(unflushed)
        use(card)
        _with_firmware(card)
        Client(Board()).push("firmware", "firmware_app", firmware("2"))
        assert [_version(card) for _ in range(3)] == ["2", "2", "2"]
        saved = card.copy()
        step = 0
        while True:
            step += 1
            card = saved.copy()
            use(card)
            card.cut_at = step
            try:
                version = _version(card)
                assert version == "1"
                break
            except PowerCutError:
                card.cut_at = -1
                assert _version(card) == "1"
            assert _version(card) == "1"
        assert step > 6
        assert card.listdir("/sdcard") == ["firmware_app"]


def test_a_version_that_lasts_stays() -> None:
    from firmware_app.card import firmware_update

    card = FolderCard()
    use(card)
    _with_firmware(card)
    Client(Board()).push("firmware", "firmware_app", firmware("2"))
    assert _version(card) == "2"
    firmware_update.lasted()
    assert [_version(card) for _ in range(6)] == ["2"] * 6
    assert card.under("/sdcard/firmware_app.old") == firmware("1")


def test_files_of_a_push_outlast_power() -> None:
    """A push goes on where it was: nothing that was flushed is sent twice."""
    card = FolderCard(LOST)
    use(card)
    client = Client(Board())
    big = dict(NEW)
    big["best.kmodel"] += bytes(140000)
    card.steps = 0
    card.cut_at = 45
    try:
        client.send("package", "a", big)
        raise AssertionError("no cut")
    except PowerCutError:
        card.cut_at = -1
    package_commands.recover()
    again = Client(Board())
    have = again.send("package", "a", big)
    assert have >= 131072
    assert again.ask("install")["name"] == "a"
    assert _labels("a") == ["new", "newer", "newest"]
    assert not files.exists("/sdcard/.incoming")


def test_what_lines_have_counted() -> None:
    def saved(count: int) -> dict:
        return {"since": [1, 0, None], "lines": {"door": {"person": [count, 2]}}}

    def prepare(card) -> None:
        Counts().keep("yard", saved(5))

    def change(card) -> None:
        Counts().keep("yard", saved(6))

    def check(card, done: bool) -> None:
        found = Counters([2, 0, None], Counts().find("yard"))
        expected = ([6],) if done else ([5], [6])
        assert [row[2] for row in found.rows()] in expected, found.rows()
        assert found.since == [1, 0, None]

    _every_cut(prepare, change, check, change, least=1)

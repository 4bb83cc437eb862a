"""A card that is full at any byte of any write, refuses any change, or was pulled out; nothing is lost.

After each of them the old or the new content is there, whole, and a sentence names the cause; once the
card is as it should be, the same is done again and works.
"""

import errno
import json

from card_tools import Board, Client, classifier, firmware, use
from folder_card import FolderCard
from gallery_tools import DIMENSION, SHA, adding, ops, pause, run, vector

from firmware_app.base import files, storage
from firmware_app.base.errors import CommandError
from firmware_app.base.problems import CARD, LOG, Problems
from firmware_app.card import packages
from firmware_app.card.boots import Boots
from firmware_app.card.configuration import Configuration
from firmware_app.card.log_file import LogFile
from firmware_app.card.state import State
from firmware_app.commands import packages as package_commands
from firmware_app.gallery.file import GalleryFile
from firmware_app.gallery.labels import GalleryError
from firmware_app.link import keyring
from firmware_app.wire import messages

_SHARES = (0.0, 0.5, 1.0)  # nothing of the write fits, half of it, all but one byte
_FULL = "it is full"
_SAID = {
    errno.EROFS if hasattr(errno, "EROFS") else 30: "write-protected",
    errno.EIO: "does not answer",
    errno.EINVAL: "not mounted",
}


def _ways():
    """Yield (name, set the card up for its n-th time, what must be said)."""
    for share in _SHARES:

        def full(card, count: int, share=share) -> None:
            card.full_at, card.fits, card.writes = count, share, 0

        yield "full %g" % share, full, _FULL
    for number in _SAID:

        def refuse(card, count: int, number=number) -> None:
            card.refused_at, card.refusal, card.steps = count, number, 0

        yield "errno %d" % number, refuse, _SAID[number]


def _hit(card) -> bool:
    return card.full or 0 <= card.refused_at <= card.steps


def _every_fault(prepare, change, check, least: int = 1, quiet: bool = False) -> None:
    """Let the card fail at every write and every step of change(card), in every way.

    check(card, done) must hold on the card that is mended, behind the start that follows, and with
    done=True behind the same change again. quiet: change() says nothing, and goes on.
    """
    for name, spoil, said in _ways():
        count = 0
        while True:
            count += 1
            card = FolderCard()
            use(card)
            prepare(card)
            spoil(card, count)
            text = ""
            try:
                change(card)
            except (CommandError, GalleryError) as error:
                text = str(error)
            except OSError as error:
                text = files.why(error)
            hit = _hit(card)
            assert not text or hit, (name, count, text)
            assert quiet or not text or said in text, (name, count, text)
            card.mend()
            if hit:
                if not text and not quiet:
                    check(card, True)  # it was done all the same
                use(card)
                package_commands.recover()
                check(card, False)
                change(card)
            check(card, True)
            if not hit:
                assert count > least, (name, count)
                break


def test_what_was_changed_over_the_link() -> None:
    def remember(value: int):
        def change(card) -> None:
            state = State()
            assert state.load() == "" or _hit(card)
            state.remember([("configs/service.yaml", "task", None, "a%d" % value)], ["a", "b"])

        return change

    def check(card, done: bool) -> None:
        state = State()
        assert state.load() == ""
        found = state._changes["configs/service.yaml"]["task"][1]
        assert found == "a2" if done else found in ("a1", "a2")

    _every_fault(remember(1), remember(2), check)


def test_settings_that_are_kept() -> None:
    service = "/sdcard/configs/service.yaml"

    def prepare(card) -> None:
        card.put(service, b"task: a\n")
        Configuration().read()

    def change(card) -> None:
        configuration = Configuration()
        configuration.read()
        fresh = configuration.service.changed("results.statistics_period_ms", 7000)
        configuration.remember([(fresh, ["results.statistics_period_ms"])])

    def check(card, done: bool) -> None:
        configuration = Configuration()
        assert configuration.read() == ("", [])
        assert configuration.task == "a"
        period = configuration.values["results"]["statistics_period_ms"]
        assert period == 7000 or not done

    _every_fault(prepare, change, check)


def test_the_last_good_settings_outlast_a_full_card() -> None:
    service = "/sdcard/configs/service.yaml"

    def prepare(card) -> None:
        card.put(service, b"task: a\n")
        Configuration().read()
        card.put(service, b"task: b\n")

    def change(card) -> None:
        Configuration().read()

    def check(card, done: bool) -> None:
        files.recover("/data/service.yaml")
        kept = card.tree["/data/service.yaml"]
        assert kept == b"task: b\n" if done else kept in (b"task: a\n", b"task: b\n")

    _every_fault(prepare, change, check, 1, True)


def _push(kind: str, name: str, contents: dict):
    def change(card) -> None:
        board = Board()
        client = Client(board)
        try:
            client.push(kind, name, contents)
        finally:
            board.transfers.drop(client)

    return change


def _labels(name: str):
    return packages.check("/sdcard/packages/" + name, None).categories


OLD = classifier(["old", "older"], 1)
NEW = classifier(["new", "newer", "newest"], 2)


def test_a_package_that_replaces_another() -> None:
    def check(card, done: bool) -> None:
        assert _labels("a") in (
            [["new", "newer", "newest"]] if done else [["old", "older"], ["new", "newer", "newest"]]
        )

    _every_fault(_push("package", "a", OLD), _push("package", "a", NEW), check)


def test_a_pushed_configuration() -> None:
    path = "/sdcard/configs/tasks/a.yaml"
    old = b"task: classification\npackage: packages/a\n"
    new = b"task: classification\npackage: packages/a\ntop_k: 3\n"

    def check(card, done: bool) -> None:
        assert card.tree[path] == new if done else card.tree[path] in (old, new)

    change = _push("file", "configs/tasks/a.yaml", {"a.yaml": new})
    _every_fault(lambda card: card.put(path, old), change, check)


def test_a_version_of_the_service() -> None:
    def prepare(card) -> None:
        contents = firmware("1")
        for name in contents:
            card.put("/sdcard/firmware_app/" + name, contents[name])

    def check(card, done: bool) -> None:
        assert card.under("/sdcard/firmware_app") == firmware("1")
        staged = card.under("/sdcard/firmware_app.new")
        assert staged == firmware("2") if done else staged in ({}, firmware("2"))

    _every_fault(prepare, _push("firmware", "2", firmware("2")), check)


def test_the_key() -> None:
    chip = "00112233"

    def make(card) -> None:
        keyring.load_key(chip)

    def check(card, done: bool) -> None:
        text = card.tree.get("/data/key")
        assert text is None or len(text) == 64
        if done:
            key, made = keyring.load_key(chip)
            assert key.hex().encode() == card.tree["/data/key"]
            assert not made

    _every_fault(lambda card: None, make, check)


def test_a_key_that_is_there_is_loaded_from_any_card() -> None:
    for name, spoil, _ in _ways():
        if name == "errno %d" % errno.EIO:
            continue  # such a card can't be read
        card = FolderCard()
        use(card)
        key, _ = keyring.load_key("00")
        spoil(card, 1)
        assert keyring.load_key("00") == (key, False)
        assert keyring.load_key("01") == (key, False)  # its copy can't be written


def test_the_record_of_starts() -> None:
    def start(card) -> None:
        boots = Boots()
        boots.begin()
        assert not boots.unwritten or _hit(card)

    def check(card, done: bool) -> None:
        boots = Boots()
        boots.begin()
        assert boots.starts >= 2

    _every_fault(start, start, check, 1, True)


def test_the_log() -> None:
    def lines(card) -> list:
        text = b""
        for end in (".1", ""):
            text += card.tree.get("/data/log" + end, b"")
        return [line for line in text.split(b"\n") if line]

    for _, spoil, said in _ways():
        for count in range(1, 8):
            card = FolderCard()
            use(card)
            problems = Problems()
            log = LogFile(problems)
            log.limit(1)
            wanted = []
            for number in range(6):
                if number == 3:
                    spoil(card, count)
                text = "line %d" % number + "." * 70
                wanted.append(text.encode())
                log.add(text)
                log.flush()
            told = problems.rows()
            if _hit(card):
                assert told[0]["code"] == LOG, count
                assert said in told[0]["text"], told
            card.mend()
            log.flush()
            assert problems.rows() == []
            found = lines(card)
            assert found == wanted[-len(found) :], (count, found)
            assert found[-1] == wanted[-1]


PATH = "/data/galleries/people.gallery"


def _gallery() -> GalleryFile:
    file = GalleryFile(PATH, ops)
    run(file.load(DIMENSION, SHA, 100, pause))
    return file


def test_a_gallery_that_grows() -> None:
    def enroll(text: str):
        def change(card) -> None:
            file = _gallery()
            run(file.change(adding(file.gallery, text, [vector(1, 0, 0, 1)]), pause))

        return change

    def names() -> list:
        return sorted([label.text for label in _gallery().gallery.labels()])

    def check(card, done: bool) -> None:
        assert names() == ["a", "b"] if done else names() in (["a"], ["a", "b"])

    def change(card) -> None:
        file = _gallery()
        if file.gallery.label("b") is None:
            run(file.change(adding(file.gallery, "b", [vector(0, 1, 0, 1)]), pause))

    _every_fault(enroll("a"), change, check, 0)


def test_a_gallery_that_is_written_anew() -> None:
    def prepare(card) -> None:
        file = _gallery()
        for text in ("a", "b"):
            run(file.change(adding(file.gallery, text, [vector(1, 0, 0, 1)]), pause))

    def change(card) -> None:
        run(_gallery().tidy(pause))
        run(_gallery().rewrite(pause))

    def check(card, done: bool) -> None:
        assert sorted([label.text for label in _gallery().gallery.labels()]) == ["a", "b"]

    _every_fault(prepare, change, check)


def test_where_the_files_are_kept() -> None:
    card = FolderCard()
    use(card)
    assert storage.choose() == ""
    assert storage.path("key") == "/data/key"
    assert card.under("/data") == {}
    for number, place in ((30, "/data"), (errno.EINVAL, "/sdcard/.k230"), (38, "/sdcard/.k230")):
        card = _Unmounted(number)
        use(card)
        said = storage.choose()
        assert said.startswith("/data: ") and files.why(OSError(number)) in said
        assert storage.place() == place
    # The whole service's own files work in the card's folder.
    key, made = keyring.load_key("00")
    assert made
    assert keyring.load_key("00") == (key, False)
    boots = Boots()
    boots.begin()
    assert boots.unwritten == ""
    State().remember([("configs/service.yaml", "task", None, "a")])
    assert sorted(card.listdir("/sdcard/.k230")) == ["boots.json", "key", "key.json", "state.json"]
    use(FolderCard())
    storage.choose()


class _Unmounted(FolderCard):
    """A card beside a /data that takes no file."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def open(self, path: str, mode: str = "r", **named):
        if path.startswith("/data") and "r" not in mode:
            raise OSError(self._number)
        return super().open(path, mode)


def test_a_data_that_was_formatted() -> None:
    card = FolderCard()
    use(card)
    key, _ = keyring.load_key("aa")
    Boots().begin()
    assert not keyring.bring_back("aa")
    for path in [path for path in card.tree if path.startswith("/data/")]:
        card.tree.pop(path)
    assert not keyring.bring_back("bb")  # another chip's card
    assert not keyring.bring_back("")  # a chip that has no number
    assert keyring.bring_back("aa")
    assert keyring.load_key("aa") == (key, False)
    # Whoever removes the key alone wants another one.
    Boots().begin()
    card.tree.pop("/data/key")
    assert not keyring.bring_back("aa")
    other, made = keyring.load_key("aa")
    assert made and other != key
    card.tree["/data/key"] = b"damaged"
    assert keyring.load_key("aa") == (other, False)
    assert card.tree["/data/key"] == other.hex().encode()


def test_a_card_that_was_prepared_for_a_board() -> None:
    card = FolderCard()
    use(card)
    given = bytes(range(32))
    record = {"board_id": messages.ANY_CHIP, "key": given.hex()}
    card.tree["/sdcard/.k230/key.json"] = json.dumps(record).encode()
    assert not keyring.bring_back("aa")  # nothing was lost
    assert keyring.load_key("aa") == (given, False)  # and nothing is shown
    assert card.tree["/data/key"] == given.hex().encode()
    assert json.loads(card.tree["/sdcard/.k230/key.json"])["board_id"] == "aa"
    # It counts once: a key that is removed later gives way to a new one.
    card.tree.pop("/data/key")
    other, made = keyring.load_key("aa")
    assert made and other != given


def test_what_is_said_of_a_card() -> None:
    card = FolderCard()
    use(card)
    assert storage.trouble("/sdcard") == ""
    card.free = 8192
    assert storage.trouble("/sdcard") == "/sdcard: it is full, 8 kB are free"
    card.free = 1 << 30
    card.refused_at, card.refusal = 0, errno.EIO
    assert storage.trouble("/sdcard") == "/sdcard: it does not answer"
    assert CARD == "card"

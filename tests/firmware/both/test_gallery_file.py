"""The gallery's file: what it keeps, power cuts at every step, damage in every byte."""

from gallery_tools import DIMENSION, SHA, adding, content, ops, pause, run, vector
from power_card import HALF, KEPT, LOST, PowerCard, PowerCutError

from firmware_app.base import files
from firmware_app.gallery import file as gallery_file
from firmware_app.gallery import format as gallery_format
from firmware_app.gallery.decision import Rule
from firmware_app.gallery.file import GalleryFile
from firmware_app.gallery.labels import GalleryError

PATH = "/data/galleries/people.gallery"


def use(card: PowerCard) -> None:
    files.os = gallery_file.os = card
    files.open = gallery_file.open = card.open


def load(capacity: int = 100, sha256: bytes = SHA, dimension: int = DIMENSION) -> GalleryFile:
    file = GalleryFile(PATH, ops)
    run(file.load(dimension, sha256, capacity, pause))
    return file


def enroll(file: GalleryFile, text: str, *vectors, negative: bool = False) -> None:
    run(file.change(adding(file.gallery, text, list(vectors), negative), pause))


def filled() -> GalleryFile:
    file = load()
    enroll(file, "张三", vector(1, 0, 0, 1), vector(1, 0.5, 0, 1))
    enroll(file, "🙂🙃", vector(0, 1, 0, 0))
    enroll(file, "张三", vector(0, 0, 1, 1), negative=True)
    return file


def remove(file: GalleryFile, *numbers: int) -> None:
    body = gallery_format.ids_body(list(numbers))
    run(file.change([(gallery_format.REMOVE_SAMPLES, body)], pause))


def label_change(file: GalleryFile, text: str, to: str, threshold) -> None:
    number = file.gallery.label(text).number
    body = gallery_format.label_body(number, to, threshold)
    run(file.change([(gallery_format.LABEL, body)], pause))


def remove_label(file: GalleryFile, text: str) -> None:
    body = gallery_format.number_body(file.gallery.label(text).number)
    run(file.change([(gallery_format.REMOVE_LABEL, body)], pause))


def test_what_was_enrolled_is_there_after_a_restart() -> None:
    use(PowerCard())
    file = filled()
    label_change(file, "🙂🙃", "new name", 0.75)
    remove(file, 1)
    again = load()
    assert content(again.gallery) == content(file.gallery)
    assert again.note == ""
    assert again.gallery.next_id == file.gallery.next_id == 5
    run(again.tidy(pause))
    third = load()
    assert content(third.gallery) == content(file.gallery)
    assert third.gallery.next_id == 5
    assert third.size < file.size
    assert third.gallery.decide(vector(0, 1, 0, 0), Rule(0.5)).label == "new name"


def test_an_added_sample_costs_what_it_is_not_the_whole_file() -> None:
    card = PowerCard()
    use(card)
    file = load(1000)
    vectors = [vector(1, i, i * i % 7, 1) for i in range(90)]
    for start in range(0, 900, 90):
        enroll(file, "n%d" % start, *vectors)
    assert file.size > 900 * (8 + 4 * DIMENSION)
    before = card.writes
    enroll(file, "n0", vector(*[1] * DIMENSION))
    assert card.writes - before < 60
    remove(file, 17)
    assert card.writes - before < 100


def test_a_file_of_much_that_is_gone_is_written_anew() -> None:
    card = PowerCard()
    use(card)
    gallery_file._DEAD_BYTES = 2000
    file = load(1000)
    for i in range(60):
        enroll(file, "n%d" % i, vector(1, i, 0, 0))
    full = file.size
    for i in range(50):
        remove_label(file, "n%d" % i)
    assert file.size < full
    assert content(load(1000).gallery) == content(file.gallery)
    gallery_file._DEAD_BYTES = 262144


CHANGES = (
    lambda file: enroll(file, "李四", vector(1, 1, 1, 1), vector(1, 1, 1, 2)),
    lambda file: enroll(file, "张三", vector(1, 1, 1, 1)),
    lambda file: remove(file, 2),
    lambda file: remove_label(file, "张三"),
    lambda file: label_change(file, "张三", "王五", None),
    lambda file: label_change(file, "张三", "张三", 0.8),
    lambda file: run(file.clear(pause)),
    lambda file: run(file.rewrite(pause)),
)


def _cut(change, unflushed: str, prepare) -> int:
    """Cut power at every step of a change; return how many steps it has."""
    step = 0
    while True:
        step += 1
        card = PowerCard(unflushed)
        use(card)
        file = prepare()
        old = content(file.gallery)
        card.steps = 0
        card.cut_at = step
        try:
            change(file)
            done = True
        except PowerCutError:
            done = False
        card.cut_at = -1
        new = content(file.gallery)  # of the change if it came that far
        if done:
            assert content(load().gallery) == new
            return step - 1
        use(PowerCard(unflushed))
        expected = prepare()
        change(expected)
        use(card)
        back = load()
        found = content(back.gallery)
        assert found in (old, content(expected.gallery)), (step, unflushed)
        # What came back goes on working.
        enroll(back, "behind it", vector(0, 0, 0, 1))
        assert content(load().gallery) == content(back.gallery)


def test_power_cut_at_every_step_of_every_change() -> None:
    for change in CHANGES:
        for unflushed in (LOST, HALF, KEPT):
            assert _cut(change, unflushed, filled) >= 2


def test_power_cut_at_every_step_of_the_first_enrolment() -> None:
    for unflushed in (LOST, HALF, KEPT):
        steps = _cut(lambda file: enroll(file, "a", vector(1, 0, 0, 0)), unflushed, load)
        assert steps >= 6


def test_power_cut_while_what_a_cut_left_is_put_right() -> None:
    """Two cuts in a row: the second at every step of the recovery and the change behind it."""
    for unflushed in (LOST, HALF, KEPT):
        for first in range(1, 12):

            def prepare():
                file = filled()
                card = files.os
                card.steps = 0
                card.cut_at = first
                try:
                    run(file.rewrite(pause))
                except PowerCutError:
                    pass
                card.cut_at = -1
                return load()

            _cut(CHANGES[0], unflushed, prepare)


def test_a_torn_change_is_told_and_the_file_mended() -> None:
    card = PowerCard()
    use(card)
    file = filled()
    old = content(file.gallery)
    whole = card.contents[PATH]
    enroll(file, "late", vector(1, 2, 3, 4))
    data = card.contents[PATH]
    for size in range(len(whole) + 1, len(data)):
        card.contents[PATH] = data[:size]
        back = load()
        assert content(back.gallery) == old, size
        assert "not finished" in back.note
    enroll(back, "later", vector(4, 3, 2, 1))
    again = load()
    assert again.note == ""
    assert content(again.gallery) == content(back.gallery)


def _damaged(card: PowerCard, data: bytes) -> str:
    card.contents[PATH] = data
    try:
        file = load()
    except GalleryError as error:
        return str(error)
    raise AssertionError("used: %s" % file.note)


def test_damage_in_any_byte_is_found() -> None:
    card = PowerCard()
    use(card)
    file = filled()
    remove(file, 2)
    label_change(file, "张三", "王五", 0.5)
    data = card.contents[PATH]
    for at in range(len(data)):
        for flip in (1, 0x80, 0xFF):
            bad = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            text = _damaged(card, bad)
            assert "damaged" in text or "belongs to another model" in text, (at, text)
    assert PATH in _damaged(card, b"something else entirely" * 9)


def test_records_that_were_swapped_or_lost_are_found() -> None:
    card = PowerCard()
    use(card)
    file = filled()
    run(file.tidy(pause))
    start = file.size
    label_change(file, "张三", "aaa", None)
    middle = file.size
    label_change(file, "aaa", "bbb", None)
    data = card.contents[PATH]
    first, second = data[start:middle], data[middle:]
    assert len(first) == len(second)
    assert "damaged" in _damaged(card, data[:start] + second + first)
    assert "damaged" in _damaged(card, data[:start] + second)


def test_another_models_gallery_is_refused() -> None:
    use(PowerCard())
    filled()
    for sha256, dimension in ((bytes(32), DIMENSION), (SHA, DIMENSION + 1)):
        try:
            load(sha256=sha256, dimension=dimension)
        except GalleryError as error:
            assert "another model" in str(error)
        else:
            raise AssertionError("used")


def test_a_full_gallery_says_so_and_stays_as_it_is() -> None:
    card = PowerCard()
    use(card)
    filled()
    file = load(capacity=4)
    before = card.contents[PATH]
    try:
        enroll(file, "one more", vector(1, 1, 1, 1))
    except GalleryError as error:
        assert "full" in str(error)
        assert "4" in str(error)
    else:
        raise AssertionError("not refused")
    assert card.contents[PATH] == before
    assert file.gallery.label("one more") is None
    try:
        load(capacity=3)
    except GalleryError as error:
        assert "full" in str(error)
    else:
        raise AssertionError("not refused")


def test_a_card_without_room_leaves_old_gallery_and_goes_on() -> None:
    card = PowerCard(HALF)
    use(card)
    file = filled()
    old = content(file.gallery)
    real_open = card.open

    def full_open(path: str, mode: str = "r"):
        if "a" in mode:
            raise OSError(28)
        return real_open(path, mode)

    gallery_file.open = full_open
    try:
        enroll(file, "a", vector(1, 2, 3, 4))
    except OSError:
        pass
    else:
        raise AssertionError("not refused")
    gallery_file.open = real_open
    assert content(file.gallery) == old
    enroll(file, "b", vector(1, 2, 3, 4))
    assert content(load().gallery) == content(file.gallery)


def test_clear_leaves_nothing_on_the_card_and_gives_no_number_twice() -> None:
    card = PowerCard()
    use(card)
    file = filled()
    label_change(file, "🙂🙃", "a name to forget", None)
    run(file.clear(pause))
    assert len(file.gallery) == 0
    assert b"a name to forget" not in card.contents[PATH]
    again = load()
    enroll(again, "next", vector(1, 0, 0, 0))
    assert again.gallery.positive.ids == [5]

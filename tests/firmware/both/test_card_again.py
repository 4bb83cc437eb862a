"""A card that does not answer once or twice: nothing on it is taken for missing, and main.py goes on.

Only reading is tried again; three times without an answer are told as what they are.
"""

from card_tools import classifier, firmware, use
from folder_card import FolderCard

from firmware_app import main
from firmware_app.base import files
from firmware_app.card import packages
from firmware_app.package.deploy_fields import PackageError

EIO = 5
_FOLDER = "/sdcard/packages/a"
_ERRORS = (lambda: OSError(EIO), MemoryError)


class _Sulking(FolderCard):
    """So many calls of one function fail, from its at-th on."""

    def __init__(self, name: str = "", at: int = 1, times: int = 0, error=_ERRORS[0]) -> None:
        super().__init__()
        self.name = name
        self.at = at
        self.times = times
        self.error = error
        self.calls = 0

    def _ask(self, name: str) -> None:
        if name == self.name:
            self.calls += 1
            if self.at <= self.calls < self.at + self.times:
                raise self.error()

    def stat(self, path: str):
        self._ask("stat")
        return super().stat(path)

    def listdir(self, path: str):
        self._ask("listdir")
        return super().listdir(path)

    def rename(self, old: str, new: str) -> None:
        self._ask("rename")
        super().rename(old, new)

    def open(self, path: str, mode: str = "r", **named):
        if "r" in mode:
            self._ask("open")
        return super().open(path, mode, **named)


def _with_package(card):
    contents = classifier(["cat", "dog"])
    for name in contents:
        card.put(_FOLDER + "/" + name, contents[name])
    use(card)
    return card


def test_a_package_that_can_not_be_seen_is_not_missing() -> None:
    values = {"task": "classification", "package": "packages/a"}
    for name in ("stat", "listdir"):
        for error in _ERRORS:
            card = _with_package(_Sulking(name))
            assert packages.of_task(values, "package", None).categories == ["cat", "dog"]
            most = card.calls
            assert most > 0
            for at in range(1, most + 1):
                card = _with_package(_Sulking(name, at, 2, error))
                found = packages.of_task(values, "package", None)
                assert found.categories == ["cat", "dog"], (name, at)
    card = _with_package(_Sulking("open", 1, 2))
    assert packages.of_task(values, "package", None).categories == ["cat", "dog"]


def test_a_card_that_is_gone_is_told_as_that() -> None:
    values = {"task": "classification", "package": "packages/a"}
    use(_with_package(_Sulking("stat", 1, 1000)))
    try:
        packages.of_task(values, "package", None)
        raise AssertionError("it was read")
    except PackageError as error:
        assert "does not answer" in str(error), error


def test_a_folder_is_listed_again() -> None:
    for error in _ERRORS:
        for times in (1, 2):
            use(_with_package(_Sulking("listdir", 1, times, error)))
            assert sorted(files.names(_FOLDER)) == ["best.kmodel", "deploy_config.json"]
    use(_with_package(_Sulking("listdir", 1, 3)))
    files.remove_tree(_FOLDER)  # what can't be removed stays
    assert files.names(_FOLDER)


def test_main_looks_three_times() -> None:
    for error in _ERRORS:
        for times in range(3):
            card = _Sulking("stat", 1, times, error)
            use(card)
            assert main.there("main.py") is False
            card = _Sulking("stat", 1, times, error)
            card.put("/sdcard/main.py", b"")
            use(card)
            assert main.there("main.py") is True
        use(_Sulking("stat", 1, 3, error))
        try:
            main.there("main.py")
            raise AssertionError("missing, or there")
        except main.CARD:
            pass


def _staged(card):
    for folder, version in (("firmware_app", "1"), ("firmware_app.new", "2")):
        contents = firmware(version)
        for name in contents:
            card.put("/sdcard/%s/%s" % (folder, name), contents[name])
    use(card)
    return card


def test_a_version_that_can_not_be_taken_leaves_the_one_before() -> None:
    """take() renames twice; where the second fails the first is taken back, or go_back() does so later."""
    for error in _ERRORS:
        for times in (1, 2):  # the undo fails, too
            card = _staged(_Sulking("rename", 2, times, error))
            try:
                main.prepare()
                raise AssertionError("it was taken")
            except main.CARD:
                pass
            if times == 1:
                assert card.under("/sdcard/firmware_app") == firmware("1")
                assert not main.on_trial()
            main.prepare()  # at the next start
            assert card.under("/sdcard/firmware_app") == firmware("2")
            assert card.under("/sdcard/firmware_app.old") == firmware("1")
            assert main.tries() == 1


def test_start_tells_of_it_and_runs_what_is_there() -> None:
    """Whatever of the card fails, main.py gets to the service, and says why no new version came."""

    class Stopped(BaseException):
        """The service began."""

    began = []

    class Service:
        def main(self) -> None:
            began.append(list(main.trouble))
            raise Stopped

    import firmware_app

    before = getattr(firmware_app, "service", None)
    real = main.gave_way, main.console
    firmware_app.service = Service()
    main.console = lambda error: isinstance(error, Stopped)
    try:
        for error in _ERRORS:
            _staged(_Sulking("rename", 1, 9, error))
            del main.trouble[:]
            try:
                main.start()
                raise AssertionError("it returned")
            except Stopped:
                pass
        assert len(began) == 2
        assert all("can't be taken" in told[0] for told in began), began
    finally:
        firmware_app.service = before
        main.gave_way, main.console = real
        del main.trouble[:]

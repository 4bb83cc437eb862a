"""Copied to /sdcard/boot.py where the card has none of its own: the board runs it before main.py.

After a CPU fault within two minutes of a start the firmware puts main.py aside as bad_main.py, and does
not end that name: what lies behind it in memory may become a part of it (canmv-k230/rtsmart
kernel/bsp/maix3/components/canmv_misc/misc.c, check_delete_file_mark). Then it finds neither main.py
nor what fallback.py waits for. This gives main.py its name back, and the firmware, which looks for it
only now, runs it (Stars1233/canmv_k230 port/core/main.c).
"""

import os


def _bring_back() -> None:
    names = os.listdir("/sdcard")
    if "main.py" in names or "bad_main.py" in names:
        return
    for name in names:
        if not name.startswith("bad_main.py"):
            continue
        path = "/sdcard/" + name
        with open(path) as file:
            ours = file.read(40).startswith('"""Copied to /sdcard/main.py')
        if ours:
            os.rename(path, "/sdcard/main.py")
            _note()
            return


def _note() -> None:
    for folder in (
        "/data",
        "/sdcard/.k230",
    ):  # base/storage.py says where the service keeps its files
        try:
            open(folder + "/fault", "w").close()  # for card/boots.py
            return
        except OSError:
            pass


try:
    _bring_back()
except (OSError, ValueError) as error:
    print("main.py can't get its name back: %s" % error)

"""Copied to /sdcard/fallback.py: the board runs it where it has put main.py aside as bad_main.py.

It does so after a native fault within two minutes of a start; an installation that lost its power
between two renames leaves the same. main.py comes back and runs: it counts early ends itself, goes
back to the version before a new one, and starts no task after too many.
"""

import os

for folder in ("/data", "/sdcard/.k230"):  # base/storage.py says where the service keeps its files
    try:
        open(folder + "/fault", "w").close()  # a note for card/boots.py
        break
    except OSError:
        pass
os.rename("/sdcard/bad_main.py", "/sdcard/main.py")
with open("/sdcard/main.py") as main:
    source = main.read()
exec(compile(source, "/sdcard/main.py", "exec"), {"__name__": "__main__"})

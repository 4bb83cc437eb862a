"""Copied to /sdcard/fallback.py: the board runs it where it has put main.py aside as bad_main.py.

It does so after a CPU fault within two minutes of a start; an installation that lost its power
between two renames leaves the same. main.py gets its name back, and the board restarts: a second
fault while this file runs would be answered by nothing (canmv-k230/rtsmart
kernel/bsp/maix3/components/canmv_misc/misc.c, 454), one in main.py is. main.py counts early ends
itself, goes back to the version before a new one, and starts no task after too many.
"""

import os
import time

import machine

for folder in ("/data", "/sdcard/.k230"):  # base/storage.py says where the service keeps its files
    try:
        open(folder + "/fault", "w").close()  # a note for card/boots.py
        break
    except (OSError, MemoryError):
        pass
try:
    os.rename("/sdcard/bad_main.py", "/sdcard/main.py")
except (OSError, MemoryError) as error:
    # A card that does not answer. In the REPL nothing would try again; Ctrl-C still gets there.
    print("bad_main.py can't get its name back: %s" % error)
    time.sleep(10)
machine.reset()

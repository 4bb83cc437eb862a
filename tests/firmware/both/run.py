"""Run the test functions of one module without pytest: run.py MODULE; used inside MicroPython."""

import sys


def main() -> None:
    module = __import__(sys.argv[1])
    count = 0
    for name in sorted(dir(module)):
        if name.startswith("test_"):
            try:
                getattr(module, name)()
            except Exception:
                print("FAILED", sys.argv[1], name)
                raise
            count += 1
    print("passed", count)


main()

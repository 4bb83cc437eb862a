"""`k230 hub …` as a module, for a profiler: `python -m cProfile -o FILE -m benchmarks.hub_run hub …`."""

import sys

from host_client.cli.app import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

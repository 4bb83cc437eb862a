"""What a hub of many boards costs: `python -m benchmarks.hub [--json] [--boards N] [--rate R] …`.

Scripted boards in a process of their own talk over real sockets, sealed and encrypted, to `k230 hub`;
it publishes every result to a real Mosquitto; `mosquitto_sub` counts what arrives. `cores` is the
hub's CPU seconds over wall seconds, `latency_ms` from a board's sending to the subscriber, on one
clock. Then the broker is away for a while under the same load. At the end other MQTT clients
publish as many messages to the same broker, nothing else running.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from benchmarks.hub_boards import BASE_MS
from benchmarks.hub_peers import CLIENTS

SETTLE_S = 5.0
DRAIN_S = 2.0
START_S = 120.0
RECOVERY_S = 120.0
END_S = 60.0
_LINE = re.compile(rb"(\d+\.\d+) k230/([0-9a-f]{16})/result .*\"time_ms\":(\d+)")
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
_TICKS = os.sysconf("SC_CLK_TCK")


class Subscriber(threading.Thread):
    """Counts what mosquitto_sub prints."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        program = shutil.which("mosquitto_sub", path=_PATH) or sys.exit("mosquitto_sub is missing")
        form = "%U %t %p"
        command = [program, "-p", str(port), "-t", "k230/+/result", "-F", form]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.lock = threading.Lock()
        self.count = 0
        self.latencies: list[float] = []
        self.boards: set[bytes] = set()
        self.last = 0
        self.keep = False
        self.start()

    def run(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = _LINE.match(line)
            if found is None:
                continue
            sent = int(found[3])
            with self.lock:
                self.count += 1
                self.boards.add(found[2])
                if self.keep:
                    self.latencies.append(1000 * float(found[1]) - BASE_MS - sent)

    def reset(self, *, keep: bool) -> tuple[int, list[float]]:
        """Return what was counted, and begin anew."""
        with self.lock:
            found = self.count, self.latencies
            self.count, self.latencies, self.keep = 0, [], keep
            self.boards.clear()
        return found


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mb(pid: int, name: str) -> float:
    """Return VmRSS or VmHWM of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else 0.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def started(*command: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program while the block runs."""
    process = subprocess.Popen(command, text=True, **more)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            print(f"benchmarks.hub: {command[-1]} did not end on SIGTERM", file=sys.stderr)
            process.kill()
            process.wait()


class Mosquitto:
    """The broker, which may go away and come back."""

    def __init__(self, folder: Path, port: int) -> None:
        self.program = shutil.which("mosquitto", path=_PATH) or sys.exit("mosquitto is missing")
        self.file = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self.file.write_text(
            f"{user}listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 100000\n"
        )
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([self.program, "-c", str(self.file)], **quiet)  # type: ignore[call-overload]
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def ask(boards: subprocess.Popen[str], word: str) -> dict[str, Any]:
    """Say stop or go; return what the boards have sent since the last question."""
    stdin, stdout = boards.stdin, boards.stdout
    assert stdin is not None
    assert stdout is not None
    stdin.write(f"{word}\n")
    stdin.flush()
    answer: dict[str, Any] = json.loads(stdout.readline())
    return answer


def wait_for(condition: Any, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"benchmarks.hub: {what} did not happen within {seconds:.0f} s")
        time.sleep(0.05)


def share(ordered: list[float], part: float) -> float | None:
    """Return a percentile of sorted values."""
    return round(ordered[int(part * (len(ordered) - 1))], 1) if ordered else None


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    count, rate = arguments.boards, arguments.rate
    key = secrets.token_hex(32)
    (folder / "key").write_text(key)
    (folder / "key").chmod(0o600)
    broker = Mosquitto(folder, free_port())
    broker.start()
    environment = os.environ | {"XDG_CONFIG_HOME": str(folder / "config")}
    environment.pop("K230_KEY", None)
    load = [sys.executable, "-m", "benchmarks.hub_boards", str(count), str(rate), key]
    pipes: dict[str, IO[Any] | int] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    try:
        with started(*load, **pipes) as boards:
            assert boards.stdout is not None
            ports = json.loads(boards.stdout.readline())
            rows = [f"  - {{url: 'tcp://127.0.0.1:{p}', key_file: key}}\n" for p in ports]
            (folder / "hub.yaml").write_text(
                "boards:\n" + "".join(rows) + "web: {listen: '127.0.0.1:0'}\n"
                f"mqtt:\n  url: mqtt://127.0.0.1:{broker.port}\n  results: true\n  queue: 2000\n"
            )
            program = "from host_client.cli import main; main()"
            hub = [sys.executable, "-c", program, "hub", "--config", str(folder / "hub.yaml")]
            if arguments.profile:
                hub[1:3] = [
                    "-m",
                    "cProfile",
                    "-o",
                    str(arguments.profile),
                    "-m",
                    "benchmarks.hub_run",
                ]
            with started(*hub, env=environment, stdout=subprocess.DEVNULL) as process:
                return _measured(arguments, broker, boards, process)
    finally:
        broker.stop()


def _measured(
    arguments: argparse.Namespace,
    broker: Mosquitto,
    boards: subprocess.Popen[str],
    process: subprocess.Popen[str],
) -> dict[str, Any]:
    count, seconds = arguments.boards, arguments.seconds
    subscriber = Subscriber(broker.port)
    wait_for(lambda: len(subscriber.boards) == count, START_S, "a result of each board")
    time.sleep(SETTLE_S)
    ask(boards, "stop")
    time.sleep(DRAIN_S)
    subscriber.reset(keep=True)
    ask(boards, "go")
    begun, used = time.monotonic(), cpu_s(process.pid)
    broker_pid = broker.process.pid if broker.process is not None else 0
    broker_used = cpu_s(broker_pid)
    time.sleep(seconds)
    sent = ask(boards, "stop")
    wall, used = time.monotonic() - begun, cpu_s(process.pid) - used
    broker_used = cpu_s(broker_pid) - broker_used
    time.sleep(DRAIN_S)
    arrived, latencies = subscriber.reset(keep=False)
    ask(boards, "go")
    latencies.sort()
    row: dict[str, Any] = {
        "boards": count,
        "seconds": round(wall, 1),
        "results_per_s": round(sent["sent"] / wall, 1),
        "delivered_share": round(arrived / sent["sent"], 5),
        "cores": round(used / wall, 3),
        "memory_mb": round(memory_mb(process.pid, "VmRSS"), 1),
        "latency_ms": {"p50": share(latencies, 0.5), "p99": share(latencies, 0.99)},
        "cpu_us_a_result": round(1e6 * used / max(1, sent["sent"]), 1),
        "generator_late": sent["late"],
        "skipped": sent["skipped"],  # by boards that the hub was too slow for, as real ones do
        "broker_cores": round(broker_used / wall, 3),
    }
    row |= _outage(arguments.outage, count, broker, process)
    return row


def _outage(
    seconds: float, count: int, broker: Mosquitto, process: subprocess.Popen[str]
) -> dict[str, Any]:
    """Take the broker away; return memory meanwhile, and how long all boards' results were missing."""
    before = memory_mb(process.pid, "VmRSS")
    broker.stop()
    end = time.monotonic() + seconds
    peak = before
    while time.monotonic() < end:
        peak = max(peak, memory_mb(process.pid, "VmRSS"))
        time.sleep(min(0.5, seconds / 10))
    broker.start()
    back = time.monotonic()
    again = Subscriber(broker.port)
    wait_for(lambda: len(again.boards) == count, RECOVERY_S, "a result of each board again")
    took = time.monotonic() - back
    return {
        "outage_s": seconds,
        "outage_recovery_s": round(took, 2),
        "outage_memory_mb": {"before": round(before, 1), "peak": round(peak, 1)},
    }


def peers(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return what each client pays for the same publishing."""
    broker = Mosquitto(folder, free_port())
    broker.start()
    rate = arguments.boards * arguments.rate
    found: dict[str, Any] = {}
    try:
        for name in CLIENTS:
            command = [sys.executable, "-m", "benchmarks.hub_peers", name, str(broker.port)]
            command += [str(rate), str(arguments.peer_seconds)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            last = done.stdout.strip().rpartition("\n")[2]
            found[name] = json.loads(last) if done.returncode == 0 else done.stderr.strip()[-200:]
    finally:
        broker.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON value as the last line")
    parser.add_argument("--boards", type=int, default=256)
    parser.add_argument("--rate", type=float, default=30.0, help="results a second and board")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the measurement")
    parser.add_argument("--outage", type=float, default=60.0, help="seconds without the broker")
    parser.add_argument("--peer-seconds", type=float, default=10.0)
    parser.add_argument("--profile", type=Path, help="write the hub's cProfile there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="k230-hub-") as name:
        folder = Path(name)
        row = measure(arguments, folder)
        row["peers"] = peers(arguments, folder)
    if arguments.json:
        print(json.dumps(row))
    else:
        for key, value in row.items():
            print(f"{key}: {value}")


if __name__ == "__main__":
    main()

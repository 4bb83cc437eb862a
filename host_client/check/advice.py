"""Advice for each problem of a board, by its code."""

from __future__ import annotations

from firmware_app.base import problems

ADVICE = {
    problems.CAMERA: "check its cable and camera.csi_id",
    problems.NETWORK: "check the network's name, password and cable: k230 config get",
    problems.NETWORK_PORT: "set another network.port, or restart the board",
    problems.DISCOVERY: "use the board's address instead of k230 discover",
    problems.UART: "check uart.id, uart.tx and uart.rx (docs/wiring.md)",
    problems.KEY: "remove the file `key` in /data (or /sdcard/.k230) on the board to make a new one",
    problems.ENCRYPTION: "install firmware with ucryptolib, or use this network with care",
    problems.WATCHDOG: "restart the board; without a watchdog it does not restart by itself",
    problems.CHIP: "set board.name in configs/service.yaml to tell this board from others",
    problems.STATE: "k230 set --save stores changes again",
    problems.SETTINGS: "correct configs/service.yaml: k230 config validate FILE, k230 push",
    problems.TASK: "k230 tasks lists the tasks and their faults, k230 switch starts one",
    problems.SAFE_MODE: "k230 logs shows the crash; k230 switch leaves safe mode",
    problems.OLD_TASK: "correct the task's file: k230 config validate FILE, k230 push",
    problems.UNSAVED: "free space on the card, then k230 switch to the task again",
    problems.UPDATE: "k230 install --port TTY repairs the installation",
    problems.GALLERY: "k230 gallery import brings an exported copy back",
    problems.RESULTS: "k230 logs shows the error; k230 verify tries the package on this computer",
    problems.LOG: "free space on the card, or replace it",
    problems.EVENTS: "correct the task's events: section, or change it with k230 set",
    problems.COUNTS: "free space on the card, or replace it",
    problems.CARD: "k230 packages remove frees space; check that the card is writable",
    problems.DATA: "free space in the service's folder; enroll and save lost data again",
    problems.MEMORY: "use a smaller model or smaller frames to keep the wanted ones",
}
"""Problem code -> what to do next, without a full stop."""


def advice_for(code: str) -> str:
    """Return what to do about a problem; empty for a code of a newer board."""
    return ADVICE.get(code, "")

"""The bench of the fault matrix: a call fails as it was told to, once or for ever, and the board is judged."""

from __future__ import annotations

import asyncio

import pytest

import board_types
from tools.faults import matrix, ways
from tools.faults.bench import Bench
from tools.faults.steps import STEPS
from tools.faults.ways import Way

pytestmark = pytest.mark.slow

NAMES = [name for name in ways.read() if not name.startswith("time.")]


def _board(lan: bool, wlan: bool) -> str:
    return next(
        each.name for each in board_types.all_types() if (each.lan, each.wlan) == (lan, wlan)
    )


@pytest.mark.parametrize("board", [board_types.VIRTUAL, _board(False, True)])
async def test_a_call_fails_once_and_the_next_start_is_without(board: str) -> None:
    way = Way("raise", ["RuntimeError", "read chip id failed."])
    async with Bench(NAMES, "station", board, ("machine.chipid", 1, way)) as bench:
        await bench.ready()
        assert bench.injected == 1
        assert set(bench.unknown) <= {"network.LAN"}
        async with bench.client() as client:
            status = await client.status()
            assert "chip" in [row["code"] for row in status["problems"]]
            figures = await bench.figures()
            assert figures["counts"]["machine.chipid"] >= 1
            assert figures["models"] == 1
            assert figures["threads"] == 4
            await client.restart()
        while bench.starts < 2:
            bench.changed.clear()
            await bench.changed.wait()
        async with bench.client() as client:
            assert (await client.status())["problems"] == []
        assert bench.injected == 1


async def test_what_was_left_out_of_a_build_is_not_there() -> None:
    way = Way("absent", True, 1)
    plan = ("network.WLAN", 1, way)
    async with Bench(NAMES, "station", board_types.VIRTUAL, plan) as bench:
        await bench.ready()
        assert bench.injected == 1
        async with bench.client() as client:  # over the UART
            assert "network" in [row["code"] for row in (await client.status())["problems"]]


async def test_a_task_that_could_not_start_is_tried_again() -> None:
    way = Way("raise", ["OSError", 5])  # the card gives no kmodel, once
    plan = ("file.readinto", 1, way)
    async with Bench(NAMES, "station", board_types.VIRTUAL, plan) as bench:
        await bench.ready()
        async with bench.client() as client:
            while (status := await client.status())["task"] != "shapes_cls":
                assert [row["code"] for row in status["problems"]] == ["task"]
                await asyncio.sleep(0.1)
            assert status["problems"] == []


async def test_a_call_that_never_returns_ends_by_the_watchdog_at_once() -> None:
    async with Bench(NAMES, "station", board_types.VIRTUAL) as bench:
        await bench.ready()
        async with bench.client() as client:
            await client.status()
            await bench.arm("kpu.run", Way("hang", True))
            while bench.starts < 2:
                bench.changed.clear()
                await bench.changed.wait()
            assert (await client.status())["restart_reason"] is not None
        assert not bench.hung


async def test_the_judge_tells_what_is_lost() -> None:
    """A call that fails silently, and one that takes the service along."""
    reaches = {"station": matrix.Reach(figures={matrix.BOOT: {"threads": 4, "heap": 1 << 30}})}
    reaches["station"].figures[matrix.BOOT] |= {"models": 9, "frames": 1 << 30}
    lane = matrix.Lane(NAMES, reaches)
    silent = matrix.Combination("machine.temperature", Way("give", 0.0), "status", 1, True)
    outcome = await lane.attempt(silent)
    assert (outcome.survived, outcome.why) == (False, "it was reported nowhere")
    never = matrix.Combination("ulab.numpy.full", Way("raise", ["MemoryError"]), "status", 1, True)
    outcome = await lane.attempt(never)
    assert not outcome.survived
    assert outcome.why.startswith("the call never came")


async def test_a_soft_reset_waits_for_no_thread_of_the_bench() -> None:
    step, _ = STEPS["interrupt"]
    async with Bench(NAMES, "station", board_types.VIRTUAL) as bench:
        await bench.ready()
        async with bench.client() as client:
            await step(bench, client)
            assert bench.starts == 2
            assert (await client.status())["starts"] == 2

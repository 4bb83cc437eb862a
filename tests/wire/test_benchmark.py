"""benchmarks.wire: the sizes that were promised, and a noise bench that would notice a bad decoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import wire as figures
from benchmarks import wire_noise, wire_peers
from firmware_app.wire import packets

from .support import load

LIMITS = {1: 29, 5: 61, 20: 181}


@pytest.mark.parametrize("count", [1, 5, 20])
def test_bytes_of_a_detection_result(count: int) -> None:
    message = figures.message(count)
    assert message[1] >= 65536
    assert message[2] >= 2**24
    assert len(packets.encode(message)) <= LIMITS[count]


def test_the_benchmark_measures_what_the_vectors_show() -> None:
    expected = {row["name"]: row["packet"] for row in load()["messages"]}
    for count in (1, 5, 20):
        assert packets.encode(figures.message(count)).hex() == expected[f"detection {count}"]


@pytest.mark.parametrize("count", [0, 1, 5, 20])
def test_our_decoder_returns_every_box(count: int) -> None:
    assert len(figures._our_decoder(count)().boxes) == count


def test_peers_are_computed_from_the_same_boxes() -> None:
    sizes = wire_peers.sizes(wire_peers.boxes(5))
    assert sizes == {"sscma": 190, "huskylens": 142, "openmv": 144, "maix": 82, "esphome": 134}


def test_quiet_channel_delivers_everything() -> None:
    tally = wire_noise.Tally()
    pool = wire_noise.Pool(figures.message, 1)
    assert pool.deliver(pool.stream, tally) == wire_noise.POOL
    assert (tally.trials, tally.damaged) == (0, 0)


@pytest.mark.parametrize("damage", wire_noise.DAMAGES)
def test_every_way_of_damage_costs_almost_every_packet_and_delivers_none(damage: Any) -> None:
    tally = wire_noise.Tally()
    pool = wire_noise.Pool(figures.message, 1)
    intact = pool.deliver(damage(pool, np.random.default_rng(4)), tally)
    assert tally.damaged == 0
    assert tally.trials > 0.3 * wire_noise.POOL
    assert intact < 0.4 * wire_noise.POOL


def test_a_decoder_without_a_check_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets, "crc32", lambda data, start=0: packets.CRC_RESIDUE)
    tally = wire_noise.Tally()
    pool = wire_noise.Pool(figures.message, 1)
    pool.deliver(wire_noise.flip(pool.stream, 1e-3, np.random.default_rng(4)), tally)
    assert tally.damaged > 100


def test_share_of_a_noisy_channel_is_near_its_ceiling() -> None:
    tally = wire_noise.Tally()
    rows = wire_noise.shares(figures.message, (1e-4, 1e-3), 20_000, 7, tally)
    assert len(rows) == 12
    for row in rows:
        # The delimiter in front is not the packet's own: its loss costs the packet, too.
        assert 0.96 * row.ceiling - 0.01 < row.delivered < 1.04 * row.ceiling + 0.01
    assert tally.damaged == 0


async def test_encrypted_results_hold_their_bytes_and_decode_like_the_peers() -> None:
    assert figures._sizes()["bytes_encrypted"] == {"1": 40, "5": 72, "20": 192}
    ours = figures._our_encrypted_decoder(5, 3)
    assert [len(ours().boxes) for _ in range(2)] == [5, 5]  # the packets come in their order
    peer = wire_peers.esphome_noise_decoder(wire_peers.boxes(5), 3)
    if peer is not None:
        assert [len(peer()) for _ in range(2)] == [5, 5]


def measured() -> dict[str, Any]:
    """Return figures that are just what is asked."""
    speedups = {name: dict(figures.LEAST_SPEEDUP) for name in ("sscma", "esphome")}
    return {
        "bytes": dict(figures.MOST_BYTES),
        "bytes_encrypted": dict(figures.MOST_BYTES_ENCRYPTED),
        "results_per_second_115200": {"1": 300, "5": 100, "20": figures.LEAST_WIRE_RESULTS},
        "decode_speedup_sscma": speedups["sscma"],
        "decode_speedup_esphome": speedups["esphome"],
        "decode_speedup_esphome_noise": {"1": 1.0, "5": 1.0, "20": 1.0},
        "damaged_delivered": 0,
        "latency_ms": {n: {"p99": 9.0, "p99_asked": 9.0} for n in ("1", "8")},
        "download": {"share": 0.95, "target": 0.95, "kb_per_second": figures.LEAST_KB},
    }


def test_each_figure_that_falls_short_is_named() -> None:
    assert figures.missed(measured()) == []
    worse: list[tuple[tuple[str, ...], float]] = [
        (("bytes", "5"), 62), (("bytes_encrypted", "20"), 193),
        (("results_per_second_115200", "20"), 56.9), (("decode_speedup_sscma", "1"), 1.49),
        (("decode_speedup_esphome", "20"), 1.29), (("decode_speedup_esphome_noise", "5"), 0.99),
        (("damaged_delivered",), 1), (("latency_ms", "8", "p99"), 9.01),
        (("download", "share"), 0.949), (("download", "kb_per_second"), 94),
    ]  # fmt: skip
    for place, value in worse:
        found = measured()
        inside: Any = found
        for name in place[:-1]:
            inside = inside[name]
        inside[place[-1]] = value
        (sentence,) = figures.missed(found)
        assert f"found {value:g}" in sentence, place
    alone = measured() | {"decode_speedup_sscma": None}  # a peer that is not installed
    assert figures.missed(alone) == []

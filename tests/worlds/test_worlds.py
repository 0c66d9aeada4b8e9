"""Random worlds: what the evaluator says is what the kernel does. `python -m tests.worlds` is the long form."""

import time
from pathlib import Path

import pytest

from tests.worlds.bench import bench
from tests.worlds.report import told
from tests.worlds.tally import Tally
from tests.worlds.world import world_of

WORLDS, PACKETS = 30, 40
KEPT = [
    int(line.split()[0]) for line in Path(__file__).with_name("seeds.txt").read_text().splitlines() if line[0] != "#"
]


def tried(seeds: list[int], *, revokes: bool = False) -> Tally:
    """Worlds one after the other; fails with the first mismatch, made small."""
    with bench(revokes=revokes) as on:
        for seed in seeds:
            for mismatch in on.run(world_of(seed), PACKETS):
                pytest.fail(told(on, mismatch), pytrace=False)
        return on.tally


def test_the_kernel_does_what_the_evaluator_says() -> None:
    first = time.time_ns() // 1_000_000
    tally = tried(list(range(first, first + WORLDS)))
    assert tally.worlds == WORLDS
    assert tally.packets >= WORLDS * PACKETS


def test_it_does_so_to_connections_that_other_policy_allowed() -> None:
    first = time.time_ns() // 1_000_000
    tally = tried(list(range(first, first + WORLDS)), revokes=True)
    assert tally.cut > 0


def test_what_once_differed() -> None:
    assert tried(KEPT).worlds == len(KEPT)


def test_a_world_is_one_number() -> None:
    assert world_of(7) == world_of(7)
    assert world_of(7) != world_of(8)

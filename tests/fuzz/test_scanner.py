"""The scanner against a naive reading and dnslib. `python -m tests.fuzz.scanner` is the long form, with coverage."""

import time
from random import Random

import pytest

from tests.fuzz.found import found
from tests.fuzz.mutation import mutated
from tests.fuzz.opinions import Disagreement, check
from tests.fuzz.seeds import seeds

MESSAGES = 25_000
KEPT = 0.05
"""Of the changed messages that are well-formed, how many are changed further."""


def test_what_everybody_starts_from_is_read_alike() -> None:
    assert [check(message) for message in seeds()].count(False) == 2


@pytest.mark.parametrize("message", found(), ids=lambda message: message[-20:].hex())
def test_what_was_once_found(message: bytes) -> None:
    check(message)


def test_changed_messages_are_read_alike() -> None:
    seed = time.time_ns() // 1_000_000
    dice, pool, well_formed = Random(seed), seeds(), 0
    for _ in range(MESSAGES):
        message = mutated(dice.choice(pool), dice)
        try:
            good = check(message)
        except Exception as error:
            pytest.fail(f"seed {seed}, {message.hex()}: {type(error).__name__}: {error}")
        well_formed += good
        if good and dice.random() < KEPT:
            pool.append(message)
    assert MESSAGES / 20 < well_formed < MESSAGES / 2


def test_a_disagreement_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.reading.MAX_RECORDS", 0)
    with pytest.raises(Disagreement, match="too many records"):
        check(seeds()[-1])

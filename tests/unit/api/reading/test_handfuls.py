"""Handfuls of objects."""

import pytest

from dnsguard.api.reading.handfuls import in_handfuls
from dnsguard.store.interface import Key, Record


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([1], [1]),
        ([1, 1, 1], [3]),
        ([1, 1, 1, 1], [3, 1]),
        ([5, 5, 5], [2, 1]),
        ([99, 1, 1, 99, 99], [1, 2, 1, 1]),
    ],
)
def test_a_handful_is_bounded_by_count_and_text(
    monkeypatch: pytest.MonkeyPatch, sizes: list[int], expected: list[int]
) -> None:
    monkeypatch.setattr("dnsguard.api.reading.handfuls.MOST", 3)
    monkeypatch.setattr("dnsguard.api.reading.handfuls.MOST_TEXT", 10)
    records = [Record(Key("tiers", "", str(index)), "x" * size, index) for index, size in enumerate(sizes)]
    handfuls = list(in_handfuls(records))
    assert [len(handful) for handful in handfuls] == expected
    assert [record for handful in handfuls for record in handful] == records

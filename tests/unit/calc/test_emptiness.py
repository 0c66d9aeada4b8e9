"""What is empty matches what a plain reading says, in every place that takes a list, a selector, a set or an object."""

import pytest

from dnsguard.resources import parse_object, to_dict
from tests.support.emptiness import ROWS, Row, passing, read_plainly, surroundings


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_empty_lets_through_what_a_plain_reading_does(row: Row) -> None:
    written = parse_object(row.written(row.empty))
    assert passing([*surroundings(row), written]) == read_plainly(row)
    assert passing([*surroundings(row), parse_object(to_dict(written))]) == read_plainly(row)


def test_names_are_unique() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)

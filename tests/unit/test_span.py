import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.span import differing, exchanged

OBJECTS = [[number] for number in range(6)]
"""Lists: equal ones are not the same."""

sequences = st.permutations(range(6)).flatmap(lambda order: st.integers(0, 6).map(lambda size: tuple(order[:size])))


@given(sequences, sequences)
def test_around_the_span_both_are_the_same_and_it_is_as_small_as_can_be(
    one: tuple[int, ...], two: tuple[int, ...]
) -> None:
    old, new = [OBJECTS[number] for number in one], [OBJECTS[number] for number in two]
    start, before, after = differing(old, new)
    end = len(old) - start - len(before)
    assert old[:start] == new[:start]
    assert old[start : len(old) - end] == list(before)
    assert new[start : len(new) - end] == list(after)
    assert old[len(old) - end :] == new[len(new) - end :]
    if before and after:
        assert before[0] is not after[0]
        assert before[-1] is not after[-1]


def test_what_is_equal_and_another_object_differs() -> None:
    assert differing([[1]], [[1]]) == (0, [[1]], [[1]])


def test_one_and_the_same_sequence_does_not_differ() -> None:
    same = ([1], [2])
    assert differing(same, same) == (2, (), ())


def test_one_more_of_the_same_object_is_found() -> None:
    one = [1]
    assert differing([one], [one, one]) == (1, [], [one])


@given(sequences, sequences)
def test_exchanged_is_what_only_one_of_them_holds(one: tuple[int, ...], two: tuple[int, ...]) -> None:
    old, new = [OBJECTS[number] for number in one], [OBJECTS[number] for number in two]
    gone, came = exchanged(old, new)
    assert gone == [each for each in old if each not in new]
    assert came == [each for each in new if each not in old]


def test_an_equal_object_is_exchanged_too() -> None:
    assert exchanged([[1], [2]], [[1], [2]]) == ([[1], [2]], [[1], [2]])


@pytest.mark.parametrize(("old", "new"), [((), (0, 0)), ((0, 1), (1, 1, 0)), ((0, 1, 2), (2, 0, 0, 1))])
def test_an_object_that_comes_twice_is_refused(old: tuple[int, ...], new: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="twice"):
        exchanged([OBJECTS[number] for number in old], [OBJECTS[number] for number in new])

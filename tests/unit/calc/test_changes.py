import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.calc.changes import Change, Follower
from dnsguard.resources import Resource
from tests.unit.calc.builders import profile

OBJECTS = [profile(f"p{number % 5}", labelsToApply={"version": str(number // 10)}) for number in range(20)]
"""Of five names, each as two equal objects of two versions."""

lists = st.lists(st.integers(0, 19), unique_by=lambda number: number % 5).map(
    lambda chosen: [OBJECTS[number] for number in chosen]
)


def by_name(resources: list[Resource]) -> dict[str, Resource]:
    return {each.name: each for each in resources}


@given(st.lists(lists, max_size=8))
def test_changes_turn_each_list_into_the_next_and_say_nothing_else(steps: list[list[Resource]]) -> None:
    follower, held = Follower(), dict[str, Resource]()
    for step in steps:
        changes = follower.changes(step)
        wanted = by_name(step)
        names = [(each.after or each.before or OBJECTS[0]).name for each in changes]
        assert len(set(names)) == len(names)
        for name, change in zip(names, changes, strict=True):
            assert change.before == held.get(name)
            assert change.after is wanted.get(name)
            assert change.before != change.after
            if change.after is None:
                del held[name]
            else:
                held[name] = change.after
        assert held == wanted


def test_an_equal_object_takes_the_place_of_the_other() -> None:
    follower = Follower()
    one, equal, other = OBJECTS[0], OBJECTS[5], OBJECTS[10]
    assert follower.changes([one]) == [Change(None, one)]
    assert follower.changes([equal]) == []
    assert follower.changes([other]) == [Change(one, other)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [0, 0]),
        ([], [0, 5]),
        ([0], [0, 0]),
        ([0, 1], [0, 1, 0]),
        ([0, 1], [0, 1, 5]),
        ([0, 1], [1, 1]),
        ([0, 1], [1, 0, 10]),
    ],
)
def test_an_object_that_is_there_twice_is_refused(before: list[int], after: list[int]) -> None:
    follower = Follower()
    follower.changes([OBJECTS[number] for number in before])
    with pytest.raises(ValueError, match="is there twice"):
        follower.changes([OBJECTS[number] for number in after])

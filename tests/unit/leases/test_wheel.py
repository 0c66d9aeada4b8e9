"""What is put in comes out once its time has passed, and never before."""

import hypothesis.strategies as st
from hypothesis import given

from dnsguard.leases.wheel import Wheel

times = st.floats(min_value=0, max_value=100_000)


@given(st.lists(times), times)
def test_what_is_due_comes_out_once_and_nothing_else_does(put: list[float], now: float) -> None:
    wheel: Wheel[int] = Wheel()
    for item, at in enumerate(put):
        wheel.put(item, at)
    due = list(wheel.due(now))
    assert len(due) == len(set(due))
    assert all(put[item] <= now for item in due)
    assert set(due) | set(wheel.due(max(put, default=0.0) + 10)) == set(range(len(put)))


def test_stopping_in_the_middle_loses_nothing() -> None:
    wheel: Wheel[str] = Wheel()
    for item in ("a", "b", "c"):
        wheel.put(item, 1.0)
    first = next(wheel.due(10.0))
    assert {first, *wheel.due(10.0)} == {"a", "b", "c"}


def test_what_is_put_in_again_while_it_is_handed_out_waits_for_its_new_time() -> None:
    wheel: Wheel[str] = Wheel()
    wheel.put("a", 1.0)
    for item in wheel.due(10.0):
        wheel.put(item, 50.0)
    assert list(wheel.due(49.0)) == []
    assert list(wheel.due(60.0)) == ["a"]

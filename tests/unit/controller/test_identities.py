"""Identities stay sorted, whether changes are put in one by one or all are sorted anew."""

from hypothesis import given
from hypothesis import strategies as st

from dnsguard.controller.identities import FEW, Identities
from dnsguard.link.messages import Identity


def identity(number: int, address: str = "192.0.2.7") -> Identity:
    return Identity(f"shop/pod-{number}", (address,), (), ())


numbers = st.frozensets(st.integers(0, 2 * FEW), max_size=2 * FEW)
changes = st.tuples(numbers, numbers, st.sampled_from(["192.0.2.7", "192.0.2.8"]))


@given(st.lists(changes, max_size=5))
def test_they_are_what_was_put_in_and_not_taken_out(steps: list[tuple[frozenset[int], frozenset[int], str]]) -> None:
    identities, expected = Identities(), dict[str, Identity]()
    for gone, new, address in steps:
        names, found = [f"shop/pod-{number}" for number in gone], [identity(number, address) for number in new]
        identities.change(names, found)
        for name in names:
            expected.pop(name, None)
        expected.update((each.endpoint, each) for each in found)
        assert identities.all == tuple(expected[name] for name in sorted(expected))


def test_without_a_change_they_are_the_same_object() -> None:
    identities = Identities()
    identities.change([], [identity(1)])
    before = identities.all
    identities.change([], [])
    assert identities.all is before

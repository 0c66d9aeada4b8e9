"""Whatever changes, step by step: what is kept up to date equals what is calculated from scratch."""

from collections.abc import Collection, Iterator
from copy import deepcopy
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsguard.calc.compile import Compiler, compile_policy
from dnsguard.calc.compiled import Compiled, PolicyClass
from dnsguard.calc.staging import View
from dnsguard.resources import Resource
from tests.unit.calc.variants import SLOTS, VARIANTS, variant

Step = dict[tuple[str, str], int | None]
"""For each object that changes its next variant, or None when it goes."""

STEPS = st.tuples(
    st.dictionaries(st.sampled_from(SLOTS), st.integers(0, VARIANTS - 1), min_size=len(SLOTS) // 2),
    st.lists(
        st.dictionaries(st.sampled_from(SLOTS), st.none() | st.integers(0, VARIANTS - 1), min_size=1, max_size=3),
        max_size=8,
    ),
).map(lambda parts: [parts[0], *parts[1]])


def worlds(steps: list[Step]) -> list[list[Resource]]:
    """All objects after each step."""
    held: dict[tuple[str, str], Resource] = {}
    found = []
    for step in steps:
        for slot, number in step.items():
            if number is not None:
                held[slot] = variant(slot, number)
            else:
                held.pop(slot, None)
        found.append(list(held.values()))
    return found


@pytest.mark.parametrize("view", View)
@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_every_step_equals_a_calculation_from_scratch(view: View, steps: list[Step]) -> None:
    compiler = Compiler(view)
    given_out: list[tuple[Compiled, Compiled]] = []
    for resources in worlds(steps):
        compiled = compiler.compile(resources)
        anew = compile_policy(resources, view)
        for each in fields(Compiled):
            assert getattr(compiled, each.name) == getattr(anew, each.name), each.name
        assert_classes_are_shared(compiled)
        if given_out:
            assert_kept(given_out[-1][0], compiled)
        given_out.append((compiled, deepcopy(compiled)))
    assert compiler.compile([]) == Compiled()
    assert list(left_behind(compiler)) == []
    assert compiler.from_scratch == 1
    for compiled, copy in given_out:
        assert compiled == copy


BUILT_IN = {"_tiers": 3, "_made": 1}
"""What is there without any object."""


def left_behind(part: object) -> Iterator[str]:
    """Collections of the calculation's parts that still hold something, as names with what they hold."""
    seen: set[int] = set()
    parts = [part]
    while parts:
        part = parts.pop()
        for name, held in vars(part).items() if id(part) not in seen else ():
            if isinstance(held, tuple) and name == "_state":
                parts += held
            elif isinstance(held, Collection) and not isinstance(held, str):
                if len(held) != BUILT_IN.get(name, 0):
                    yield f"{type(part).__name__}.{name}: {held}"
            elif type(held).__module__.startswith("dnsguard.calc") and not isinstance(held, Compiled | View):
                parts.append(held)
        seen.add(id(part))


def assert_classes_are_shared(compiled: Compiled) -> None:
    shared: dict[PolicyClass, PolicyClass] = {}
    for endpoint in compiled.endpoints.values():
        for policy_class in endpoint.classes.values():
            assert shared.setdefault(policy_class, policy_class) is policy_class


def assert_kept(before: Compiled, after: Compiled) -> None:
    """What is equal is the same object."""
    assert (before == after) == (before is after)
    for each in fields(Compiled):
        was, now = getattr(before, each.name), getattr(after, each.name)
        assert (was == now) == (was is now), each.name
        if each.name != "warnings":
            for key in was.keys() & now.keys():
                assert (was[key] == now[key]) == (was[key] is now[key]), key
    for identity in before.endpoints.keys() & after.endpoints.keys():
        old, new = before.endpoints[identity].classes, after.endpoints[identity].classes
        for place in old.keys() & new.keys():
            assert (old[place] == new[place]) == (old[place] is new[place]), (identity, place)


def test_the_worlds_are_dense_enough_to_mean_something() -> None:
    """Most of them have policies in use, sets with members, leases, ports, host stages and warnings."""
    found = [compile_policy([variant(slot, number) for slot in SLOTS], View.PENDING) for number in range(VARIANTS)]
    enough = VARIANTS / 8
    assert sum(len(each.policies) > 3 for each in found) > enough
    assert sum(any(some.networks for some in each.member_sets.values()) for each in found) > enough
    assert sum(any(some.members for some in each.port_sets.values()) for each in found) > enough
    assert sum(any(some.patterns for some in each.lease_sets.values()) for each in found) > enough
    assert sum(any(len(some.classes) > 2 for some in each.endpoints.values()) for each in found) > enough
    warnings = "\n".join(line for each in found for line in each.warnings)
    for kind in (
        "there is no tier",
        "does not exist",
        "gets its packets",
        "only their nets are excluded",
        "without effect on workload",
        "doNotTrack needs",
    ):
        assert kind in warnings, kind

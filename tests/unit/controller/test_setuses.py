"""Which policies refer to which lease sets, told as it changes."""

from dnsguard.calc.compiled import (
    Action,
    Compiled,
    CompiledPolicy,
    CompiledProfile,
    CompiledRule,
    EntityMatch,
    PolicyId,
)
from dnsguard.controller.setuses import MOST, SetUsers
from dnsguard.link.messages import SetUse


def policy(name: str, *lease_sets: str) -> CompiledPolicy:
    rules = [
        CompiledRule(index, Action.ALLOW, destination=EntityMatch(leases=each)) for index, each in enumerate(lease_sets)
    ]
    return CompiledPolicy(PolicyId("NetworkPolicy", "shop", name), "default", egress=tuple(rules))


def compiled(*policies: CompiledPolicy, profiles: tuple[CompiledProfile, ...] = ()) -> Compiled:
    return Compiled(policies={each.id: each for each in policies}, profiles={each.name: each for each in profiles})


def test_each_set_with_those_that_refer_to_it_and_then_only_what_changed() -> None:
    users = SetUsers()
    x, y = policy("x", "a", "b"), policy("y", "b")
    assert list(users.follow(compiled(x, y))) == [
        SetUse("a", ("NetworkPolicy/shop/x",)),
        SetUse("b", ("NetworkPolicy/shop/x", "NetworkPolicy/shop/y")),
    ]
    assert list(users.follow(compiled(x, y))) == []
    assert list(users.follow(compiled(x, y, policy("z")))) == []
    assert list(users.follow(compiled(y))) == [SetUse("a", ()), SetUse("b", ("NetworkPolicy/shop/y",))]
    assert list(users.follow(compiled(policy("y", "c")))) == [
        SetUse("b", ()), SetUse("c", ("NetworkPolicy/shop/y",)),
    ]  # fmt: skip


def test_profiles_count_too() -> None:
    rule = CompiledRule(0, Action.ALLOW, destination=EntityMatch(leases="a"))
    users = SetUsers()
    found = users.follow(compiled(profiles=(CompiledProfile("kns.shop", egress=(rule,)),)))
    assert list(found) == [SetUse("a", ("Profile/kns.shop",))]


def test_of_very_many_the_first_are_named() -> None:
    users = SetUsers()
    (use,) = users.follow(compiled(*(policy(f"p{number:03}", "a") for number in range(100))))
    assert use.policies == tuple(f"NetworkPolicy/shop/p{number:03}" for number in range(MOST))

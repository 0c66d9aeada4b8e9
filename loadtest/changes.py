"""The changes that are measured, one or two rows of the table each."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from loadtest import cluster
from loadtest.cluster import Manifest, Size
from loadtest.installation import Step
from loadtest.rules import rules

Make = Callable[[Size, int], Step]
"""(size, number of the repeat) → the change."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Changes that belong together: after the last of them the same objects exist as before the first."""

    steps: tuple[tuple[str, Make], ...]
    """Each under the name of its row; equal names share a row, and an empty one is made and not measured."""

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of its rows."""
        return tuple(dict.fromkeys(name for name, _ in self.steps if name))


def _created(size: Size, turn: int) -> Step:
    return Step([cluster.endpoint(size.endpoints + turn, size)])


def _deleted(size: Size, turn: int) -> Step:
    return Step([], [cluster.endpoint(size.endpoints + turn, size)])


def _endpoint(turn: int, size: Size) -> int:
    """One that exists, another one in each repeat."""
    return turn * 7 % size.endpoints


def _unchanged(size: Size, turn: int) -> Step:
    return Step([cluster.endpoint(_endpoint(turn, size), size)])


def _relabelled(size: Size, turn: int) -> Step:
    number = _endpoint(turn, size)
    application = (number // size.namespaces + 1) % cluster.APPLICATIONS
    return Step([cluster.endpoint(number, size, application=application)])


def _moved(size: Size, turn: int) -> Step:
    return Step([cluster.endpoint(_endpoint(turn, size), size, address=2 * size.endpoints + turn)])


def _policy(turn: int, size: Size) -> int:
    """One of a namespace that exists, another one in each repeat."""
    number = turn * 3 % size.policies
    return number if number % cluster.EVERY_GLOBAL else (number + 1) % size.policies


def _with_rules(number: int, size: Size, seed: int, selector: str = "") -> Manifest:
    drawn = cluster.drawn(number, size)
    return cluster.policy(number, size, rules(Random(seed), drawn), selector)


def _rules_a(size: Size, turn: int) -> Step:
    return Step([_with_rules(_policy(turn, size), size, turn)])


def _rules_b(size: Size, turn: int) -> Step:
    return Step([_with_rules(_policy(turn, size), size, turn + 1_000_000)])


def _selector(size: Size, turn: int) -> Step:
    number = _policy(turn, size)
    return Step([_with_rules(number, size, turn, f"app == '{cluster.application_name((number + 1) % 4)}'")])


def _global(turn: int, size: Size) -> int:
    return turn * cluster.EVERY_GLOBAL % size.policies


def _global_a(size: Size, turn: int) -> Step:
    return Step([_with_rules(_global(turn, size), size, turn)])


def _global_b(size: Size, turn: int) -> Step:
    return Step([_with_rules(_global(turn, size), size, turn + 1_000_000)])


def _policy_created(size: Size, turn: int) -> Step:
    return Step([_with_rules(size.policies + 1 + turn * cluster.EVERY_GLOBAL, size, turn)])


def _policy_deleted(size: Size, turn: int) -> Step:
    return Step([], _policy_created(size, turn).put)


def _tier_later(size: Size, turn: int) -> Step:
    number = turn % size.tiers
    return Step([cluster.tier(number, 100.0 * (number + 1) + 101)])


def _tier_back(size: Size, turn: int) -> Step:
    number = turn % size.tiers
    return Step([cluster.tier(number, 100.0 * (number + 1))])


_FEED = 100_000
"""Where the CIDRs of the largest set begin in these changes: apart from those of all other sets."""


def _feed_a(size: Size, _: int) -> Step:
    return Step([cluster.net_set("feed", 0, cluster.nets(_FEED, size.nets))])


def _feed_b(size: Size, _: int) -> Step:
    return Step([cluster.net_set("feed", 0, cluster.nets(_FEED, size.nets, offset=1))])


def _feed_one(size: Size, turn: int) -> Step:
    members = cluster.nets(_FEED, size.nets)
    members[turn % size.nets] = cluster.nets(_FEED + turn % size.nets, 1, offset=1)[0]
    return Step([cluster.net_set("feed", 0, members)])


def _domain_added(_: Size, turn: int) -> Step:
    return Step([cluster.domain_set(turn % cluster.DOMAIN_SETS, (f"added-{turn}.example.org",))])


def _domain_removed(_: Size, turn: int) -> Step:
    return Step([cluster.domain_set(turn % cluster.DOMAIN_SETS)])


def _namespace_a(size: Size, turn: int) -> Step:
    number = turn % size.namespaces
    return Step([cluster.namespace(number, cluster.ENVIRONMENTS[(number + 1) % 3])])


def _namespace_b(size: Size, turn: int) -> Step:
    number = turn % size.namespaces
    return Step([cluster.namespace(number, cluster.ENVIRONMENTS[number % 3])])


SCENARIOS = (
    Scenario((("object written again, unchanged", _unchanged),)),
    Scenario((("endpoint created", _created), ("endpoint deleted", _deleted))),
    Scenario((("label of an endpoint changed", _relabelled), ("label of an endpoint changed", _unchanged))),
    Scenario((("address of an endpoint changed", _moved), ("address of an endpoint changed", _unchanged))),
    Scenario((("policy: rules edited", _rules_a), ("policy: rules edited", _rules_b))),
    Scenario((("", _rules_a), ("policy: selector edited", _selector), ("policy: selector edited", _rules_a))),
    Scenario((("global policy: rules edited", _global_a), ("global policy: rules edited", _global_b))),
    Scenario((("policy created", _policy_created), ("policy deleted", _policy_deleted))),
    Scenario((("tier: order changed", _tier_later), ("tier: order changed", _tier_back))),
    Scenario((("large network set: all CIDRs replaced", _feed_a), ("large network set: all CIDRs replaced", _feed_b))),
    Scenario((("large network set: one CIDR replaced", _feed_one), ("large network set: one CIDR replaced", _feed_a))),
    Scenario((("domain set: one domain changed", _domain_added), ("domain set: one domain changed", _domain_removed))),
    Scenario((("namespace relabelled", _namespace_a), ("namespace relabelled", _namespace_b))),
)


def arrivals(size: Size, count: int) -> list[Step]:
    """So many endpoints, one after the other."""
    return [_created(size, turn) for turn in range(count)]


def departures(size: Size, count: int) -> list[Step]:
    """The same endpoints go."""
    return [_deleted(size, turn) for turn in range(count)]


def left_half_way(size: Size) -> list[Step]:
    """The first change of every scenario and not its last: a state that no list of objects led to."""
    return [scenario.steps[0][1](size, 0) for scenario in SCENARIOS]

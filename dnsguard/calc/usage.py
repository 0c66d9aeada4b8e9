"""What is in use: only policies and profiles that judge an endpoint somewhere are compiled."""

from collections.abc import Iterable, Mapping

from dnsguard.calc.advice import Advice
from dnsguard.calc.endpoints import EndpointBook, EndpointChange
from dnsguard.calc.groups import Groups
from dnsguard.calc.policies import InForce, PolicyChanges
from dnsguard.calc.profiles import UNKNOWN, ProfileBook, ProfileChange
from dnsguard.calc.rulebook import RuleBook
from dnsguard.calc.sets import Owner


class PolicyUsage:
    """Keeps in the rule book the policies that judge a group."""

    def __init__(self, groups: Groups, rules: RuleBook) -> None:
        self._groups = groups
        self._rules = rules
        self._used: dict[Owner, InForce] = {}

    def apply(self, changes: PolicyChanges, regrouped: Iterable[InForce], outdated: set[Owner]) -> None:
        """Takes on changed policies, those that select other endpoints, and owners who must ask for sets anew."""
        rewritten = {policy.id for policy in changes.rewritten}
        again = {self._used[owner] for owner in (outdated | rewritten) & self._used.keys()}
        touched = {*regrouped, *changes.moved, *changes.gone} | again
        for policy in sorted(touched, key=lambda policy: policy.rank):
            if not self._groups.judges(policy):
                if self._used.pop(policy.id, None) is not None:
                    self._rules.drop_policy(policy.id)
            elif policy in again or policy.id not in self._used:
                self._used[policy.id] = policy
                self._rules.put_policy(policy.id, policy.spec)


class ProfileUsage:
    """Keeps in the rule book the profiles that an endpoint lists, and tells of those that do not exist."""

    def __init__(self, endpoints: EndpointBook, profiles: ProfileBook, rules: RuleBook, advice: Advice) -> None:
        self._endpoints = endpoints
        self._profiles = profiles
        self._rules = rules
        self._advice = advice
        self._used: set[str] = set()

    def apply(
        self, changes: Mapping[str, ProfileChange], endpoints: Iterable[EndpointChange], outdated: set[Owner]
    ) -> None:
        """Takes on changed profiles and endpoints, and owners who must ask for sets anew."""
        again = changes.keys() | (self._used & outdated)
        listed = {name for _, *both in endpoints for each in both if each is not None for name in each.profiles}
        for name in sorted(again | listed):
            profile = self._profiles.get(name)
            if not self._endpoints.listing(name):
                if name in self._used:
                    self._used.remove(name)
                    self._rules.drop_profile(name)
            elif name in again or name not in self._used:
                self._used.add(name)
                self._rules.put_profile(name, profile or UNKNOWN)
            self._advise(name, exists=profile is not None)

    def _advise(self, name: str, *, exists: bool) -> None:
        without = () if exists else self._endpoints.listing(name)
        self._advice.say(
            (ProfileUsage, name),
            [f"{each.kind} {each}: profile {name!r} does not exist, so it denies what comes to it" for each in without],
        )

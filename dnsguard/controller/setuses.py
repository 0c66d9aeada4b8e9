"""Which policies and profiles refer to which lease sets, for people who read the DNS log."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from dnsguard.calc.compiled import Compiled, RuleOwner
from dnsguard.controller.enforcement import Enforcer
from dnsguard.dataplane.rules import Plan
from dnsguard.link.messages import SetUse

MOST: Final = 8
"""Policies named for one set."""

LOOK_SECONDS: Final = 1.0
"""Between two looks: the log may name a new policy so much later."""


class SetUsers:
    """Keeps what was found, and looks only at policies that changed: those are other objects."""

    def __init__(self) -> None:
        self._seen: dict[str, RuleOwner] = {}
        self._users: dict[str, set[str]] = {}

    def follow(self, compiled: Compiled) -> Iterator[SetUse]:
        """Turn to this policy; the sets whose users have changed."""
        now: Mapping[str, RuleOwner] = {
            **{str(key): policy for key, policy in compiled.policies.items()},
            **{f"Profile/{name}": profile for name, profile in compiled.profiles.items()},
        }
        changed: set[str] = set()
        for name, before in self._seen.items():
            if now.get(name) is not before:
                for lease_set in _lease_sets(before):
                    self._users[lease_set].discard(name)
                    changed.add(lease_set)
        for name, policy in now.items():
            if self._seen.get(name) is not policy:
                for lease_set in _lease_sets(policy):
                    self._users.setdefault(lease_set, set()).add(name)
                    changed.add(lease_set)
        self._seen = dict(now)
        for lease_set in sorted(changed):
            users = self._users[lease_set]
            yield SetUse(lease_set, tuple(sorted(users)[:MOST]))
            if not users:
                del self._users[lease_set]


class ToldUses(Protocol):
    """See LinkServer, which is one."""

    def tell_uses(self, uses: Iterator[SetUse]) -> None: ...


async def tell_uses(enforcer: Enforcer[Plan], link: ToldUses) -> None:
    """Keep forwarders told, until cancelled."""
    users = SetUsers()
    told: Compiled | None = None
    while True:
        enforced = enforcer.enforced
        if enforced is not None and enforced.compiled is not told:
            told = enforced.compiled
            link.tell_uses(users.follow(told))
        await asyncio.sleep(LOOK_SECONDS)


def _lease_sets(policy: RuleOwner) -> set[str]:
    return {leases for rule in policy.egress if (leases := rule.destination.leases) is not None}

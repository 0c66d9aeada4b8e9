"""The sets that rules refer to, as they are shown. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final, assert_never

from dnsguard.api.views.effective import EffectiveSet, LearnedNow, SetKind
from dnsguard.calc.compiled import LeaseSet, MemberSet, PortSet
from dnsguard.controller.explain.learned import Learned
from dnsguard.controller.explain.policystate import PolicyState
from dnsguard.dataplane.naming import lease_set_names, member_set_name, port_set_name
from dnsguard.resources.ports import PROTOCOL_NUMBERS
from dnsguard.selector import SelectorSyntaxError, parse

MOST: Final = 100
"""Members and network sets shown of one set, and addresses learned."""

_PROTOCOLS: Final = {number: name for name, number in PROTOCOL_NUMBERS.items()}


def shown_sets(
    wanted: Iterable[tuple[str, SetKind]], states: Sequence[PolicyState], learned: Learned
) -> Iterator[EffectiveSet]:
    """In the order of their identifiers. ``states``: policy in force and, where something is staged, as it would be:
    what is in both is shown as it is in force."""
    for name, kind in sorted(wanted):
        found = (_shown(name, kind, state, learned) for state in states)
        yield from islice(filter(None, found), 1)


def _shown(name: str, kind: SetKind, state: PolicyState, learned: Learned) -> EffectiveSet | None:
    """None where that policy has no such set."""
    compiled = state.compiled
    match kind:
        case "Addresses":
            members = compiled.member_sets.get(name)
            return None if members is None else _members(members, state)
        case "Names":
            leases = compiled.lease_sets.get(name)
            return None if leases is None else _names(leases, state, learned)
        case "Ports":
            ports = compiled.port_sets.get(name)
            return None if ports is None else _ports(ports)
        case _:
            assert_never(kind)


def _members(members: MemberSet, state: PolicyState) -> EffectiveSet:
    return EffectiveSet(
        id=members.id,
        kind="Addresses",
        description=members.description,
        count=len(members.networks),
        members=tuple(map(str, members.networks[:MOST])),
        origins=tuple(islice(_origins(members.description, state), MOST)),
        kernel_sets=tuple(member_set_name(members.id, family) for family in (4, 6)),
    )


def _origins(selector: str, state: PolicyState) -> Iterator[str]:
    yield from state.origins.selected(selector)
    with suppress(SelectorSyntaxError):  # what stands for no selector describes itself in words
        chosen = parse(selector)
        for identity, endpoint in sorted(state.compiled.endpoints.items()):
            if chosen.matches(endpoint.labels):
                yield f"{identity.kind}/{identity}"


def _ports(ports: PortSet) -> EffectiveSet:
    members = sorted(ports.members, key=lambda each: (each[0].version, each[0].packed, each[1:]))
    return EffectiveSet(
        id=ports.id,
        kind="Ports",
        description=ports.description,
        count=len(members),
        members=tuple(
            f"{address} {_PROTOCOLS.get(protocol, protocol)} {port}" for address, protocol, port in members[:MOST]
        ),
        kernel_sets=tuple(port_set_name(ports.id, family) for family in (4, 6)),
    )


def _names(leases: LeaseSet, state: PolicyState, learned: Learned) -> EffectiveSet:
    patterns = sorted({pattern.canonical for pattern in leases.patterns})
    of_selector = leases.id.startswith("s:")
    return EffectiveSet(
        id=leases.id,
        kind="Names",
        description=leases.description,
        count=len(patterns),
        members=tuple(patterns[:MOST]),
        origins=tuple(islice(state.origins.selected(leases.description), MOST)) if of_selector else (),
        kernel_sets=lease_set_names(leases.id),
        learned=tuple(islice(_learned(leases.id, learned), MOST)),
    )


def _learned(lease_set: str, learned: Learned) -> Iterator[LearnedNow]:
    found: dict[tuple[str, str], float] = {}
    for lease in learned.leases:
        if lease_set in lease.lease_sets:
            at = lease.names[0] if lease.names else "", lease.address
            found[at] = max(found.get(at, 0.0), lease.seconds_left)
    for (name, address), seconds in sorted(found.items()):
        yield LearnedNow(name=name, address=address, seconds_left=seconds)

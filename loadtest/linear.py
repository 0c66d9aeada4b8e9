"""A plan in the layout that ours is not: a rule for each endpoint, asked one after the other, in place of a map."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

from dnsguard.calc.compiled import Direction
from dnsguard.dataplane.hooks import FORWARD_EGRESS
from dnsguard.dataplane.rules import AddressMap, AddressWithin, Chain, Jump, Plan, Rule, Side
from dnsguard.dataplane.setnames import workload_map
from dnsguard.dataplane.sets import VerdictMap

_MAP = workload_map(Direction.EGRESS, 4)


def linear(plan: Plan) -> Plan:
    """The same classes and policies for the same addresses, which are found by ``ip saddr … jump …``, rule by rule."""
    found = next(item for item in plan.sets if isinstance(item, VerdictMap) and item.name == _MAP)
    return replace(plan, chains=tuple(_without_map(chain, found) for chain in plan.chains))


def _without_map(chain: Chain, found: VerdictMap) -> Chain:
    if chain.name != FORWARD_EGRESS[0]:
        return chain
    rules = (each for rule in chain.rules for each in (_jumps(found) if _asks_map(rule) else [rule]))
    return replace(chain, rules=tuple(rules))


def _asks_map(rule: Rule) -> bool:
    return any(isinstance(part, AddressMap) and part.map_name == _MAP for part in rule.parts)


def _jumps(found: VerdictMap) -> Iterator[Rule]:
    for key, entry in found.entries.items():
        if entry.chain is not None:
            yield Rule((AddressWithin(Side.SOURCE, ip_network(key)), Jump(entry.chain)))

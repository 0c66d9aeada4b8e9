"""No packet bears the address of a workload that it does not come from. Pure.

::

    bears a workload's address ──► comes by the interface of that workload: on
                               └─► by any other, the uplink's included: dropped
    bears another one ───────────► comes by a workload's interface: dropped
                               └─► by any other: on

The interface is a bridge's where the workload is behind a port of one; by which port it came was checked before, and
what nobody checked is dropped.

Else it would borrow a policy, and a query with a borrowed address would open what it looks up to the lender. So this
stands before known connections pass: into those, too, packets can be slipped by whoever guesses two ports.
"""

from collections.abc import Container, Iterable, Iterator

from dnsguard.dataplane import naming
from dnsguard.dataplane.additions import Additions
from dnsguard.dataplane.rules import (
    AddressIn,
    ArrivesWith,
    Goto,
    InterfaceIn,
    Jump,
    Marked,
    Rule,
    Side,
    Verdict,
    Way,
    content_chain,
)
from dnsguard.dataplane.setnames import BRIDGE_SET, INTERFACE_SET, local_set, source_set, unlocated_set

_FAMILIES = 4, 6


def checked_sources(
    additions: Additions, sets: Container[str], *, known: Rule, but: Iterable[Rule] = ()
) -> Iterator[Rule]:
    """The check, where any workload's interface is known. ``but`` accepts what a workload says with an address that no
    endpoint lists. ``known`` is the rule for known connections of what comes by the right interface: so nearly all
    packets of workloads end here, and are not asked once more whether their endpoint is there.
    """
    if not any(name in sets for name in (INTERFACE_SET, BRIDGE_SET)):
        return
    rules: list[Rule] = []
    if BRIDGE_SET in sets:
        unchecked = InterfaceIn(Way.IN, BRIDGE_SET), Marked(additions.settings.checked_mark, negated=True)
        rules += additions.deny(unchecked, naming.COUNTER_UNCHECKED, "by no port that was looked at")
    for family in _FAMILIES:
        if local_set(family) in sets:
            bears = AddressIn(Side.SOURCE, family, local_set(family))
            rules.append(Rule((bears, Goto(_of_a_workload(additions, sets, family, known))), "a workload's address"))
    rules += but
    if INTERFACE_SET in sets:
        behind = InterfaceIn(Way.IN, INTERFACE_SET)
        rules += additions.deny([behind], naming.COUNTER_SPOOFED, "not this workload's address")
    yield Rule((Jump(additions.add(content_chain("sources", rules, "may it come from there?"))),))


def _of_a_workload(additions: Additions, sets: Container[str], family: int, known: Rule) -> str:
    rules = []
    if unlocated_set(family) in sets:
        anywhere = AddressIn(Side.SOURCE, family, unlocated_set(family))
        another = [InterfaceIn(Way.IN, INTERFACE_SET, negated=True)] if INTERFACE_SET in sets else []
        rules.append(Rule((*another, anywhere, Verdict.RETURN), "its endpoint names no interface"))
    rules += additions.deny([], naming.COUNTER_SPOOFED, "not where this address is")
    elsewhere = additions.add(content_chain(f"elsewhere-{family}", rules, "not by the interface of its address"))
    located = [ArrivesWith(family, source_set(family), negated=True)] if source_set(family) in sets else []
    asked = Rule((*located, Jump(elsewhere))), known
    return additions.add(content_chain(f"sources-{family}", asked, "does it come by the interface of its address?"))

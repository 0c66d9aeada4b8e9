"""No packet bears the address of a workload that it does not come from. Pure.

::

    bears a workload's address ──► comes by the interface of that workload: on
                               └─► by any other, the uplink's included: dropped
    bears another one ───────────► comes by a workload's interface: dropped
                               └─► by any other: on

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
    Rule,
    Side,
    Verdict,
    Way,
    content_chain,
)
from dnsguard.dataplane.setnames import INTERFACE_SET, local_set, source_set, unlocated_set

_FAMILIES = 4, 6


def checked_sources(additions: Additions, sets: Container[str], *, but: Iterable[Rule] = ()) -> Iterator[Rule]:
    """The check, where any workload's interface is known. ``but`` accepts what a workload says with an address that no
    endpoint lists."""
    if INTERFACE_SET not in sets:
        return
    rules = []
    for family in _FAMILIES:
        if local_set(family) in sets:
            bears = AddressIn(Side.SOURCE, family, local_set(family))
            rules.append(Rule((bears, Goto(_of_a_workload(additions, sets, family))), "a workload's address"))
    rules += but
    known = InterfaceIn(Way.IN, INTERFACE_SET)
    rules += additions.deny([known], naming.COUNTER_SPOOFED, "not this workload's address")
    yield Rule((Jump(additions.add(content_chain("sources", rules, "may it come from there?"))),))


def _of_a_workload(additions: Additions, sets: Container[str], family: int) -> str:
    rules = []
    if source_set(family) in sets:
        rules.append(Rule((ArrivesWith(family, source_set(family)), Verdict.RETURN), "its own interface"))
    if unlocated_set(family) in sets:
        anywhere = AddressIn(Side.SOURCE, family, unlocated_set(family))
        another = InterfaceIn(Way.IN, INTERFACE_SET, negated=True)
        rules.append(Rule((another, anywhere, Verdict.RETURN), "its endpoint names no interface"))
    rules += additions.deny([], naming.COUNTER_SPOOFED, "not where this address is")
    return additions.add(content_chain(f"sources-{family}", rules, "does it come by the interface of its address?"))

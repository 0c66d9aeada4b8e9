"""The dead-man switch: rules by which everything passes once nobody has shown for some time to be alive. Pure.

For those who must rather be open than without network. Where it is not asked for there is not one rule of it. The first
rule of every base chain accepts the packet families that the set `alive` does not hold, so with the elements' time
nothing of ours is left in a packet's way: neither policy, nor what brings DNS for other servers to the forwarder.

Whoever makes the set fills it once. From then on the forwarder renews its elements, and nobody else: without it names
lead nowhere and what was leased ends, while without the controller the last good policy is in force.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dnsguard.dataplane import naming
from dnsguard.dataplane.additions import Additions
from dnsguard.dataplane.hooks import FORWARD_BRIDGED
from dnsguard.dataplane.rules import Chain, Count, FamilyIn, Rule, Verdict
from dnsguard.dataplane.sets import AliveSet
from dnsguard.dataplane.settings import Settings


def alive_sets(settings: Settings) -> Iterator[AliveSet]:
    """The set, where there is to be one."""
    if settings.fail_open_after:
        yield AliveSet(naming.ALIVE_SET, settings.fail_open_after)


def failing_open(additions: Additions, bases: Iterable[Chain]) -> Iterator[Chain]:
    """The base chains as they are to be. Adds the counter they need to ``additions``."""
    if not additions.settings.fail_open_after:
        yield from bases
        return
    additions.counters.setdefault(naming.COUNTER_FAILED_OPEN)
    dead = FamilyIn(naming.ALIVE_SET, negated=True), Count(naming.COUNTER_FAILED_OPEN), Verdict.ACCEPT
    first = Rule(dead, "nobody is alive: everything passes")
    for chain in bases:
        if chain.name == FORWARD_BRIDGED[0]:  # decides nothing; without its mark bridged packets end elsewhere
            yield chain
            continue
        yield replace(chain, rules=(first, *chain.rules))

"""Desired against actual, as messages. Pure.

::

    prepare   what new rules refer to, and the chains themselves, in small transactions: nothing refers to them yet
    switch    base chains, doors, maps and the content of sets in use, in one transaction: no packet sees a mixture
    sweep     what the plan does not use

Small transactions keep the kernel's lock short, for the forwarder waits on it. Sets of leases are created and deleted
here, their content is never touched.

What is the same object as in the last plan is not looked at, so a change costs what it changes.
"""

from collections.abc import Iterable, Iterator, Mapping

from dnsguard.dataplane import encode, naming
from dnsguard.dataplane.actual import Actual, planned_content
from dnsguard.dataplane.revision import Revision, at
from dnsguard.dataplane.rules import Chain, Plan
from dnsguard.dataplane.sets import AliveSet, Entry, HashSet, IntervalSet, LeaseSet, Set, ShareSet, VerdictMap
from dnsguard.errors import DnsguardError
from dnsguard.netlink import nftables
from dnsguard.netlink.nftables import Element, Message
from dnsguard.span import differing

MOST_MESSAGES = 250
MOST_BYTES = 64 * 1024
"""Of one small transaction where chains are few."""

CHAINS_LIKE_ONE = 1_000
"""Whatever is in a transaction, the kernel looks for loops in the whole table: 2 ms for so many chains that are in use,
as long as the transaction itself takes. Where there are more, fewer and larger ones hold everybody up for less."""


class ForeignSetError(DnsguardError):
    """The table has a set of our name and another shape, from another version of dnsguard or another program."""


def prepare(plan: Plan, actual: Actual) -> Iterator[Message]:
    """Table, sets, counters and chains that are missing. New sets and maps come filled, maps last: they need the
    chains."""
    if not actual.exists:
        yield nftables.add_table(plan.table)
    unfilled = actual.unfilled(plan.sets)
    for item in unfilled:
        found = actual.sets.get(item.name)
        if found is None:
            yield encode.set_message(plan.table, item)
            if not isinstance(item, VerdictMap):
                yield from nftables.add_elements(plan.table, item.name, encode.content(item))
        elif (found.flags, found.key_type) != (encode.set_flags(item), item.key_type.number):
            raise ForeignSetError(
                f"set {item.name} of table inet {plan.table} is not of {item.key_type.text}; "
                f"another version or program made it. Remove the table (dnsguard uninstall) and start again"
            )
        elif isinstance(item, LeaseSet) and not found.has_sentinel:
            yield from nftables.add_elements(plan.table, item.name, encode.content(item))
    for counter in plan.counters:
        if counter not in actual.counters:
            yield nftables.add_counter(plan.table, counter)
    revision = actual.revision_or_first(plan)
    for chain in plan.chains if plan.chains is not actual.loaded else ():
        if chain.hook is None and chain.name not in actual.chains:
            yield encode.chain_message(plan.table, chain)
            yield from _rules(plan.table, chain, revision)
    for item in unfilled:
        if isinstance(item, VerdictMap) and item.name not in actual.sets:
            yield from _map_content(plan.table, item, {})


def switch(plan: Plan, actual: Actual, revision: Revision | None = None) -> Iterator[Message]:
    """What makes the plan the rules in force, given that `prepare` is done, and this the revision of policy. All of it
    belongs into one batch."""
    for item in actual.unfilled(plan.sets):
        yield from _content(plan.table, item, actual)
    if revision != actual.revision:
        for chain in plan.chains:
            if chain.names_revision and chain.name in actual.chains:
                yield from _replaced_rules(plan.table, chain, revision)
    if plan.chains is actual.loaded:
        return
    planned = {chain.name for chain in plan.chains}
    for name, found in actual.chains.items():
        if found.is_base and name not in planned:
            yield nftables.flush_chain(plan.table, name)
            yield nftables.delete_chain(plan.table, name)
    for chain in plan.chains:
        held = actual.chains.get(chain.name)
        if held is not None and (held.known is chain or (chain.names_revision and revision != actual.revision)):
            continue
        if chain.hook is not None:
            if held is None or held.known != chain:
                yield encode.chain_message(plan.table, chain)
                yield from _replaced_rules(plan.table, chain, revision)
        elif held is not None and (
            held.rules != len(chain.rules)  # a load that was cut short, or somebody else
            or (chain.is_door and (held.known is None or held.known.rules != chain.rules))
        ):
            yield from _replaced_rules(plan.table, chain, revision)


def sweep(plan: Plan, actual: Actual, *, lease_sets: bool) -> Iterator[Message]:
    """Deletes what the plan does not have; lease sets only on demand.

    Chains, maps and counters refer to each other, so all chains are emptied before the first thing is deleted.
    """
    planned_sets = {item.name for item in plan.sets}
    doomed: list[str] = []
    if plan.chains is not actual.swept:
        planned_chains = {chain.name for chain in plan.chains}
        doomed = [name for name in actual.chains if name not in planned_chains]
    for name in doomed:
        yield nftables.flush_chain(plan.table, name)
    for name in actual.sets:
        if name not in planned_sets and (lease_sets or not naming.is_lease_set(name)):
            yield nftables.delete_set(plan.table, name)
    for name in doomed:
        yield nftables.delete_chain(plan.table, name)
    for counter in sorted(actual.counters.difference(plan.counters)):
        yield nftables.delete_counter(plan.table, counter)


def rebased(plan: Plan) -> Iterator[Message]:
    """The base chains as planned, whatever became of them. All of it belongs into one batch, which the kernel refuses
    where something is missing that they lead to."""
    for chain in plan.chains:
        if chain.hook is not None:
            yield from _renewed(plan.table, chain, None)


def founded(foundation: Plan, last: Revision | None = None) -> Iterator[Message]:
    """A plan of few rules in force, whatever stands of the table; what else does stays. All of it belongs into one
    batch. ``last``: the revision that was in force, which is not to end with the table."""
    revision = Actual(revision=last).revision_or_first(foundation)
    yield nftables.add_table(foundation.table)
    for item in foundation.sets:
        yield encode.set_message(foundation.table, item)
        if not isinstance(item, VerdictMap):
            yield from nftables.add_elements(foundation.table, item.name, encode.content(item))
    for counter in foundation.counters:
        yield nftables.add_counter(foundation.table, counter)
    for chain in foundation.chains:
        yield from _renewed(foundation.table, chain, revision)


def chunks(messages: Iterable[Message], chains: int, largest: int) -> Iterator[list[Message]]:
    """The messages in order, cut where a transaction would hold the kernel's lock for long. ``chains``: of the table.
    ``largest``: bytes that the socket takes."""
    factor = 1 + chains // CHAINS_LIKE_ONE
    most, most_bytes = MOST_MESSAGES * factor, min(MOST_BYTES * factor, largest * 3 // 4)  # less than headers take
    chunk: list[Message] = []
    size = 0
    for message in messages:
        if chunk and (len(chunk) >= most or size + len(message.body) > most_bytes):
            yield chunk
            chunk, size = [], 0
        chunk.append(message)
        size += len(message.body)
    if chunk:
        yield chunk


def _rules(table: str, chain: Chain, revision: Revision | None) -> Iterator[Message]:
    return (encode.rule_message(table, chain.name, rule) for rule in at(chain, revision).rules)


def _renewed(table: str, chain: Chain, revision: Revision | None) -> Iterator[Message]:
    yield encode.chain_message(table, chain)
    yield from _replaced_rules(table, chain, revision)


def _replaced_rules(table: str, chain: Chain, revision: Revision | None) -> Iterator[Message]:
    yield nftables.flush_chain(table, chain.name)
    yield from _rules(table, chain, revision)


def _content(table: str, item: Set, actual: Actual) -> Iterator[Message]:
    found = actual.sets.get(item.name)
    held = found.content if found is not None else None
    if held is planned_content(item):
        return
    match item:
        case LeaseSet() | AliveSet() | ShareSet():
            return
        case IntervalSet():
            yield from _changed_ranges(table, item, held if isinstance(held, tuple) else ())
        case HashSet():
            yield from _changed_keys(table, item, held if isinstance(held, frozenset) else frozenset())
        case VerdictMap():
            yield from _map_content(table, item, held if isinstance(held, Mapping) else {})


def _changed_ranges(table: str, item: IntervalSet, held: tuple[tuple[int, int], ...]) -> Iterator[Message]:
    """Only the ranges that come or go; all of them anew where that says less.

    Those that go are deleted first: one that only grows would else overlap with itself. Packets see neither before the
    transaction ends.
    """
    span = differing(held, item.ranges)
    before, now = set(span.old), set(span.new)
    gone, new = sorted(before - now), sorted(now - before)
    if not gone and not new:
        return
    if len(gone) + len(new) < len(item.ranges):
        yield from nftables.delete_elements(table, item.name, encode.interval_elements(item.key_type, gone))
        yield from nftables.add_elements(table, item.name, encode.interval_elements(item.key_type, new))
        return
    yield nftables.flush_set(table, item.name)
    yield from nftables.add_elements(table, item.name, encode.content(item))


def _changed_keys(table: str, item: HashSet, held: frozenset[bytes]) -> Iterator[Message]:
    since = item.since
    changed = since.keys if since is not None and since.before is held else held ^ item.keys
    gone = sorted(key for key in changed if key in held and key not in item.keys)
    new = sorted(key for key in changed if key in item.keys and key not in held)
    yield from nftables.delete_elements(table, item.name, map(Element, gone))
    yield from nftables.add_elements(table, item.name, map(Element, new))


def _map_content(table: str, item: VerdictMap, held: Mapping[bytes, Entry]) -> Iterator[Message]:
    since = item.since
    changed = since.keys if since is not None and since.before is held else held.keys() | item.entries.keys()
    others = sorted(key for key in changed if held.get(key) != item.entries.get(key))
    gone = (key for key in others if key in held)
    new = (key for key in others if key in item.entries)
    yield from nftables.delete_elements(table, item.name, map(Element, gone))
    yield from nftables.add_elements(table, item.name, (encode.map_element(item, key) for key in new))

"""Whether what many changes led to is what the objects at the end ask for: compiled, plan, link and kernel."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from dnsguard.calc.compiled import Compiled
from dnsguard.controller.desired import Desired
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.reading import TableReader
from dnsguard.dataplane.rules import Plan
from dnsguard.link.messages import Snapshot
from dnsguard.netlink import nftables
from dnsguard.netlink.codec import attribute_map, string
from dnsguard.netlink.socket import NetfilterSocket
from loadtest.network import table_socket

_GENERIC_HEADER = 4
_TABLE, _CHAIN, _EXPRESSIONS, _COMMENT = 1, 2, 4, 7
_SHOWN = 3
"""Differences of one kind; the rest is counted."""


def differences(held: Desired[Plan], wanted: Desired[Plan]) -> Iterator[str]:
    """Where the two differ, a line each; nothing where they agree."""
    for item in fields(Compiled):
        yield from _unlike(
            f"compiled {item.name}", getattr(held.compiled, item.name), getattr(wanted.compiled, item.name)
        )
    for part in ("sets", "chains"):
        some, others = ({each.name: each for each in getattr(desired.plan, part)} for desired in (held, wanted))
        yield from _unlike(f"plan {part}", some, others)
    yield from _unlike("plan counters", set(held.plan.counters), set(wanted.plan.counters))
    yield from _unlike("plan warnings", set(held.plan.warnings), set(wanted.plan.warnings))
    for item in fields(Snapshot):
        if item.name != "revision":  # the link counts
            yield from _unlike(
                f"snapshot {item.name}", getattr(held.snapshot, item.name), getattr(wanted.snapshot, item.name)
            )


def kernel_differences(socket: NetfilterSocket, wanted: Plan, foundation: Plan) -> Iterator[str]:
    """Where the table differs from one that is loaded with the plan from nothing."""
    with table_socket() as fresh:
        Driver(fresh, foundation).apply(wanted)
        some, others = _content(socket, wanted.table), _content(fresh, wanted.table)
    for part in others:
        yield from _unlike(f"kernel {part}", some[part], others[part])


def _content(socket: NetfilterSocket, table: str) -> Mapping[str, Mapping[str, Any]]:
    actual = TableReader(socket, table).actual()
    rules: dict[str, list[tuple[bytes, bytes]]] = {}
    request = nftables.list_request(nftables.GET_RULE, table)
    for body in socket.dump(request, list):
        found = attribute_map(body, _GENERIC_HEADER)
        if string(found[_TABLE]) == table:
            rule = found.get(_EXPRESSIONS, b""), found.get(_COMMENT, b"")
            rules.setdefault(string(found[_CHAIN]), []).append(rule)
    return {
        "chains": {name: chain.is_base for name, chain in actual.chains.items()},
        "rules": rules,
        "sets": {name: (found.flags, found.key_type, found.content) for name, found in actual.sets.items()},
        "counters": dict.fromkeys(actual.counters),
    }


def _unlike(what: str, held: Any, wanted: Any) -> Iterator[str]:
    if held == wanted:
        return
    if isinstance(wanted, Mapping):
        names = [name for name in held.keys() | wanted.keys() if held.get(name) != wanted.get(name)]
    elif isinstance(wanted, Iterable) and not isinstance(wanted, str):
        names = _one_sided(held, wanted)
    else:
        names = [held]
    shown = ", ".join(sorted(map(str, names))[:_SHOWN])
    yield f"{what}: {len(names)} differ from a calculation from scratch: {shown[:400]}"


def _one_sided(held: Iterable[Hashable], wanted: Iterable[Hashable]) -> list[Hashable]:
    return [*(set(held) ^ set(wanted))] or ["the order"]

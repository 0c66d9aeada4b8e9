"""Performs the script in the lab and judges every row by more than one witness.

An allowed connection is answered by the very address it went to; a denied one is not, and no server saw it. Either way
the kernel's counter of the rule that policy names has gone up, and dnsguard, asked to explain, says the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import dnslib

from tests.demo.acts import Act, Connection, DomainChange, Introduction, LookUp, Question, Row
from tests.support.lab import topology
from tests.support.lab.guard import Guard, collection
from tests.support.lab.lab import Lab

DENIED_WAIT = 0.4
"""Seconds until a connection without an answer counts as denied: long on one machine, and less than the second after
which TCP would send its first packet again."""

ALLOWED_WAIT = 2.0

RETRIED_WAIT = 0.15
"""The same where the row is tried again until a change is felt."""

REFUSED = 5
EXTENDED_ERROR = 15


@dataclass(slots=True)
class Outcome:
    """What happened in a row. It is as policy says when ``problems`` is empty."""

    number: int
    row: Row
    happened: str = ""
    decided_by: str = ""
    seconds: float | None = None
    """How long a change took to be felt, where the row measures it."""

    problems: list[str] = field(default_factory=list)


class Play:
    """One performance. ``tell`` is given every change as it happens."""

    def __init__(self, lab: Lab, guard: Guard, tell: Callable[[str], None]) -> None:
        self._lab = lab
        self._guard = guard
        self._tell = tell
        self._number = 0
        self._changed_at = 0.0

    def prepare(self) -> None:
        """Servers inside pods and on the node, for the rows that connect there."""
        for name in self._lab.workloads:
            self._lab.agent(name).call("listen", transport="tcp", port=8080)
        self._lab.agent(topology.NODE).call("listen", transport="udp", port=9999)

    def perform(self, act: Act) -> Outcome | None:
        """Do it; rows have an outcome."""
        match act:
            case Connection():
                return self._connection(act)
            case Question():
                return self._question(act)
            case DomainChange():
                self._change_domain(act)
            case Introduction():
                self._introduce(act)
        return None

    # Changes

    def _change_domain(self, change: DomainChange) -> None:
        path = f"{collection('NetworkSet', change.namespace)}/{change.network_set}"
        current = self._guard.answer("GET", path)
        domains = [name for name in current["spec"]["allowedEgressDomains"] if name != change.domain]
        current["spec"]["allowedEgressDomains"] = [*domains, change.domain] if change.add else domains
        self._changed_at = time.monotonic()
        self._guard.answer("PUT", path, current)
        self._tell(change.says)

    def _introduce(self, act: Introduction) -> None:
        workload = self._lab.workloads[act.workload]
        (namespace,) = topology.namespaces([workload])
        self._guard.answer("POST", collection("Namespace"), namespace)
        self._changed_at = time.monotonic()
        path = collection("WorkloadEndpoint", workload.namespace)
        self._guard.answer("POST", path, topology.workload_endpoint(workload))
        self._tell(act.says)

    # Rows

    def _outcome(self, row: Row) -> Outcome:
        self._number += 1
        return Outcome(self._number, row)

    def _question(self, row: Question) -> Outcome:
        outcome = self._outcome(row)
        answer = self._lab.lookup(row.who, row.name)
        if answer is None:
            outcome.happened = "no answer"
            outcome.problems.append("the query was not answered at all")
            return outcome
        addresses = [str(record.rdata) for record in answer.rr]
        outcome.happened = "refused" if answer.header.rcode == REFUSED else ", ".join(addresses) or "no address"
        outcome.decided_by = "forwarder"
        if row.allowed and row.address not in addresses:
            outcome.problems.append(f"expected the answer {row.address}, got {outcome.happened}")
        if not row.allowed:
            if answer.header.rcode != REFUSED:
                outcome.problems.append(f"expected REFUSED, got {outcome.happened} (rcode {answer.header.rcode})")
            elif (reason := _extended_error(answer)) is None:
                outcome.problems.append("REFUSED without an extended error that says why")
            else:
                outcome.decided_by = f"forwarder, extended error {reason}"
        return outcome

    def _connection(self, row: Connection) -> Outcome:
        outcome = self._outcome(row)
        while True:
            outcome.problems.clear()
            self._look_up(row, outcome)
            started = time.monotonic()
            if not outcome.problems:
                self._attempt(row, outcome)
            # What opens is open when the answer is there; what closes was closed when the attempt began.
            felt = (time.monotonic() if row.allowed else started) - self._changed_at
            if not outcome.problems or felt > row.within:
                break
        if row.within:
            outcome.seconds = felt
            if felt > row.within:
                outcome.problems.append(f"took {felt:.2f} s, {row.within:.0f} s is allowed")
        self._ask_to_explain(row, outcome)
        return outcome

    def _look_up(self, row: Connection, outcome: Outcome) -> None:
        for lookup in row.lookups:
            who = lookup.who or row.who
            addresses = self._addresses(who, lookup)
            if lookup.address not in addresses:
                outcome.happened = "no address"
                outcome.problems.append(
                    f"{who} asked for {lookup.name} and got {', '.join(addresses) or 'nothing'}, not {lookup.address}"
                )

    def _addresses(self, who: str, lookup: LookUp) -> list[str]:
        if lookup.server:
            answer = self._lab.lookup(who, lookup.name, server=lookup.server)
            return [] if answer is None else [str(record.rdata) for record in answer.rr]
        version = 6 if ":" in lookup.address else 4
        return list(self._lab.agent(who).call("resolve", name=lookup.name, family=version)["addresses"])

    def _attempt(self, row: Connection, outcome: Outcome) -> None:
        server = self._lab.agent(self._server_of(row))
        target = f"{row.address}#{row.port}"
        seen_before = len(server.call("arrivals", transport=row.transport, to=target))
        counters_before = self._guard.counters()
        tried = self._lab.agent(row.who).call(
            "connect",
            transport=row.transport,
            address=row.address,
            port=row.port,
            source=row.source,
            wait=_wait(row),
        )
        counters = self._guard.counters()
        arrived = len(server.call("arrivals", transport=row.transport, to=target)) > seen_before
        reached = arrived if row.arrives_at else tried["outcome"] == "answered"
        outcome.happened = "allowed" if reached else "denied" if tried["outcome"] == "timeout" else tried["outcome"]
        risen = {name for name, count in counters.items() if count > counters_before.get(name, 0)}
        outcome.decided_by = row.counter if row.counter in risen else ", ".join(sorted(risen)) or "no rule"
        if outcome.happened != ("allowed" if row.allowed else "denied"):
            outcome.problems.append(f"expected {'allowed' if row.allowed else 'denied'}, it was {outcome.happened}")
        if arrived and not row.allowed:
            outcome.problems.append("the server saw it arrive")
        if row.counter not in counters:
            outcome.problems.append(f"the kernel has no counter {row.counter}")
        elif row.counter not in risen:
            outcome.problems.append(f"{row.counter} did not count it; these did: {', '.join(sorted(risen)) or 'none'}")

    def _server_of(self, row: Connection) -> str:
        if row.arrives_at:
            return row.arrives_at
        owners = [each.name for each in self._lab.workloads.values() if row.address in each.addresses]
        return owners[0] if owners else topology.INTERNET

    def _ask_to_explain(self, row: Connection, outcome: Outcome) -> None:
        workload = self._lab.workloads.get(row.who)
        source = row.source or (workload.address() if workload else "")
        if workload and workload.known:
            source = f"{workload.namespace}/{workload.name}"
            if ":" in row.address:
                source = workload.address(6)
        protocol = "ICMPv6" if row.transport == "icmp" and ":" in row.address else row.transport
        verdict = self._guard.explain(source, row.address, protocol, row.port or None)["verdict"]
        if verdict != ("Allow" if row.allowed else "Deny"):
            outcome.problems.append(f"asked to explain, dnsguard says {verdict}")


def _wait(row: Connection) -> float:
    if not row.allowed or row.arrives_at:
        return DENIED_WAIT
    return RETRIED_WAIT if row.within else ALLOWED_WAIT


def _extended_error(answer: dnslib.DNSRecord) -> int | None:
    """The number of the extended error (RFC 8914 §2)."""
    for record in answer.ar:
        if record.rtype == dnslib.QTYPE.OPT:
            for option in record.rdata:
                if option.code == EXTENDED_ERROR:
                    return int.from_bytes(option.data[:2])
    return None

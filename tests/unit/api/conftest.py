"""The whole API in this process, on the reference store, with a clock that stands still."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dnsguard.api.app import create_app
from dnsguard.api.audit import AuditQuestion, AuditRecord, AuditUnavailable
from dnsguard.api.authentication.tokens import HashedTokens, token_digest
from dnsguard.api.reading.statuses import NO_STATUSES, Statuses
from dnsguard.api.services import (
    ADMIN,
    BadClient,
    CannotExplain,
    DnsLogQuestion,
    LeasesQuestion,
    PacketQuestion,
    ReadModelUnavailable,
    Services,
    StatsQuestion,
    UnknownEndpoint,
)
from dnsguard.api.views.counted import Count, PolicyCounts, RuleCount, StatsReport, TierCounts
from dnsguard.api.views.effective import Effective, EffectiveStage, ImplicitRule
from dnsguard.api.views.explaining import ExplainQuery, Explanation
from dnsguard.api.views.models import (
    EndpointStates,
    LeaseState,
    LeaseStates,
    NameAddress,
    NameClientState,
    NameState,
    NameStates,
    StatusReport,
)
from dnsguard.observe.exposition import Metric
from dnsguard.store.memory import MemoryStore
from tests.unit.api.tenants import alice

__all__ = ["alice"]

TOKEN = "correct-horse-battery-staple"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
V3 = "/apis/projectcalico.org/v3"
SETS = f"{V3}/namespaces/shop/networksets"


async def explain(query: ExplainQuery) -> Explanation:
    if query.source == "nobody":
        raise CannotExplain("source", "there is no endpoint nobody")
    return Explanation(verdict="Deny", summary="because", source=query.source, destination=query.destination)


async def effective(endpoint: str) -> Effective:
    if endpoint == "shop/nobody":
        raise UnknownEndpoint("there is no endpoint 'shop/nobody'")
    nothing = ImplicitRule(by="no profile", action="Deny", text="what nothing decides")
    stages = (EffectiveStage(direction="egress", stage="normal", end=nothing),)
    return Effective(kind="WorkloadEndpoint", namespace="shop", name="web", revision=7, stages=stages)


async def endpoints(namespace: str | None) -> EndpointStates:
    raise ReadModelUnavailable(f"nothing is compiled yet in {namespace}")


async def names(pattern: str, limit: int) -> NameStates:
    client = NameClientState(client="shop/a", addresses=(NameAddress(address="198.51.100.1", seconds_left=59.5),))
    return NameStates(names=(NameState(name=pattern or "api.example.org", clients=(client,)),), truncated=limit == 1)


async def leases(question: LeasesQuestion) -> LeaseStates:
    client = question.client
    if client == "junk":
        raise BadClient("client 'junk' is no address")
    if client == "shop/nobody":
        raise UnknownEndpoint("there is no endpoint 'shop/nobody'")
    lease = LeaseState(
        client=client,
        client_address="192.0.2.1",
        address=question.address or "198.51.100.1",
        names=(question.name,) if question.name else (),
        sets=(question.set,) if question.set else (),
        seconds_left=59.5,
    )
    return LeaseStates(leases=(lease,), truncated=question.limit == 1)


async def stats(question: StatsQuestion) -> StatsReport:
    """What policy `security.partners` of namespace shop did, and its tier."""
    if question.name == "unread":
        raise ReadModelUnavailable("the kernel does not tell its counters")
    rules = (
        RuleCount(direction="egress", rule=0, action="Allow", packets=7, bytes=420),
        RuleCount(direction="egress", rule=1, action="Deny", packets=0, bytes=0),
    )
    allowed = Count(packets=7, bytes=420)
    policy = PolicyCounts(
        kind="NetworkPolicy",
        namespace="shop",
        name="security.partners",
        tier="security",
        rule_count=2,
        unmatched=1,
        allowed=allowed,
        rules=rules if question.rules else (),
    )
    tier = TierCounts(name="security", policies=1, allowed=allowed, end_of_egress=Count(packets=3, bytes=180))
    return StatsReport(
        read_at=1_767_323_045.5,
        policies=(policy,) if question.kind in ("", "NetworkPolicy") else (),
        tiers=(tier,) if question.kind in ("", "Tier") else (),
        base={} if question.kind else {"spoofed-source": Count(packets=2, bytes=80)},
    )


async def metrics() -> list[Metric]:
    return [Metric("dnsguard_rule_packets_total", "counter", "Packets.", {(("name", 'a"b'),): 7})]


class FakeDnsLog:
    """One line of each answer says what was asked."""

    async def recent(self, question: DnsLogQuestion) -> list[str]:
        if question.client == "shop/nobody":
            raise UnknownEndpoint("there is no endpoint 'shop/nobody'")
        return [f'{{"type":"LOG","last":{question.last},"client":"{question.client}"}}', '{"type":"LOG"}']

    async def follow(self, question: DnsLogQuestion) -> AsyncIterator[str]:
        return self._lines(await self.recent(question), denied=question.denied)

    async def _lines(self, before: list[str], *, denied: bool) -> AsyncIterator[str]:
        yield ""
        for line in before:
            yield line
        yield f'{{"type":"UNLOGGED","count":{int(denied)}}}'


class FakePackets:
    """Two records; one more comes."""

    async def recent(self, question: PacketQuestion) -> list[str]:
        if question.client == "shop/nobody":
            raise UnknownEndpoint("there is no endpoint 'shop/nobody'")
        asked = {"type": "PACKET", "last": question.last, "client": question.client, "action": question.action}
        return [json.dumps(asked), '{"type":"PACKET"}']

    async def follow(self, question: PacketQuestion) -> AsyncIterator[str]:
        return self._lines(await self.recent(question))

    async def _lines(self, before: list[str]) -> AsyncIterator[str]:
        yield ""
        for line in before:
            yield line
        yield '{"type":"UNLOGGED","count":3}'


@dataclass
class World:
    """What a test may look at besides the answers."""

    store: MemoryStore = field(default_factory=MemoryStore)
    audit: list[AuditRecord] = field(default_factory=list)
    audit_problem: str = ""
    audit_admitted: int = 0
    """Records that room is kept for."""

    uids: Iterator[int] = field(default_factory=count)
    statuses: Statuses = NO_STATUSES
    now: datetime = NOW
    status_report: StatusReport = field(
        default_factory=lambda: StatusReport(version="1.2.3", ready=True, store_revision=7)
    )

    def admit(self) -> None:
        """Of ``Audit``, as the others are that follow."""
        if self.audit_problem:
            raise AuditUnavailable(self.audit_problem)
        self.audit_admitted += 1

    async def record(self, record: AuditRecord, *, admitted: int = 0) -> None:
        self.audit_admitted -= admitted
        assert self.audit_admitted >= 0
        self.audit.append(record)

    async def recent(self, question: AuditQuestion) -> list[str]:
        return [json.dumps(record.event()) for record in self.audit if question.user in ("", record.user)]

    async def follow(self, question: AuditQuestion) -> AsyncIterator[str]:
        return self._audit_lines(await self.recent(question))

    async def _audit_lines(self, before: list[str]) -> AsyncIterator[str]:
        yield ""
        for line in before:
            yield line

    async def status(self) -> StatusReport:
        return self.status_report

    def app(self) -> FastAPI:
        return create_app(self.services())

    def services(self) -> Services:
        return Services(
            store=self.store,
            tokens=HashedTokens({ADMIN: token_digest(TOKEN)}),
            explain=explain,
            effective=effective,
            status=self.status,
            endpoints=endpoints,
            leases=leases,
            names=names,
            stats=stats,
            metrics=metrics,
            dns_log=FakeDnsLog(),
            packets=FakePackets(),
            statuses=self.statuses,
            audit=self,
            version="1.2.3",
            max_body=1_000_000,
            now=lambda: self.now,
            new_uid=lambda: f"uid-{next(self.uids)}",
            new_request_id=lambda: "request",
        )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = world.app()
    await app.state.objects.ensure_builtins()
    following = asyncio.create_task(app.state.access.follow())
    await app.state.access.loaded()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://dnsguard.example.org",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as client:
        yield client
    following.cancel()


def network_set(name: str = "partners", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkSet",
        "metadata": {"name": name, "labels": {"role": "partner"}},
        "spec": spec or {"nets": ["192.0.2.0/24"]},
    }


def policy(name: str = "allow-web", tier: str = "default") -> dict[str, Any]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"tier": tier, "selector": "all()", "egress": [{"action": "Allow"}]},
    }


def tier(name: str = "security") -> dict[str, Any]:
    return {"apiVersion": "projectcalico.org/v3", "kind": "Tier", "metadata": {"name": name}, "spec": {"order": 10}}

"""A kernel and forwarders that write down, in one common order, what the enforcement loop does to them."""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from dnsguard.calc.compiled import Compiled
from dnsguard.controller.desired import Desired
from dnsguard.errors import DnsguardError
from dnsguard.link.messages import Identity, LeaseSetFeed, Snapshot
from dnsguard.resources import Resource


class RefusedError(DnsguardError):
    """The fake kernel does not want to."""


class FakeKernel:
    """A plan is the frozenset of the lease sets that its rules refer to. Complains where the order is wrong."""

    def __init__(self, journal: list[str]) -> None:
        self.journal = journal
        self.sets: set[str] = set()
        self.rules: frozenset[str] | None = None
        self.refuse: str = ""
        self.gone = False
        self.judged: frozenset[str] = frozenset()
        """What an earlier run left."""

        self.looks = 0

    def open(self) -> None:
        self._note("open")
        self.gone = False
        if self.rules is None:
            self.rules = frozenset()

    def prepare(self, plan: frozenset[str]) -> None:
        self._note("prepare", plan - self.sets)
        self.sets |= plan

    def switch(self, plan: frozenset[str], revise: bool = False) -> None:
        assert plan <= self.sets, "a rule refers to a set that does not exist"
        self._note("revise" if revise else "switch", plan)
        self.rules = plan

    def sweep(self, plan: frozenset[str], lease_sets: bool) -> None:
        assert plan == self.rules, "sweeps by another plan than the one in force"
        self._note("sweep", self.sets - plan if lease_sets else ["kept"])
        if lease_sets:
            self.sets &= plan

    def judged_addresses(self) -> frozenset[str]:
        return self.judged

    def lost(self) -> bool:
        self.looks += 1
        return self.gone

    def flush(self) -> None:
        self.sets, self.rules, self.gone = set(), None, True

    def _note(self, what: str, names: Any = ()) -> None:
        if what == self.refuse:
            raise RefusedError(f"no {what} today")
        self.journal.append(" ".join([what, *sorted(names)]))


class FakeLink:
    """One forwarder that acknowledges when told to."""

    def __init__(self, journal: list[str]) -> None:
        self.journal = journal
        self.prompt = True
        self.connected = True
        self.revision = 0
        self.acked = 0
        self.last: Snapshot | None = None
        self.listen = frozenset({"192.0.2.53#53"})
        self.waits: list[float] = []

    def publish(self, wanted: Snapshot, *, reassert: bool = False) -> int:
        if wanted == self.last and not reassert:
            return self.revision
        self.last = wanted
        self.revision += 1
        names = [feed.id for feed in wanted.lease_sets]
        names += [each.endpoint.removeprefix("shop/") for each in wanted.identities[1:]]
        self.journal.append(" ".join(["reassert" if reassert else "publish", *names]))
        if self.prompt:
            self.acked = self.revision
        return self.revision

    async def acknowledged(
        self, revision: int, seconds: float, ignoring: Collection[str] = frozenset()
    ) -> tuple[str, ...]:
        self.waits.append(0.0 if "f1" in ignoring else seconds)
        self.journal.append("wait")
        return self.laggards(revision)

    async def attended(self, seconds: float) -> bool:
        give_up = asyncio.get_running_loop().time() + seconds
        while not self.connected and asyncio.get_running_loop().time() < give_up:  # noqa: ASYNC110 - set by the test
            await asyncio.sleep(0.001)
        return self.connected

    def has_acknowledged(self, revision: int) -> bool:
        return self.connected and self.acked >= revision

    def laggards(self, revision: int) -> tuple[str, ...]:
        return ("f1",) if self.connected and self.acked < revision else ()


def compute(resources: tuple[Resource, ...], listen: frozenset[str], revision: int) -> Desired[frozenset[str]]:
    """Every network set is a lease set, which the endpoint ``shop/cart`` uses; one called ``pod…`` is an endpoint."""
    every = sorted(str(resource.metadata.name) for resource in resources)
    names = tuple(name for name in every if not name.startswith("pod"))
    pods = tuple(Identity(f"shop/{name}", ("192.0.2.8",), (), ()) for name in every if name.startswith("pod"))
    if "crash" in names:
        raise KeyError("crash")
    snapshot = Snapshot(
        0,
        "dnsguard",
        tuple(LeaseSetFeed(name, f"{name}4", f"{name}6", ()) for name in names),
        (Identity("shop/cart", ("192.0.2.7",), names, tuple(sorted(listen))), *pods),
    )
    return Desired(revision, Compiled(), frozenset(names), snapshot)


def network_set(name: str, version: int = 1, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkSet",
        "metadata": {"name": name, "resourceVersion": str(version)},
        "spec": spec,
    }


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until it holds; the test's time limit ends it otherwise."""
    while not condition():  # noqa: ASYNC110 — what is waited for happens in plain code without an event
        await asyncio.sleep(0.001)

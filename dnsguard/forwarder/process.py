"""The forwarder, wired: everything it holds is made here in order and released in reverse.

::

    listen ─► relay ─► judge ◄──────── policy ◄─┐
                │ ▲                             │
                │ └─ upstream pool      Enforcing ◄── link ◄── controller
                ▼                               │
             Leasing ─► lease book ◄────────────┤
                │                               │
                └─────► Committer ─► kernel ◄───┘
                            ▲           │ connections
                            └─ FlowKeeper ◄─ (leases that end and are in use)
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from typing import Protocol

from dnsguard.claim import claimed
from dnsguard.dataplane.canary import Canary
from dnsguard.dataplane.settings import OWN_MARK
from dnsguard.dns.counters import Counters
from dnsguard.dns.eligible import Eligible, UnleasedNets
from dnsguard.dns.hooks import Lease
from dnsguard.dns.listen.transparent import is_transparent
from dnsguard.dns.relay import Relay, RelaySettings
from dnsguard.dns.upstream.health import Health
from dnsguard.dns.upstream.pool import UpstreamPool, UpstreamSettings
from dnsguard.dns.upstream.report import described
from dnsguard.domains import wire_name
from dnsguard.errors import DnsguardError
from dnsguard.files import make_directory
from dnsguard.forwarder import collector, metrics
from dnsguard.forwarder.addresses import own_addresses
from dnsguard.forwarder.beating import Beating
from dnsguard.forwarder.canary.testing import SelfTest
from dnsguard.forwarder.clients import Clients
from dnsguard.forwarder.committer import Committer, Transactions
from dnsguard.forwarder.complaints import Complaints
from dnsguard.forwarder.configuring import Configuring
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.dnslog import DnsLog
from dnsguard.forwarder.enforcing import Enforcing
from dnsguard.forwarder.faults import CannotStart
from dnsguard.forwarder.flows import FlowKeeper
from dnsguard.forwarder.health import HealthServer
from dnsguard.forwarder.inheritance import Lists
from dnsguard.forwarder.judge import QueryJudge
from dnsguard.forwarder.leasing import Leasing
from dnsguard.forwarder.linking import Linking
from dnsguard.forwarder.naming import Naming
from dnsguard.forwarder.observing import TICK_SECONDS
from dnsguard.forwarder.refusing import Refusing
from dnsguard.forwarder.rights import Gate
from dnsguard.forwarder.saving import Saving
from dnsguard.forwarder.sharing.crew import Crew, divided
from dnsguard.forwarder.sockets import DnsSockets, addresses_behind
from dnsguard.forwarder.statefile import LearnedFile
from dnsguard.forwarder.trusted import TrustedServers
from dnsguard.forwarder.withheld import Withheld
from dnsguard.handover import Handed, handed_down
from dnsguard.leases import LeaseBook, Limits, Terms
from dnsguard.link.messages import Hello, Stats
from dnsguard.link.proof import NO_PROOF, Proof
from dnsguard.netlink.flowlist import FlowList
from dnsguard.netlink.probe import readding_updates_timeout
from dnsguard.netlink.socket import NetfilterSocket
from dnsguard.observe.exposition import exposition, number
from dnsguard.observe.ourselves import build_info, own_process
from dnsguard.settings import Settings

log = logging.getLogger(__name__)

LEARNED_FILE = "learned.jsonl"
LAST_GOOD_FILE = "policy.last-good"
TRUSTED_FILE = "trusted-servers.last-good"
VERSION = version("dnsguard")

_STATS_SECONDS = 2.0
_ADDRESSES_SECONDS = 10.0
_EXPIRE_SECONDS = 0.1
_EXPIRE_BUDGET = 2_000
"""Records looked at in each step: under a millisecond, and a million in a minute."""

_RETRY_SECONDS = 0.5
"""Between two attempts to write what the kernel refused."""

_DRAIN_SECONDS = 1.0

_POLICY_SECONDS = 2.0
"""Where the controller says nothing for so long, we answer what can be answered without it."""


class Kernel(Transactions, Lists, Protocol):
    """What is needed of a netlink socket."""


class Forwarder:
    """One forwarder. Must be made inside a running loop; ``run`` once."""

    def __init__(
        self,
        settings: Settings,
        kernel: Kernel,
        *,
        renews: bool,
        lists: Lists | None = None,
        handed: Sequence[Handed] = (),
        crew: Callable[[Lease], Crew] | None = None,
        keeps: bool = True,
        self_test: Callable[[Committer, ForwarderCounters, Callable[[], None]], SelfTest] | None = None,
    ) -> None:
        """``kernel``: where the table is. ``renews``: what ``readding_updates_timeout`` says of it. ``lists``: another
        socket to it, for what takes long. ``handed``: the sockets to answer on; none: such as are made. ``crew``: makes
        the workers, where there are any. ``keeps``: whether the files in the state directory are ours to write.
        ``self_test``: makes the one who proves that the table enforces, where anybody is to."""
        self.settings = settings
        self._handed = handed
        self._told = asyncio.Event()
        """Set once there is a policy."""

        self.dns_counters = Counters()
        self.counters = ForwarderCounters()
        self.clients = Clients(
            (address.packed for address in settings.shared_resolvers), settings.workload_cidrs, settings.served_clients
        )
        self._loop = loop = asyncio.get_running_loop()
        unleased = UnleasedNets(settings.unleased_nets) if settings.unleased_nets else None
        eligible = Eligible(lambda: self.clients.own, unleased)
        self.book = LeaseBook(
            Terms(floor=settings.lease_floor, extra=settings.dns_extra_ttl), limits_of(settings), eligible=eligible
        )
        withheld = Withheld(eligible)
        self.committer = Committer(self.book, kernel, self.counters, deadline=settings.commit_deadline, renews=renews)
        refusing = Refusing(map(wire_name, settings.search_domains), nxdomain=settings.query_refusal == "NXDomain")
        self.judge = QueryJudge(self.clients, self.book, self.counters, loop.time, refusing)
        self.leasing = Leasing(
            self.book, self.committer, self.clients, self.counters, Complaints(log),
            node_wide=settings.lease_scope == "Node", withheld=withheld,
        )  # fmt: skip
        self._flow_list = FlowList()
        self.flows = FlowKeeper(self.book, self.committer, self._flow_list, self.counters)
        self.trusted = TrustedServers(settings, self.clients, settings.state_dir / TRUSTED_FILE, writes=keeps)
        self.configuring = Configuring(settings, self.book, self.committer, self.leasing, self.trusted)
        self.beating = Beating(kernel, lambda: self.committer.table, self.counters, renews=renews)
        self.configuring.beating = self.beating if keeps else None
        self.enforcing = Enforcing(
            self.book, self.judge, self.committer, self.counters, kernel, lists or kernel, self.configuring.take,
            self._forget_ready,
        )  # fmt: skip
        self.linking = Linking(
            settings.link_socket, settings.state_dir / LAST_GOOD_FILE, self.enforcing, self.book, self._hello,
            self.counters,
        )  # fmt: skip
        self.linking.withheld = withheld
        self.linking.naming = Naming(self.book, self.leasing.scope, withheld, self.linking.client.reply, self.counters)
        self._intercepts = settings.intercept_dns != "Off"
        self.judge.rights = self.linking.rights if self._intercepts else None
        self.linking.rights.forgotten = self._forget_ready
        self.dns_log = DnsLog(
            settings, self.book, self.clients, self.leasing.scope, eligible.reason, self.linking.client
        )
        self.linking.dns_log = self.configuring.dns_log = self.dns_log
        self._self_test = None if self_test is None else self_test(self.committer, self.counters, self._report)
        self.health = HealthServer(self.unready, self.metrics, lambda: self.proof.words())
        self.sockets = DnsSockets()
        self.lease: Lease = self.leasing
        """What leases for our own answers."""

        self._crew = crew(self.leasing) if crew is not None else None

        self._learned = LearnedFile(self.book, settings.state_dir / LEARNED_FILE, flows=self.flows)
        self._saving = Saving(
            self._learned, self.book, self.configuring, self.counters, lambda: self.dns_counters.upstream_questions
        )
        self._pool: UpstreamPool | None = None
        self._relay: Relay | None = None

    async def run(self, stopped: asyncio.Event, started: Callable[[], None] = lambda: None) -> None:
        """Answer until ``stopped``; ``started`` is called when it does. Raises ``DnsguardError`` where it cannot."""
        settings = self.settings
        make_directory(settings.state_dir)
        make_directory(settings.run_dir)
        self.clients.set_own(await asyncio.to_thread(own_addresses))
        await self.trusted.look_up()
        pool = self._pool = UpstreamPool(
            self.trusted.in_force,
            UpstreamSettings(mark=OWN_MARK if self._intercepts else None, authorities=settings.upstream_ca_file),
            self.dns_counters,
        )
        relay = self._relay = Relay(
            pool.ask, self.judge, self.lease, RelaySettings(
                commit_deadline=settings.commit_deadline, prefetch=settings.prefetch == "On",
                serve_stale=settings.serve_stale,
            ), self.dns_counters,
        )  # fmt: skip
        self.configuring.pool, self.configuring.relay = pool, relay
        self.dns_log.attach(relay)
        self._begin()
        if (snapshot := self.linking.last_good()) is not None:
            await self.enforcing.continue_from(snapshot)
        try:
            listening = [each for each in self._handed if not is_transparent(each.socket)]
            await self.sockets.open(settings.listen, relay.handle, self.dns_counters, relay.ready, listening)
            await self._open_doors(relay)
            collector.quieten()
            async with asyncio.TaskGroup() as tasks:
                running = self._start_tasks(tasks)
                running.append(tasks.create_task(self._take_backlog(relay), name="backlog"))
                log.info("answering on %s, upstream %s", ", ".join(map(str, settings.listen)),
                         ", ".join(pool.healths()))  # fmt: skip
                started()
                await stopped.wait()
                await self._about_to_end()
                log.info("stopping; what is open in the kernel stays until it expires")
                self.sockets.stop()
                await _drained(relay)
                for task in running:
                    task.cancel()
        finally:
            self.linking.rights.close()
            pool.close()
            relay.close()
            self.sockets.close()
            self.health.close()
            self._flow_list.close()
        await self.dns_log.close()
        await self._end()

    # What a worker does in another way.

    def _begin(self) -> None:
        """Before the last good policy is put in force."""
        self._learned.open()

    async def _open_doors(self, relay: Relay) -> None:
        """What else is served beside the sockets to which DNS is addressed."""
        if self._intercepts:
            gate = Gate(relay.handle, self.linking.rights, lambda: self.book.roster.owners)
            port = self.settings.intercept_port
            intercepting = [each for each in self._handed if is_transparent(each.socket)]
            await self.sockets.open_intercepted(port, gate.handle, self.dns_counters, relay.ready, intercepting)
        await self._open_health()

    async def _take_backlog(self, relay: Relay) -> None:
        """Answer what waited while nobody was there, and read on. Policy first: the process before us may have had it
        for too short to have written it down, and who asks loses nothing by waiting where the sockets are held."""
        if self._handed:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLICY_SECONDS):
                    await self._told.wait()
        await self.sockets.take_backlog(lambda: relay.waiting)

    async def _about_to_end(self) -> None:
        """What takes long is done while answers go out."""
        await self._saving.save_early()

    async def _end(self) -> None:
        """When all is closed."""
        if self._self_test is not None:
            await self._self_test.close()
        await self._saving.save_at_end()
        await self.linking.save_last_good()

    def _start_tasks(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        running = [
            tasks.create_task(self._enforce(), name="enforcing"),
            tasks.create_task(self.linking.keep_last_good(), name="last-good"),
            tasks.create_task(self._saving.run(), name="save"),
            tasks.create_task(every(_EXPIRE_SECONDS, self._expire), name="expire"),
            tasks.create_task(self.flows.run(), name="flows"),
            tasks.create_task(every(_RETRY_SECONDS, self._retry), name="retry"),
            tasks.create_task(self.beating.run(), name="signs of life"),
            *self._start_common_tasks(tasks),
        ]
        if self._crew is not None:
            running.append(tasks.create_task(self._crew.run(), name="crew"))
        if self._self_test is not None:
            running.append(tasks.create_task(self._prove(self._self_test), name="self-test"))
        return running

    def _start_common_tasks(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """What a worker does, too."""
        return [
            tasks.create_task(self.linking.client.run(), name="link"),
            tasks.create_task(every(TICK_SECONDS, self.dns_log.tick), name="dns-log"),
            tasks.create_task(every(_STATS_SECONDS, self._keep_reporting), name="stats"),
            tasks.create_task(every(_ADDRESSES_SECONDS, self._look_at_addresses), name="addresses"),
            tasks.create_task(self.trusted.keep_looking(self._ask_where_they_are_now), name="servers"),
        ]

    async def _open_health(self) -> None:
        where = self.settings.health_listen
        try:
            await self.health.start(str(where.address), where.port)
        except OSError as error:
            raise CannotStart(f"health_listen: cannot listen on {where}: {error.strerror or error}") from None

    async def _enforce(self) -> None:
        """Follow the controller once what was learned before is known again: until then nobody could say what has lost
        its reason. Answers go out meanwhile, by the policy and with the leases that the process before us left."""
        await self._learned.load()
        await self.enforcing.catch_up()
        await self.enforcing.adopt()
        await self.enforcing.run()

    async def _prove(self, self_test: SelfTest) -> None:
        """Once there is a table to prove something of."""
        await self._told.wait()
        await self_test.run()

    # What is said about us.

    @property
    def proof(self) -> Proof:
        """Whether the table enforces."""
        return NO_PROOF if self._self_test is None else self._self_test.proof

    def unready(self) -> list[str]:
        """Why we are not ready; empty when we are."""
        reasons = []
        if self.judge.policy is None:
            reasons.append("no policy: the controller was never there")
        return reasons + self._unproven() + self._unwritten() + self._lifeless() + self._unanswered()

    def _unproven(self) -> list[str]:
        proof = self.proof
        return [] if proof.is_ready() else [proof.words()]

    def _unwritten(self) -> list[str]:
        problem = self.enforcing.problem or self.committer.problem
        return [f"leases cannot be written: {problem}"] if problem else []

    def _lifeless(self) -> list[str]:
        return [self.beating.problem] if self.beating.problem else []

    def _unanswered(self) -> list[str]:
        """Which upstreams are down, where that is all of them."""
        healths = self._healths()
        if not all(health.down_since is not None for health in healths.values()):
            return []
        return [f"upstream {server} is {health.state}" for server, health in healths.items()]

    def _healths(self) -> dict[str, Health]:
        return self._pool.healths() if self._pool is not None else {}

    def counted(self) -> dict[str, int]:
        """What this process counted since it started."""
        return self.dns_counters.as_dict() | self.counters.as_dict()

    def metrics(self) -> str:
        """What a scrape is answered with."""
        waiting = self._relay.waiting if self._relay is not None else 0
        connected, ready = self.linking.client.connected, not self.unready()
        policy, of_workers = self.judge.policy, self._crew.counters() if self._crew is not None else {}
        return exposition((
            build_info(VERSION),
            *own_process(),
            *metrics.counted(self.dns_counters, self.counters, of_workers),
            metrics.failures({name: count + of_workers.get(name, 0) for name, count in self.counted().items()}),
            number("dnsguard_forwarder_unlearned_total", "counter",
                   "Answers not learned for lack of room, where no policy asked for them.", self.book.unlearned),
            *metrics.durations(self.dns_log, self.committer.durations),
            *metrics.logged(self.dns_log),
            *metrics.upstreams(self._healths()),
            *metrics.proven(self.proof),
            *metrics.told(None if policy is None else policy.revision, self.linking.told_at),
            *metrics.room(self.book.library.edges, self.book.held.count, self.book.limits),
            number("dnsguard_forwarder_fail_open_after_seconds", "gauge",
                   "After how long without a sign of life of the forwarder everything passes; 0: never.",
                   self.beating.after),
            number("dnsguard_forwarder_waiting_queries", "gauge", "Queries that have no answer yet.", waiting),
            number("dnsguard_forwarder_controller_connected", "gauge", "Whether the controller is there: 1 or 0.",
                   int(connected)),
            number("dnsguard_forwarder_ready", "gauge", "Whether all is well: 1 or 0.", int(ready)),
        ))  # fmt: skip

    def _hello(self) -> Hello:
        revision = self.judge.policy.revision if self.judge.policy is not None else 0
        return Hello(f"forwarder-{os.getpid()}", addresses_behind(self.sockets.addresses, self.clients.own), revision)

    def _report(self) -> None:
        counters = self.counted()
        upstreams = {server: described(health) for server, health in self._healths().items()}
        problems = (
            *self.configuring.problems,
            *self.dns_log.problems,
            *self._unwritten(),
            *self._lifeless(),
            *self._unanswered(),
            *filter(None, [self.flows.problem, self.linking.problem, self._saving.problem]),
        )
        self.linking.client.report(Stats(counters, upstreams, problems, self.proof))

    # What is done now and then.

    async def _keep_reporting(self) -> None:
        self._report()

    async def _expire(self) -> None:
        self.book.expire(self._loop.time(), _EXPIRE_BUDGET)

    async def _retry(self) -> None:
        self.committer.retry()

    async def _look_at_addresses(self) -> None:
        try:
            if self.clients.set_own(await asyncio.to_thread(own_addresses)):
                self._forget_ready()
                log.info("the node's addresses have changed")
                self.trusted.look_again()
                self.configuring.ask_the_trusted()
        except OSError as error:
            log.error("the node's addresses cannot be read: %s", error)

    def _forget_ready(self) -> None:
        if self.judge.policy is not None:
            self._told.set()
        if self._relay is not None:
            self._relay.ready.clear()
        if self._crew is not None:
            self._crew.forget()

    def _ask_where_they_are_now(self) -> None:
        """The same servers at other addresses: what they said is as good as it was."""
        self.configuring.ask_the_trusted(forget=False)


def limits_of(settings: Settings) -> Limits:
    """The bounds of what is learned; those that are no setting follow from those that are."""
    total = settings.leases_in_total
    return Limits(
        edges_per_scope=settings.leases_per_client,
        edges_of_node=max(settings.leases_per_client, total // 4),
        addresses_per_name=settings.leases_per_name,
        edges=total,
        elements=total,
    )


async def run(settings: Settings, stopped: asyncio.Event) -> None:
    """Open the kernel and run until ``stopped``. Raises ``DnsguardError`` when it cannot start."""
    handed: Sequence[Handed] = handed_down()
    crew = None
    if settings.workers > 1:
        places = [(str(each.address), each.port) for each in settings.listen]
        intercepting = [each for each in handed if is_transparent(each.socket)]
        listening = [each for each in handed if each not in intercepting]
        own, *others = divided(listening, places, settings.workers)
        handed = [*own, *intercepting]
        crew = partial(Crew, settings, others)
    with claimed("forwarder", settings.table), _kernel() as kernel, _kernel() as lists:
        try:
            renews = readding_updates_timeout(kernel, f"dnsguard-probe-{os.getpid()}")
        except DnsguardError as error:
            raise CannotStart(f"nftables cannot be used: {error}") from None
        self_test = None
        if settings.canary is not None:
            required = settings.self_test == "Require"
            self_test = partial(_self_test, settings.canary, settings.self_test_interval, kernel, required)
        forwarder = Forwarder(
            settings, kernel, renews=renews, lists=lists, handed=handed, crew=crew, self_test=self_test
        )
        await forwarder.run(stopped)


def _self_test(
    canary: Canary, seconds: float, kernel: NetfilterSocket, required: bool,
    committer: Committer, counters: ForwarderCounters, changed: Callable[[], None],
) -> SelfTest:  # fmt: skip
    return SelfTest(canary, seconds, committer, kernel, counters, required=required, changed=changed)


def _kernel() -> NetfilterSocket:
    try:
        return NetfilterSocket()
    except DnsguardError as error:
        raise CannotStart(f"nftables cannot be used: {error}") from None


async def every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do it again and again, with that long a pause before each time, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        await work()


async def _drained(relay: Relay) -> None:
    """Return when nothing waits for its answer any more, or when that has taken long enough."""
    give_up = asyncio.get_running_loop().time() + _DRAIN_SECONDS
    while relay.waiting and asyncio.get_running_loop().time() < give_up:  # noqa: ASYNC110 - the hot path sets no events
        await asyncio.sleep(0.01)

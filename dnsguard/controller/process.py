"""The controller, wired: everything it holds is made here in order and released in reverse.

::

    store ─► follow ─► Inputs ─► Enforcer ─► Driver (kernel)
                          │          └─────► LinkServer (forwarders)
                          └─► read models ─► API ◄─ store
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack
from importlib.metadata import version

from dnsguard import unixsocket
from dnsguard.api.app import create_app
from dnsguard.api.authentication.tokens import HashedTokens, token_digest
from dnsguard.api.services import ADMIN, Services
from dnsguard.calc.compiled import Compiled
from dnsguard.claim import claimed
from dnsguard.controller.apiserver import ApiServer, bind, room
from dnsguard.controller.askingrights import AskingRights
from dnsguard.controller.auditing.catchingup import catch_up, require_acknowledged
from dnsguard.controller.auditing.log import AuditLog
from dnsguard.controller.autohost import AutoHost
from dnsguard.controller.bridgehooks import BridgeHooks, restore_bridges
from dnsguard.controller.collecting import collect_when_quiet
from dnsguard.controller.computing import Computing
from dnsguard.controller.counting.book import CounterBook, Counting
from dnsguard.controller.counting.stats import StatsModel
from dnsguard.controller.deadman import Deadman
from dnsguard.controller.denied.model import PacketsModel
from dnsguard.controller.denied.setup import log_trouble, logged_packets
from dnsguard.controller.discovering import Discovering
from dnsguard.controller.diverting import Diverting
from dnsguard.controller.dnslog import DnsLogModel
from dnsguard.controller.effective.model import EffectiveModel
from dnsguard.controller.enforcement import Enforcer
from dnsguard.controller.explain.model import ExplainModel
from dnsguard.controller.explain.policystates import PolicyStates
from dnsguard.controller.files import token
from dnsguard.controller.following import follow
from dnsguard.controller.keptinputs import KeptInputs
from dnsguard.controller.lockout import Lockouts
from dnsguard.controller.lookout import Lookout
from dnsguard.controller.metrics import MetricsModel
from dnsguard.controller.namesmodel import NamesModel
from dnsguard.controller.node import foundation_settings, watch_addresses
from dnsguard.controller.plugs import Plugs
from dnsguard.controller.readmodels import EndpointsModel, LeasesModel, StatusModel
from dnsguard.controller.revoking.revocation import Revocation
from dnsguard.controller.serving.crowd import Crowd
from dnsguard.controller.serving.transport import in_the_clear, tls
from dnsguard.controller.setuses import tell_uses
from dnsguard.controller.statuses import StatusesModel
from dnsguard.dataplane.counters import CounterTable
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.sentinel import Sentinel, Sighting
from dnsguard.dataplane.tables import Tables
from dnsguard.errors import DnsguardError
from dnsguard.files import make_directory
from dnsguard.link.server import LinkServer
from dnsguard.locations import AUDIT_FILE, STORE_FILE
from dnsguard.netlink.nftables import BRIDGE, IPV4, IPV6
from dnsguard.netlink.socket import FamilySocket, NetfilterSocket
from dnsguard.settings import Settings
from dnsguard.store.interface import StoreUnavailable
from dnsguard.store.sqlite import SqliteStore

log = logging.getLogger(__name__)

LAST_VALID_FILE = "last-valid.json"
VERSION = version("dnsguard")


async def run(settings: Settings, stopped: asyncio.Event) -> None:
    """Enforce and serve until ``stopped``. Raises DnsguardError when it cannot start."""
    make_directory(settings.state_dir)
    make_directory(settings.run_dir)
    secret = token(settings.token_file)
    async with AsyncExitStack() as stack:
        stack.enter_context(claimed("controller", settings.table))
        worker = ThreadPoolExecutor(1, "kernel")
        stack.callback(worker.shutdown)
        socket = stack.enter_context(NetfilterSocket())
        no_log = await asyncio.get_running_loop().run_in_executor(worker, log_trouble, settings, socket)
        if no_log:
            settings = settings.filled(packet_log="Off")
        foundation = build_plan(Compiled(), foundation_settings(settings))
        sentinel = Sentinel(stack.enter_context(NetfilterSocket()), foundation)
        driver = Driver(socket, foundation, sentinel)
        turning = {
            family: stack.enter_context(FamilySocket(number)) for family, number in (("ip", IPV4), ("ip6", IPV6))
        }
        tables = Tables(driver, stack.enter_context(FamilySocket(BRIDGE)), foundation, turning)
        await _close_unknown(tables, worker)
        counter_socket = stack.enter_context(NetfilterSocket())
        counters = CounterTable(counter_socket, settings.table, stack.enter_context(FamilySocket(BRIDGE)))
        counter_worker = ThreadPoolExecutor(1, "counters")
        stack.callback(counter_worker.shutdown)
        store = await SqliteStore.open(settings.state_dir / STORE_FILE)
        stack.push_async_callback(store.close)
        audit = AuditLog(settings.state_dir / AUDIT_FILE, settings.audit)  # ours, as the store is
        stack.callback(audit.close)
        require_acknowledged(settings.state_dir / STORE_FILE, store.revision, audit)
        await catch_up(store, audit, "changes without a record, for dnsguard ended between the two or the log is new")
        contexts = tls(settings)
        crowd = Crowd(room())
        listener = bind(settings.api_listen)
        stack.callback(listener.close)
        local = unixsocket.bind(settings.api_socket)
        stack.callback(settings.api_socket.unlink, missing_ok=True)
        stack.callback(local.close)
        kept = KeptInputs(settings.state_dir / LAST_VALID_FILE)
        inputs = kept.inputs
        rights = AskingRights(
            lambda: None if enforcer.enforced is None else enforcer.enforced.compiled, settings.node_name
        )
        link = LinkServer(settings.link_socket, lambda: enforcer.wake(), on_rights=rights.answer)

        def switched() -> None:
            link.void_rights()
            counting.switched()
            bridge_hooks.wake()

        def replugged() -> None:
            enforcer.wake()
            bridge_hooks.wake()

        plugs = Plugs(replugged)
        await asyncio.to_thread(plugs.look)
        revocation = None
        if settings.revoke_established == "On":
            revocation = stack.enter_context(Revocation(driver))
        enforcer: Enforcer[Plan] = Enforcer(
            inputs,
            Computing(settings, lambda: plugs.ports),
            tables,
            link,
            worker,
            switched=switched,
            revoker=None if revocation is None else revocation.revoker,
            progressed=lambda: statuses.progressed(),
        )
        statuses = StatusesModel(inputs, enforcer, settings.node_name, lambda: store.revision)
        bridge_hooks = BridgeHooks(
            settings.state_dir, lambda: () if enforcer.enforced is None else enforcer.enforced.plan.bridges
        )
        counting = Counting(enforcer, CounterBook(counters), counter_worker)
        await counting.open()
        diverting = Diverting(settings)
        discovering = Discovering(settings, store, audit)
        auto_host = AutoHost(settings, store, audit.say)
        deadman = Deadman(settings.fail_open_after, driver, worker)
        await link.start()
        stack.push_async_callback(link.close)

        troubles: dict[str, Callable[[], Iterable[str]]] = {
            "fail-open": lambda: [deadman.problem],
            "bridges": lambda: [*tables.problems, plugs.problem, *bridge_hooks.problems],
            "automatic host endpoint": lambda: [auto_host.problem],
            "store": lambda: [kept.trouble],
            "audit log": lambda: [audit.problem],
            "API": lambda: ["" if contexts is None else contexts.problem, in_the_clear(settings)],
            "interception": lambda: diverting.problems,
            "docker": lambda: discovering.problems,
            "packet log": lambda: [no_log, *packets.problems],
            "revocation": lambda: () if revocation is None else revocation.problems,
        }
        status = StatusModel(
            VERSION,
            inputs,
            enforcer,
            link,
            troubles,
            files_of(settings),
            self_test=settings.canary is not None,
            docker=lambda: discovering.state,
        )
        leases = LeasesModel(enforcer, link)
        states = PolicyStates()
        dns_log = DnsLogModel(link, leases.addresses_of)
        packets = logged_packets(settings, enforcer, link, counting)
        stack.push_async_callback(asyncio.to_thread, packets.close)
        app = create_app(
            Services(
                store=store,
                tokens=HashedTokens({ADMIN: token_digest(secret)}),
                explain=ExplainModel(
                    enforcer,
                    link,
                    counters.counters,
                    counter_worker,
                    settings,
                    ports=lambda: plugs.ports,
                    states=states,
                ),
                effective=EffectiveModel(enforcer, link, settings.node_name, states),
                status=status,
                endpoints=EndpointsModel(enforcer, settings.node_name),
                leases=leases,
                names=NamesModel(link),
                stats=StatsModel(counting),
                metrics=MetricsModel(
                    VERSION,
                    inputs,
                    enforcer,
                    link,
                    driver.worked,
                    counting,
                    settings.metrics_series,
                    settings.node_name,
                    settings.state_dir,
                    status.metrics,
                    audit.metrics,
                    packets.metrics,
                    deadman.metrics,
                    discovering.metrics,
                    crowd.metrics,
                    *(() if contexts is None else (contexts.metrics,)),
                    *(() if revocation is None else (revocation.metrics,)),
                ),
                dns_log=dns_log,
                packets=PacketsModel(packets.shown, leases.addresses_of, is_off=settings.packet_log == "Off"),
                audit=audit,
                statuses=statuses,
                lockouts=Lockouts(inputs, settings),
                version=VERSION,
                api_rate=settings.api_rate,
            )
        )
        try:
            await app.state.objects.ensure_builtins()
            await catch_up(store, audit, "built-in objects were made")
        except StoreUnavailable as error:
            log.error("built-in objects cannot be stored now, enforcement starts without them: %s", error)
        api = ApiServer(app, contexts, crowd)

        def changed() -> None:
            kept.save_if_needed()
            enforcer.changed()

        loop = asyncio.get_running_loop()

        def harmed(sighting: Sighting) -> None:
            loop.call_soon_threadsafe(enforcer.harmed, sighting)

        stack.enter_context(Lookout(sentinel, harmed))
        log.info(
            "API on %s and %s, token in %s, state in %s",
            settings.api_url,
            settings.api_socket,
            settings.token_file,
            settings.state_dir,
        )
        work = {
            "enforcement": enforcer.run(),
            "access": app.state.access.follow(),
            "store": follow(store, inputs, changed, kept.failed),
            "addresses": watch_addresses(lambda: inputs.resources, enforcer.wake),
            "host endpoint": auto_host.run(),
            "interception": diverting.run(),
            "discovery": discovering.run(),
            "bridge ports": plugs.run(),
            "bridge hooks": bridge_hooks.run(),
            "dead-man switch": deadman.run(),
            "set uses": tell_uses(enforcer, link),
            "denied packets": packets.run(),
            "collector": collect_when_quiet(lambda: enforcer.in_sync),
        }
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(each, name=name) for name, each in work.items()]
            serving = tasks.create_task(api.serve(sockets=[local, listener]), name="api")
            await stopped.wait()
            log.info("stopping; %s", "removing the table" if settings.on_stop == "Remove" else "the table stays")
            for task in running:
                task.cancel()
            await app.state.streams.close()
            app.state.followers.close()
            dns_log.close()
            audit.end_following()
            packets.shown.close()
            api.should_exit = True
            await serving
        if inputs.revision:
            kept.save()
        if settings.on_stop == "Remove":
            await asyncio.get_running_loop().run_in_executor(worker, tables.uninstall)
            await diverting.remove()
            with contextlib.suppress(OSError):
                await asyncio.to_thread(restore_bridges, settings.state_dir)


async def _close_unknown(tables: Tables, worker: Executor) -> None:
    """Before anything that may fail or take its time: a node whose store is broken must not stand open."""
    try:
        await asyncio.get_running_loop().run_in_executor(worker, tables.open)
    except DnsguardError as error:
        log.error("the table cannot be made, which is tried again: %s", error)


def files_of(settings: Settings) -> dict[str, str]:
    """What is kept where, for people."""
    return {
        "state": str(settings.state_dir),
        "store": str(settings.state_dir / STORE_FILE),
        "token": str(settings.token_file),
        "audit": str(settings.state_dir / AUDIT_FILE),
        **({} if settings.packet_log == "Off" else {"packets": str(settings.packet_log_path)}),
        "link": str(settings.link_socket),
        "api": settings.api_url,
        "api socket": str(settings.api_socket),
    }

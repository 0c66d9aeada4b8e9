"""Resources → everything that is enforced for them: the worker thread's part of a change."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from dnsguard.calc.compile import Compiler
from dnsguard.calc.compiled import Action, Address, Compiled, CompiledEndpoint, Direction, Stage
from dnsguard.calc.evaluator.failsafe import DEFAULT_FAILSAFE
from dnsguard.calc.evaluator.judge import Judge, Known
from dnsguard.calc.evaluator.matching import nothing_leased
from dnsguard.calc.evaluator.packet import Packet
from dnsguard.controller.desired import Desired
from dnsguard.controller.feeds import Feeds
from dnsguard.controller.node import (
    InterfaceAddresses,
    SeenResources,
    dns_configuration,
    interface_addresses,
    plan_settings,
)
from dnsguard.controller.queryrights import Allows
from dnsguard.dataplane.planner import Planner
from dnsguard.dataplane.ports import BridgePorts
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.settings import Settings as PlanSettings
from dnsguard.resources import Resource
from dnsguard.servers import DNS_PORT
from dnsguard.settings import Settings
from dnsguard.settings.effective import Effective, effective

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Policy:
    """What does not depend on forwarders, and what it was made from."""

    resources: tuple[Resource, ...]
    interfaces: InterfaceAddresses
    ports: BridgePorts
    compiled: Compiled
    plan: Plan
    configuration: Effective
    surroundings: PlanSettings


class Computing:
    """An ``desired.Compute``. One call at a time."""

    def __init__(self, settings: Settings, ports: Callable[[], BridgePorts] = lambda: ()) -> None:
        """``ports``: what is plugged into the machine's bridges."""
        self._settings = settings
        self._ports = ports
        self._seen = SeenResources()
        self._compiler = Compiler()
        self._planner = Planner()
        self._feeds = Feeds(settings.table, settings.node_name, settings.query_policy)
        self._last: _Policy | None = None

    def __call__(self, resources: tuple[Resource, ...], listen: frozenset[str], revision: int) -> Desired[Plan]:
        policy = self._policy(resources)
        snapshot = self._feeds.snapshot(
            policy.compiled, listen, lambda: egress_allows(policy.compiled), policy.interfaces
        )
        snapshot = replace(snapshot, configuration=dns_configuration(self._settings, policy.configuration))
        return Desired(
            revision,
            policy.compiled,
            policy.plan,
            snapshot,
            policy.resources,
            policy.configuration,
            policy.surroundings,
        )

    def _policy(self, resources: tuple[Resource, ...]) -> _Policy:
        """The last one when nothing changed: a forwarder that connects, or a kernel that refused, changes nothing."""
        seen = self._seen
        seen.see(resources)
        interfaces, ports = interface_addresses(seen.of_node), self._ports()
        last = self._last
        if last is not None and (last.interfaces, last.ports) == (interfaces, ports) and last.resources is seen.all:
            return last
        compiled = self._compiler.compile(seen.all)
        configuration = effective(self._settings, seen.of_node)
        for warning in configuration.warnings:
            if last is None or warning not in last.configuration.warnings:
                log.warning("%s", warning)
        surroundings = plan_settings(self._settings, interfaces, configuration, ports)
        plan = self._planner.plan(compiled, surroundings)
        self._last = _Policy(seen.all, interfaces, ports, compiled, plan, configuration, surroundings)
        return self._last


def egress_allows(compiled: Compiled) -> Allows:
    """Judges port 53 by the one evaluator there is."""
    # A thousand policies of one tenant make hundreds of classes: what a policy says is worked out once for them all.
    known: dict[tuple[Address, int], Known] = {}

    def allows(endpoint: CompiledEndpoint, client: Address, server: Address, protocol: int) -> bool:
        packet = Packet(client, server, protocol, destination_port=DNS_PORT)
        of_server = known.setdefault((server, protocol), {})
        judge = Judge(compiled, packet, nothing_leased, DEFAULT_FAILSAFE, of_server)  # no failsafe concerns a workload
        return judge.judge(endpoint, Stage.NORMAL, Direction.EGRESS).decision.action is Action.ALLOW

    return allows

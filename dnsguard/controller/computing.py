"""Resources → everything that is enforced for them: the worker thread's part of a change."""

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action, Address, Compiled, CompiledEndpoint, Direction
from dnsguard.calc.packet import Packet
from dnsguard.calc.verdict import Evaluator
from dnsguard.controller.enforcement import Desired
from dnsguard.controller.feeds import snapshot_of
from dnsguard.controller.judgement import DNS_PORT, Allows, Judgement
from dnsguard.controller.node import interface_addresses, plan_settings
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.rules import Plan
from dnsguard.resources import Resource
from dnsguard.settings import Settings


class Computing:
    """An ``enforcement.Compute``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, resources: tuple[Resource, ...], listen: frozenset[str], revision: int) -> Desired[Plan]:
        compiled = compile_policy(resources)
        judgement = Judgement(compiled, listen, egress_allows(compiled))
        return Desired(
            revision,
            compiled,
            build_plan(compiled, plan_settings(self._settings, interface_addresses(resources))),
            snapshot_of(
                compiled,
                self._settings.table,
                self._settings.node_name,
                judgement.may_query,
                self._settings.query_policy,
            ),
        )


def egress_allows(compiled: Compiled) -> Allows:
    """Judges port 53 by the one evaluator there is."""
    evaluator = Evaluator(compiled)

    def allows(endpoint: CompiledEndpoint, client: Address, server: Address, protocol: int) -> bool:
        packet = Packet(client, server, protocol, destination_port=DNS_PORT)
        return evaluator.judge(endpoint.id, Direction.EGRESS, packet).decision.action is Action.ALLOW

    return allows

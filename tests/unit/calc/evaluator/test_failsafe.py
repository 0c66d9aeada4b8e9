"""What stays reachable on a host, whatever its policies say."""

from ipaddress import ip_network

import pytest

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action, Direction, EndpointId, Stage
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.failsafe import DEFAULT_FAILSAFE, FailsafePort, FailsafePorts
from dnsguard.calc.evaluator.node import Node
from dnsguard.calc.evaluator.packet import TCP, UDP, Packet
from dnsguard.calc.evaluator.trace import Decider
from tests.unit.calc.builders import host
from tests.unit.calc.probes import OUT, egress, judged, packet

FAILSAFE = FailsafePorts((FailsafePort(TCP, 22, ip_network("203.0.113.0/24")),), (FailsafePort(UDP, 53),))


@pytest.mark.parametrize(
    ("failsafe", "direction", "stage", "probe", "covered"),
    [
        (DEFAULT_FAILSAFE, Direction.INGRESS, Stage.NORMAL, packet(OUT, "10.9.0.1", TCP, 6443), True),
        (DEFAULT_FAILSAFE, Direction.INGRESS, Stage.FORWARD, packet(OUT, "10.9.0.1", TCP, 6443), False),
        (DEFAULT_FAILSAFE, Direction.EGRESS, Stage.NORMAL, packet("10.9.0.1", OUT, UDP, 53), True),
        (DEFAULT_FAILSAFE, Direction.EGRESS, Stage.NORMAL, packet("10.9.0.1", OUT, TCP, 53), False),
        (FailsafePorts((), ()), Direction.EGRESS, Stage.NORMAL, packet("10.9.0.1", OUT, UDP, 53), False),
        (FAILSAFE, Direction.INGRESS, Stage.PRE_DNAT, packet(OUT, "10.9.0.1", TCP, 22), True),
        (FAILSAFE, Direction.INGRESS, Stage.PRE_DNAT, packet("192.0.2.1", "10.9.0.1", TCP, 22), False),
        # replies, where nothing tracks connections
        (FAILSAFE, Direction.EGRESS, Stage.UNTRACKED, packet("10.9.0.1", OUT, TCP, 9, source_port=22), True),
        (FAILSAFE, Direction.EGRESS, Stage.UNTRACKED, packet("10.9.0.1", "192.0.2.1", TCP, 9, source_port=22), False),
        (FAILSAFE, Direction.EGRESS, Stage.NORMAL, packet("10.9.0.1", OUT, TCP, 9, source_port=22), False),
        (FAILSAFE, Direction.INGRESS, Stage.UNTRACKED, packet(OUT, "10.9.0.1", UDP, 9, source_port=53), True),
    ],
)
def test_failsafe_ports(
    failsafe: FailsafePorts, direction: Direction, stage: Stage, probe: Packet, covered: bool
) -> None:
    endpoint = EndpointId("HostEndpoint", "", "h")
    judgement = Evaluator(compile_policy([host("h", "10.9.0.1")]), Node(failsafe=failsafe)).judge(
        endpoint, direction, probe, stage=stage
    )
    assert (judgement.decision.decider is Decider.FAILSAFE) is covered


def test_failsafe_ports_are_not_for_workloads() -> None:
    assert judged([egress()], packet("10.0.0.1", OUT, UDP, 53)).decision.action is Action.DENY

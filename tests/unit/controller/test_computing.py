from unittest.mock import Mock

import pytest

from dnsguard.calc.compile import Compiler
from dnsguard.controller.computing import Computing
from dnsguard.controller.feeds import Feeds
from dnsguard.dataplane.planner import Planner
from dnsguard.dataplane.render import render
from dnsguard.link.messages import DnsConfiguration
from tests.unit.controller.running import LISTEN, SHOP, InForce, settings

DNS = """
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  selector: app == 'cart'
  types: [Egress]
  egress:
    - {action: Allow, protocol: UDP, destination: {nets: [192.0.2.53/32], ports: [53]}}
"""


def test_rules_sets_and_feeds_name_the_same_things() -> None:
    desired = InForce(SHOP).enforcer.enforced
    assert desired is not None
    (feed,) = desired.snapshot.lease_sets
    assert {feed.kernel_set_v4, feed.kernel_set_v6} <= {each.name for each in desired.plan.sets}
    assert [(each.endpoint, each.lease_sets) for each in desired.snapshot.identities] == [
        ("shop/cart", (feed.id,)),
        ("shop/web", ()),
    ]


def test_queries_are_judged_by_policy() -> None:
    in_force = InForce(SHOP + DNS)
    assert in_force.enforcer.enforced is not None
    identities = {each.endpoint: each.may_query for each in in_force.enforcer.enforced.snapshot.identities}
    assert identities == {"shop/cart": ("udp/192.0.2.53",), "shop/web": ("udp/192.0.2.53", "tcp/192.0.2.53")}


def test_a_forwarder_that_connects_costs_no_compilation() -> None:
    resources = InForce(SHOP).inputs.resources
    compute = Computing(settings())
    before = compute(resources, frozenset(), 7)
    after = compute(tuple(resources), LISTEN, 7)
    assert after.plan is before.plan
    assert after.snapshot != before.snapshot
    assert compute(resources[:-1], LISTEN, 8).compiled != before.compiled


def test_what_failed_half_way_is_not_taken_for_done(monkeypatch: pytest.MonkeyPatch) -> None:
    before, now = InForce(SHOP).inputs.resources, InForce(SHOP + DNS).inputs.resources
    compute = Computing(settings())
    for part, step in ((Planner, "plan"), (Compiler, "compile"), (Feeds, "snapshot")):
        compute(before, LISTEN, 7)
        with monkeypatch.context() as context:
            context.setattr(part, step, Mock(side_effect=RuntimeError("half-way")))
            with pytest.raises(RuntimeError, match="half-way"):
                compute(now, LISTEN, 8)
        after, anew = compute(now, LISTEN, 8), Computing(settings())(now, LISTEN, 8)
        assert (after.compiled, after.snapshot) == (anew.compiled, anew.snapshot)
        assert render(after.plan) == render(anew.plan)


FELIX = """
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec:
  defaultEndpointToHostAction: Accept
  allowVXLANPacketsFromWorkloads: true
  nftablesFilterDenyAction: Reject
  failsafeInboundHostPorts: []
  dnsCacheEpoch: 7
  dnsExtraTTL: 10s
  dnsPolicyMode: NoDelay
  dnsTrustedServers: [198.51.100.1]
"""


def test_felix_configuration_shapes_rules_and_what_the_forwarder_is_told() -> None:
    plain, felix = InForce(SHOP).enforcer.enforced, InForce(SHOP + FELIX).enforcer.enforced
    assert plain is not None
    assert felix is not None
    assert felix.configuration is not None
    assert felix.plan != plain.plan
    assert "reject" in render(felix.plan)
    assert "reject" not in render(plain.plan)
    assert felix.configuration.failsafe.inbound == ()
    assert [text in render(plain.plan) for text in ("VXLAN from", "IP in IP from")] == [True, True]
    assert [text in render(felix.plan) for text in ("VXLAN from", "IP in IP from")] == [False, True]
    assert plain.snapshot.configuration == DnsConfiguration()
    # The test's settings name an upstream, and settings come first.
    assert felix.snapshot.configuration == DnsConfiguration(extra_ttl=10.0, cache_epoch=7, no_delay=True)


def test_a_change_of_configuration_is_a_change_like_any_other() -> None:
    with_felix, without = InForce(SHOP + FELIX).inputs.resources, InForce(SHOP).inputs.resources
    compute = Computing(settings())
    before = compute(without, LISTEN, 7)
    during = compute((*without, *(each for each in with_felix if each.kind == "FelixConfiguration")), LISTEN, 8)
    after = compute(without, LISTEN, 9)
    assert during.plan != before.plan
    assert render(after.plan) == render(before.plan)
    assert after.snapshot.configuration == before.snapshot.configuration

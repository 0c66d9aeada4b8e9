from dnsguard.controller.explain.learned import Learned
from dnsguard.controller.explain.names import explained_name
from dnsguard.controller.explain.origins import Origins
from dnsguard.controller.explain.written import Written
from dnsguard.domains import wire_name
from dnsguard.link.messages import LearnedAlias, LearnedLease
from tests.unit.controller.policy import LEASES, compiled
from tests.unit.controller.running import SHOP, InForce

NAME = wire_name("api.example.org")
SETS = """
---
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {name: partners, namespace: shop, labels: {role: partner}}
spec: {allowedEgressDomains: ["*.Partner.example", "api.partner.example"]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: idle, labels: {role: nobody}}
spec: {allowedEgressDomains: ["api.partner.example"]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: partners, namespace: shop}
spec:
  selector: app == 'web'
  types: [Egress]
  egress: [{action: Allow, destination: {selector: role == 'partner'}}]
"""


def named(
    learned: Learned, name: bytes = NAME
) -> tuple[list[tuple[str, str]], list[tuple[str, tuple[str, ...], bool]]]:
    found = explained_name(name, (), compiled(), learned, Origins(()), "")
    steps = [(each.owner, each.target) for each in found.aliases]
    return steps, [(each.address, each.sets, each.node_wide) for each in found.addresses]


def test_the_steps_are_those_of_this_name_each_once_also_in_a_loop() -> None:
    steps = [
        ("api.example.org", "b.example"),
        ("b.example", "c.example"),
        ("c.example", "b.example"),
        ("x.example", "y.example"),
    ]
    learned = Learned((), tuple(LearnedAlias(owner, target, 9.0) for owner, target in steps))
    assert named(learned)[0] == steps[:3]


def test_addresses_are_told_once_with_all_their_sets() -> None:
    learned = Learned(
        (
            LearnedLease("shop/cart", "10.0.0.7", "203.0.113.9", ("s:b",), ("api.example.org",), 5.0),
            LearnedLease("node", "10.0.0.7", "203.0.113.9", ("s:a",), ("api.example.org",), 9.0),
            LearnedLease("node", "", "203.0.113.10", (), ("api.example.org",), 9.0),
            LearnedLease("node", "", "203.0.113.11", (), ("other.example.org",), 9.0),
        )
    )
    assert named(learned)[1] == [("203.0.113.9", ("s:a", "s:b"), False), ("203.0.113.10", (), True)]


def test_what_carries_a_name_is_called_by_its_set_its_text_and_its_rules() -> None:
    enforced = InForce(SHOP + SETS).enforcer.enforced
    assert enforced is not None
    world, written = enforced.compiled, Written(enforced.resources)
    endpoints = {each.id.name: each for each in world.endpoints.values()}
    name = wire_name("api.partner.example")

    def carriers(client: str) -> list[tuple[str, str, tuple[str, ...], bool]]:
        used = world.lease_sets_of(endpoints[client])
        found = explained_name(name, used, world, Learned(), Origins(written.network_sets), "")
        return [(each.origin, each.pattern, each.rules, each.used) for each in found.carriers]

    rules = ("rule 0 of NetworkPolicy/shop/partners",)
    assert carriers("web") == [
        ("NetworkSet/shop/partners", "*.Partner.example", rules, True),
        ("NetworkSet/shop/partners", "api.partner.example", rules, True),
        ("GlobalNetworkSet/idle", "api.partner.example", (), False),
    ]
    assert {used for *_, used in carriers("cart")} == {False}


def test_a_name_behind_an_alias_is_carried_too() -> None:
    learned = Learned((), (LearnedAlias("shop.example.net", "api.example.org", 9.0),))
    found = explained_name(wire_name("shop.example.net"), {LEASES.id}, compiled(), learned, Origins(()), "")
    (carrier,) = found.carriers
    assert (carrier.lease_set, carrier.pattern, carrier.used) == (LEASES.id, "*.Example.org", True)

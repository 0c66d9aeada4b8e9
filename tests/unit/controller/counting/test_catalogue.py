from dataclasses import replace

from dnsguard.calc.compiled import Action, Compiled, CompiledPolicy, CompiledProfile, CompiledRule, Direction, PolicyId
from dnsguard.controller.counting.catalogue import Catalogue, CountedRule, CountedTier

INGRESS, EGRESS = Direction.INGRESS, Direction.EGRESS
WEB = CompiledPolicy(
    PolicyId("NetworkPolicy", "shop", "web"),
    "security",
    ingress=(CompiledRule(0, Action.DENY),),
    egress=(CompiledRule(0, Action.LOG), CompiledRule(1, Action.PASS)),
)
LONG = CompiledPolicy(
    PolicyId("GlobalNetworkPolicy", "", "n" * 200), "default", egress=(CompiledRule(0, Action.ALLOW),)
)
PROFILE = CompiledProfile("kns.shop", egress=(CompiledRule(0, Action.ALLOW),))


def compiled(*policies: CompiledPolicy) -> Compiled:
    return Compiled(policies={each.id: each for each in policies}, profiles={PROFILE.name: PROFILE})


def test_each_counter_has_its_rule_and_what_is_left_is_no_policys() -> None:
    catalogue = Catalogue()
    found = catalogue.counted(compiled(WEB, LONG), ())
    long, web, profile = found.policies
    assert [each.id.kind for each in found.policies] == ["GlobalNetworkPolicy", "NetworkPolicy", "Profile"]
    assert web.rules == (
        CountedRule(INGRESS, 0, Action.DENY, "np-shop.web-ingress-0"),
        CountedRule(EGRESS, 0, Action.LOG, "np-shop.web-egress-0"),
        CountedRule(EGRESS, 1, Action.PASS, "np-shop.web-egress-1"),
    )
    assert (profile.id.name, profile.tier) == ("kns.shop", "")
    (cut,) = long.rules
    assert long.id.name not in cut.counter, "a name that was cut leads to its policy all the same"
    assert found.tiers == tuple(
        CountedTier(tier, direction, f"tier-{tier}-{direction}-end")
        for tier in ("default", "security")
        for direction in Direction
    )
    plan = (cut.counter, "np-shop.web-egress-0", "spoofed-source", "tier-default-egress-end")
    assert catalogue.counted(compiled(WEB, LONG), plan).base == ("spoofed-source",)


def test_what_did_not_change_is_not_made_again() -> None:
    catalogue = Catalogue()
    before = catalogue.counted(compiled(WEB, LONG), ())
    edited = replace(WEB, egress=WEB.egress[:1])
    after = catalogue.counted(compiled(edited, LONG), ())
    assert [one is other for one, other in zip(before.policies, after.policies, strict=True)] == [True, False, True]
    assert [rule.counter for rule in after.policies[1].rules] == ["np-shop.web-ingress-0", "np-shop.web-egress-0"]

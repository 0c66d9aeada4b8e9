from dnsguard.calc.compiled import Action, Direction, PolicyId
from dnsguard.controller.counting.catalogue import CountedPolicy, CountedRule, CountedTier, Counters
from dnsguard.controller.counting.ledger import Ledger
from dnsguard.controller.counting.metrics import counted
from dnsguard.controller.counting.page import Page
from dnsguard.dataplane.counted import Counted
from dnsguard.observe.exposition import exposition
from tests.unit.observe.test_exposition import check


def page(policies: int, rules: int) -> Page:
    """So many policies of so many rules; rule N of each matched N packets."""
    made = tuple(
        CountedPolicy(
            PolicyId("GlobalNetworkPolicy", "", f"p{number}"),
            "default",
            tuple(CountedRule(Direction.EGRESS, each, Action.ALLOW, f"{number}-{each}") for each in range(rules)),
        )
        for number in range(policies)
    )
    counts = {f"{number}-{each}": Counted(each, each * 60) for number in range(policies) for each in range(rules)}
    counts |= {"end": Counted(4, 240), "spoofed-source": Counted(2, 120)}
    ledger = Ledger()
    ledger.take(made, counts)
    tiers = CountedTier("default", Direction.EGRESS, "end"), CountedTier("default", Direction.INGRESS, "none")
    counters = Counters(made, tiers, ("spoofed-source", "not-there"))
    return Page(counters, counts, ledger.policies, ledger.tiers, 1.0, 0.25)


def samples(of: Page, most: int) -> list[str]:
    text = exposition(counted(of, most))
    check(text)
    return [line for line in text.splitlines() if not line.startswith("#")]


def names(of: Page, most: int) -> set[str]:
    return {line.partition("{")[0] for line in samples(of, most) if "_packets_total" in line}


def test_each_rule_and_each_policy_is_told_with_what_it_is() -> None:
    policy = 'kind="GlobalNetworkPolicy",namespace="",name="p0",tier="default",direction="egress"'
    assert [line for line in samples(page(1, 3), 10) if "_rule_" in line or "_policy_" in line] == [
        *(f'dnsguard_rule_packets_total{{{policy},rule="{each}",action="allow"}} {each}' for each in range(3)),
        *(f'dnsguard_rule_bytes_total{{{policy},rule="{each}",action="allow"}} {each * 60}' for each in range(3)),
        f'dnsguard_policy_packets_total{{{policy},action="allow"}} 3',
        f'dnsguard_policy_bytes_total{{{policy},action="allow"}} 180',
    ]


def test_what_is_no_rules_is_told_where_the_kernel_has_it() -> None:
    found = samples(page(1, 1), 10)
    assert [line for line in found if "_end_" in line or "_base_" in line] == [
        'dnsguard_tier_end_packets_total{tier="default",direction="egress"} 4',
        'dnsguard_tier_end_bytes_total{tier="default",direction="egress"} 240',
        'dnsguard_base_packets_total{counter="spoofed-source"} 2',
        'dnsguard_base_bytes_total{counter="spoofed-source"} 120',
    ]
    assert {"dnsguard_dataplane_counters 3", "dnsguard_counters_read_seconds 0.25"} <= set(found)


def test_a_thousand_policies_of_ten_rules_come_to_no_more_than_the_bound() -> None:
    others = {"dnsguard_tier_packets_total", "dnsguard_tier_end_packets_total", "dnsguard_base_packets_total"}
    large = page(1000, 10)
    by_rule, by_policy = {"dnsguard_rule_packets_total"}, {"dnsguard_policy_packets_total"}
    assert names(large, 10_000) == others | by_rule | by_policy
    assert names(large, 9_999) == others | by_policy
    assert names(large, 999) == others
    withheld = [line for line in samples(large, 999) if "withheld" in line]
    assert withheld == [
        'dnsguard_series_withheld{family="rule"} 10000',
        'dnsguard_series_withheld{family="policy"} 1000',
    ]
    assert 'dnsguard_tier_packets_total{tier="default",direction="egress",action="allow"} 45000' in samples(large, 1)

from dnsguard.calc.compiled import Action, Direction, PolicyId
from dnsguard.controller.counting.catalogue import CountedPolicy, CountedRule
from dnsguard.controller.counting.ledger import Ledger, PolicySum, TierSum
from dnsguard.dataplane.counted import Counted

ALLOW, DENY = Action.ALLOW, Action.DENY
WEB = PolicyId("NetworkPolicy", "shop", "web")


def policy(*actions: Action, of: PolicyId = WEB, tier: str = "default") -> CountedPolicy:
    rules = (CountedRule(Direction.EGRESS, place, action, f"{of}-{place}") for place, action in enumerate(actions))
    return CountedPolicy(of, tier, tuple(rules))


def counts(*packets: int, of: PolicyId = WEB) -> dict[str, Counted]:
    return {f"{of}-{place}": Counted(each, each * 60) for place, each in enumerate(packets)}


def sums(ledger: Ledger) -> dict[str, int]:
    return {str(key.action): value.packets for key, value in ledger.policies.items()}


def of_tier(ledger: Ledger, action: Action = ALLOW) -> int:
    return ledger.tiers[TierSum("default", Direction.EGRESS, action)].packets


def test_rules_of_one_action_are_added_up() -> None:
    ledger = Ledger()
    ledger.take([policy(ALLOW, DENY, ALLOW)], counts(5, 3, 2))
    assert sums(ledger) == {"allow": 7, "deny": 3}
    assert ledger.policies[PolicySum(WEB, "default", Direction.EGRESS, ALLOW)] == Counted(7, 420)
    assert (of_tier(ledger), of_tier(ledger, DENY)) == (7, 3)


def test_what_was_there_before_is_not_ours() -> None:
    ledger = Ledger()
    ledger.open(counts(100))
    ledger.take([policy(ALLOW, ALLOW)], counts(104, 2))
    assert sums(ledger) == {"allow": 6}


def test_a_rule_that_goes_takes_nothing_with_it_and_one_that_begins_anew_goes_on() -> None:
    ledger = Ledger()
    ledger.take([policy(ALLOW, ALLOW)], counts(50, 40))
    ledger.take([policy(ALLOW)], counts(60))
    assert sums(ledger) == {"allow": 100}
    ledger.take([policy(ALLOW)], counts(3))
    assert sums(ledger) == {"allow": 103}, "the counter was made anew, and said 3 since"
    ledger.take([policy(ALLOW, ALLOW)], counts(3, 1))
    assert sums(ledger) == {"allow": 104}


def test_a_counter_that_a_reading_lacks_goes_on_where_it_was() -> None:
    ledger = Ledger()
    ledger.take([policy(ALLOW)], counts(50))
    ledger.take([policy(ALLOW)], {})
    ledger.take([policy(ALLOW)], counts(51))
    assert sums(ledger) == {"allow": 51}


def test_who_is_gone_is_dropped_and_its_tier_remembers() -> None:
    ledger = Ledger()
    other = PolicyId("GlobalNetworkPolicy", "", "other")
    ledger.take([policy(ALLOW), policy(ALLOW, of=other)], counts(5) | counts(2, of=other))
    ledger.take([policy(ALLOW)], counts(6))
    assert {key.policy for key in ledger.policies} == {WEB}
    assert of_tier(ledger) == 8


def test_profiles_belong_to_no_tier() -> None:
    ledger = Ledger()
    ledger.take([policy(ALLOW, tier="")], counts(5))
    assert (sums(ledger), ledger.tiers) == ({"allow": 5}, {})


def test_what_an_edited_rule_counted_stays_with_what_it_did() -> None:
    ledger = Ledger()
    allows, denies = policy(ALLOW, ALLOW), policy(DENY, ALLOW)
    ledger.take([allows], counts(10, 1))
    ledger.end(allows, {f"{WEB}-0": Counted(12, 720)})
    ledger.take([denies], counts(30, 1))
    assert sums(ledger) == {"allow": 13, "deny": 30}
    assert (of_tier(ledger), of_tier(ledger, DENY)) == (13, 30)

"""What happens to a denied packet before it ends."""

from dataclasses import replace

import pytest

from dnsguard.calc.compiled import Direction, Stage
from dnsguard.dataplane.canary import DENIED_OUT
from dnsguard.dataplane.denying import denied_by_policy, denied_outright
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.render import render_rule
from dnsguard.dataplane.rules import Count, Goto, Log, Marked, Rule, Verdict, Way, WithinShare
from dnsguard.dataplane.sets import ShareSet
from dnsguard.dataplane.settings import DeniedLog, DenyAction, Settings
from tests.unit.dataplane.samples import SAMPLES

REJECTING = Settings(deny=DenyAction.REJECT)
LOGGING = Settings(denied_log=DeniedLog(group=7, per_second=5))
SHARE = {
    Way.IN: WithinShare(Way.IN, "denied-egress-5", 5),
    Way.OUT: WithinShare(Way.OUT, "denied-ingress-5", 5),
}


@pytest.mark.parametrize(
    ("settings", "stage", "ends"),
    [
        (Settings(), Stage.NORMAL, "drop"),
        (REJECTING, Stage.NORMAL, "reject with icmpx admin-prohibited"),
        (REJECTING, Stage.FORWARD, "reject with icmpx admin-prohibited"),
        (REJECTING, Stage.PRE_DNAT, "drop"),
        (REJECTING, Stage.UNTRACKED, "drop"),
    ],
)
def test_how_policy_denies(settings: Settings, stage: Stage, ends: str) -> None:
    (rule,) = denied_by_policy(settings, stage, Direction.INGRESS).rules([Marked(1)], Count("np-a.b-egress-0"), "why")
    assert render_rule(rule).endswith(f'counter name "np-a.b-egress-0" {ends} comment "why"')


def test_what_no_policy_is_asked_about_is_dropped_silently() -> None:
    (rule,) = denied_outright(REJECTING).rules([], Count("spoofed-source"))
    assert rule == Rule((Count("spoofed-source"), Verdict.DROP))


def test_what_is_denied_is_logged_first_within_its_limit() -> None:
    log, denial = denied_outright(LOGGING).rules([Marked(1)], Count("spoofed-source"), "why")
    assert log == Rule((Marked(1), SHARE[Way.IN], Log("spoofed-source", 7, 50)), "why")
    assert render_rule(log) == (
        "meta mark & 0x00000001 == 0x00000001"
        " update @denied-egress-5 { iifname limit rate 5/second burst 5 packets }"
        ' limit rate 50/second burst 50 packets log prefix "spoofed-source" group 7 comment "why"'
    )
    assert (denial,) == denied_outright(Settings()).rules([Marked(1)], Count("spoofed-source"), "why")


def _denies(end: object) -> bool:
    """What stands alone in a chain that denies is led to by rules that count and log."""
    return end in (Verdict.DROP, Verdict.REJECT) or (isinstance(end, Goto) and end.chain.startswith("denied-"))


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_rule_that_denies_has_its_log(sample: str) -> None:
    make, settings = SAMPLES[sample]
    plain = build_plan(make(), replace(settings, denied_log=None))
    logging = build_plan(make(), replace(settings, denied_log=LOGGING.denied_log))
    kinds = {chain.name for chain in plain.chains}
    rules = [rule for chain in logging.chains for rule in chain.rules]
    denials = 0
    for before, rule in zip([Rule(()), *rules], rules, strict=False):
        if len(rule.parts) > 1 and _denies(rule.parts[-1]):
            count = rule.parts[-2]
            assert isinstance(count, Count)
            if count.counter == DENIED_OUT:  # the self-test's own
                continue
            denials += 1
            log = Log(count.counter, 7, 50)
            assert before in [Rule((*rule.parts[:-2], share, log), rule.comment) for share in SHARE.values()]
    assert denials > 0
    assert len(rules) == denials + sum(len(chain.rules) for chain in plain.chains)
    assert logging.counters == plain.counters
    named = {part.set_name for rule in rules for part in rule.parts if isinstance(part, WithinShare)}
    assert named <= {item.name for item in logging.sets if isinstance(item, ShareSet)}
    assert {chain.name for chain in logging.chains if chain.hook or chain.is_door} <= kinds

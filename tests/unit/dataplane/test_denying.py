"""What happens to a denied packet before it ends."""

from dataclasses import replace

import pytest

from dnsguard.calc.compiled import Stage
from dnsguard.dataplane.denying import denied_by_policy, denied_outright
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.render import render_rule
from dnsguard.dataplane.rules import Count, Log, Marked, Rule, Verdict
from dnsguard.dataplane.settings import DeniedLog, DenyAction, Settings
from tests.unit.dataplane.samples import SAMPLES

REJECTING = Settings(deny=DenyAction.REJECT)
LOGGING = Settings(denied_log=DeniedLog(group=7, per_second=5))


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
    (rule,) = denied_by_policy(settings, stage).rules([Marked(1)], Count("np-a.b-egress-0"), "why")
    assert render_rule(rule).endswith(f'counter name "np-a.b-egress-0" {ends} comment "why"')


def test_what_no_policy_is_asked_about_is_dropped_silently() -> None:
    (rule,) = denied_outright(REJECTING).rules([], Count("spoofed-source"))
    assert rule == Rule((Count("spoofed-source"), Verdict.DROP))


def test_what_is_denied_is_logged_first_within_its_limit() -> None:
    log, denial = denied_outright(LOGGING).rules([Marked(1)], Count("spoofed-source"), "why")
    assert log == Rule((Marked(1), Log("spoofed-source", 7, 5)), "why")
    assert (denial,) == denied_outright(Settings()).rules([Marked(1)], Count("spoofed-source"), "why")


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_rule_that_denies_has_its_log(sample: str) -> None:
    make, settings = SAMPLES[sample]
    plain = build_plan(make(), replace(settings, denied_log=None))
    logging = build_plan(make(), replace(settings, denied_log=LOGGING.denied_log))
    kinds = {chain.name for chain in plain.chains}
    rules = [rule for chain in logging.chains for rule in chain.rules]
    denials = 0
    for before, rule in zip([Rule(()), *rules], rules, strict=False):
        if rule.parts[-1:] in ((Verdict.DROP,), (Verdict.REJECT,)):
            denials += 1
            count = rule.parts[-2]
            assert isinstance(count, Count)
            assert before == Rule((*rule.parts[:-2], Log(count.counter, 7, 5)), rule.comment)
    assert denials > 0
    assert len(rules) == denials + sum(len(chain.rules) for chain in plain.chains)
    assert logging.counters == plain.counters
    assert {chain.name for chain in logging.chains if chain.hook or chain.is_door} <= kinds

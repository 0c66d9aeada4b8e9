"""Without the dead-man switch there is not one rule of it; with it, it stands before all others."""

from dataclasses import replace

import pytest

from dnsguard.dataplane.hooks import FORWARD_BRIDGED
from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.render import render, render_rule
from tests.unit.dataplane.samples import SAMPLES

FIRST = 'meta nfproto != @alive counter name "failed-open" accept comment "nobody is alive: everything passes"'


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_base_chain_begins_with_it_or_none_knows_of_it(sample: str) -> None:
    make, settings = SAMPLES[sample]
    without = build_plan(make(), replace(settings, fail_open_after=0.0))
    assert "alive" not in render(without)
    plan = build_plan(make(), replace(settings, fail_open_after=30.0))
    for chain, before in zip(plan.chains, without.chains, strict=True):
        if chain.hook is None or chain.name == FORWARD_BRIDGED[0]:  # which lets everything go on, alive or not
            assert chain == before
        else:
            assert render_rule(chain.rules[0]) == FIRST
            assert chain == replace(before, rules=(chain.rules[0], *before.rules))

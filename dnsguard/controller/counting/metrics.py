"""What was counted, for Prometheus: as much of it as a scraper should be sent. Pure."""

from collections.abc import Iterator, Mapping

from dnsguard.calc.compiled import Action, Direction, PolicyId
from dnsguard.controller.counting.catalogue import CountedRule
from dnsguard.controller.counting.page import Page
from dnsguard.dataplane.canary import ALLOWED_IN, ALLOWED_OUT, DENIED_IN, DENIED_OUT, PASSED
from dnsguard.dataplane.counted import Counted
from dnsguard.observe.exposition import Labels, Metric, number

_BYTES = "Bytes of packets"
_RULE = (
    "matched by a rule, as the kernel counts: of a connection the first, all that are denied, and with"
    " revoke_established one after each change of policy. Counts on while the controller is away, and begins anew when"
    " the rule is edited or the table is made anew."
)
_POLICY = "matched by a policy's rules of this action since the controller started, also by those that it had before."
_TIER = "matched by rules of a tier's policies since the controller started, also by those that it had before."
_END = "that no policy of the tier decided, and that its end denied, as the kernel counts."
_CANARY = frozenset({ALLOWED_OUT, ALLOWED_IN, DENIED_OUT, DENIED_IN, PASSED})
"""Of the self-test: what it denies to itself is nobody's packet."""

_BASE = "decided before or after all policy, by the name of the kernel's counter."


def counted(page: Page, most: int) -> Iterator[Metric]:
    """Families of rules, policies, tiers and the rest. Of rules, and of policies, nothing where that would be more than
    ``most`` series of a family: those of the next coarser one say it all together."""
    rules = _rules(page)
    policies: dict[Labels, Counted] = {
        (*_policy(key.policy, key.tier), *_what(key.direction, key.action)): count
        for key, count in page.policies.items()
    }
    withheld: dict[Labels, int] = {}
    for family, text, series in (("rule", _RULE, rules), ("policy", _POLICY, policies)):
        too_many = len(series) > most
        withheld[(("family", family),)] = len(series) if too_many else 0
        if not too_many:
            yield from _family(family, text, series)
    yield from _family(
        "tier",
        _TIER,
        {(("tier", key.tier), *_what(key.direction, key.action)): count for key, count in page.tiers.items()},
    )
    yield from _family(
        "tier_end",
        _END,
        {
            (("tier", each.tier), ("direction", each.direction.value)): page.counts[each.counter]
            for each in page.counters.tiers
            if each.counter in page.counts
        },
    )
    yield from _family(
        "base",
        _BASE,
        {
            (("counter", each),): page.counts[each]
            for each in page.counters.base
            if each in page.counts and each not in _CANARY
        },
    )
    yield Metric(
        "dnsguard_series_withheld", "gauge",
        "Series that a family about policy would have and does not, since they are more than metrics_series; else 0.",
        withheld,
    )  # fmt: skip
    yield number("dnsguard_dataplane_counters", "gauge", "Named counters in the kernel's table.", len(page.counts))
    yield number("dnsguard_counters_read_seconds", "gauge", "What it took to read them the last time.", page.took)


def _rules(page: Page) -> dict[Labels, Counted]:
    return {
        (*_policy(each.id, each.tier), *_rule(rule)): page.counts[rule.counter]
        for each in page.counters.policies
        for rule in each.rules
        if rule.counter in page.counts
    }


def _policy(policy: PolicyId, tier: str) -> Labels:
    return (("kind", policy.kind), ("namespace", policy.namespace), ("name", policy.name), ("tier", tier))


def _rule(rule: CountedRule) -> Labels:
    direction, action = _what(rule.direction, rule.action)
    return direction, ("rule", str(rule.place)), action


def _what(direction: Direction, action: Action) -> Labels:
    return ("direction", direction.value), ("action", action.value)


def _family(name: str, text: str, counts: Mapping[Labels, Counted]) -> Iterator[Metric]:
    yield Metric(
        f"dnsguard_{name}_packets_total", "counter", f"Packets {text}",
        {labels: count.packets for labels, count in counts.items()},
    )  # fmt: skip
    yield Metric(
        f"dnsguard_{name}_bytes_total", "counter", f"{_BYTES} {text}",
        {labels: count.bytes for labels, count in counts.items()},
    )  # fmt: skip

"""Revisions of policy as marks carry them."""

import pytest

from dnsguard.dataplane.plan import build_plan
from dnsguard.dataplane.render import render
from dnsguard.dataplane.revision import Revision, at, revision_in
from tests.unit.dataplane.samples import SAMPLES


@pytest.mark.parametrize(
    ("mask", "numbers", "last"),
    [
        (0x0000_FF00, 254, 0x0000_FE00),
        (0xF000_0000, 14, 0xE000_0000),
        (0xF, 14, 0xE),
        (0xFFFF_FFFF, 2**32 - 2, 2**32 - 2),
    ],
)
def test_they_are_all_but_none_and_denied(mask: int, numbers: int, last: int) -> None:
    assert Revision(mask).numbers == numbers
    assert Revision(mask, numbers).value == last
    assert Revision(mask, numbers).following == Revision(mask)


def test_the_table_says_which_it_is() -> None:
    make, settings = SAMPLES["judging-again"]
    (noting,) = [chain for chain in build_plan(make(), settings).chains if chain.name == "judged"]
    comments = [rule.comment for rule in at(noting, Revision(0xFF00, 17)).rules]
    assert [found for comment in comments if (found := revision_in(comment))] == [Revision(0xFF00, 17)]


@pytest.mark.parametrize(
    "comment",
    ["", "was allowed before", "revision 0 of 0x0000ff00", "revision 255 of 0x0000ff00", "revision 1 of 0x00000000",
     "revision x of 0x0000ff00", "revision 1 of mask", "number 1 of 0x0000ff00", "revision 1 of 0x0000ff00 more"],
)  # fmt: skip
def test_what_says_none(comment: str) -> None:
    assert revision_in(comment) is None


@pytest.mark.parametrize("sample", [name for name, (_, settings) in SAMPLES.items() if not settings.mark_mask])
def test_where_connections_go_on_no_rule_looks_at_their_marks(sample: str) -> None:
    make, settings = SAMPLES[sample]
    text = render(build_plan(make(), settings))
    assert "ct mark" not in text
    assert "ct status" not in text
    assert "chain judged" not in text


def test_another_revision_is_no_other_plan() -> None:
    make, settings = SAMPLES["judging-again-everywhere"]
    plan = build_plan(make(), settings)
    named = [chain.name for chain in plan.chains if at(chain, Revision(0xFF00, 9)) != chain]
    assert sorted(named) == [
        "judged", "known", "known-egress", "known-ingress", "known-input", "known-input-of-workload",
        "known-of-workload", "known-output",
    ]  # fmt: skip

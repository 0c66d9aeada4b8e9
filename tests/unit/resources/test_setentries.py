"""Single entries of network sets."""

from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.resources.setentries import BadEntry, Entry, Outcome, with_entries


@pytest.mark.parametrize(
    ("text", "field", "canonical"),
    [
        ("Example.ORG.", "allowedEgressDomains", "example.org"),
        ("*.Example.org", "allowedEgressDomains", "*.example.org"),
        ("b\u00fccher.example", "allowedEgressDomains", "xn--bcher-kva.example"),
        ("fade.cafe", "allowedEgressDomains", "fade.cafe"),
        ("192.0.2.1", "nets", "192.0.2.1/32"),
        ("192.0.2.9/24", "nets", "192.0.2.0/24"),
        ("2001:DB8::/32", "nets", "2001:db8::/32"),
        ("fade::", "nets", "fade::/128"),
    ],
)
def test_what_a_text_stands_for(text: str, field: str, canonical: str) -> None:
    entry = Entry.parse(text)
    assert (entry.field, entry.text) == (field, canonical)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "V-53e", "it is empty"),
        ("*", "V-53c", "a wildcard alone"),
        ("https://example.org/", "V-53d", "not a URL"),
        ("a..b", "V-53e", "two dots"),
        ("10.0.0.0/33", "V-18", "is no CIDR"),
        ("10.0.0", "V-18", "is no CIDR"),
        ("fe80::1%eth0", "V-53d", "is not allowed"),
        ("example.org:443", "V-53d", "':' is not allowed"),
    ],
)
def test_what_is_no_entry(text: str, code: str, said: str) -> None:
    with pytest.raises(BadEntry) as caught:
        Entry.parse(text)
    assert caught.value.code == code
    assert said in str(caught.value)


def changed(spec: dict[str, Any], add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> tuple[Any, Any]:
    after, changes = with_entries(spec, [Entry.parse(text) for text in add], [Entry.parse(text) for text in remove])
    return after, [(change.entry.text, change.outcome.value, change.covered_by, change.narrower) for change in changes]


HELD = {"nets": ["10.0.0.0/8", "192.0.2.1", "2001:DB8::/32"], "allowedEgressDomains": ["*.Example.org.", "example.com"]}


@pytest.mark.parametrize(
    ("entry", "outcome", "covered_by"),
    [
        ("10.0.0.0/8", "present", ()),
        ("192.0.2.1/32", "present", ()),
        ("2001:db8::/32", "present", ()),
        ("EXAMPLE.com", "present", ()),
        ("*.example.org", "present", ()),
        ("10.1.0.0/16", "added", ("10.0.0.0/8",)),
        ("0.0.0.0/0", "added", ()),
        ("2001:db8:1::/48", "added", ("2001:DB8::/32",)),
        ("a.example.org", "added", ("*.example.org",)),
        ("*.a.example.org", "added", ("*.example.org",)),
        ("example.org", "added", ()),
        ("*.org", "added", ()),
    ],
)
def test_adding(entry: str, outcome: str, covered_by: tuple[str, ...]) -> None:
    after, changes = changed(HELD, (entry,))
    assert [(change[1], change[2]) for change in changes] == [(outcome, covered_by)]
    if outcome == "present":
        assert after == HELD, "what is there stays as it is written"
    else:
        field = Entry.parse(entry).field
        assert after == {**HELD, field: [*HELD[field], Entry.parse(entry).text]}


@pytest.mark.parametrize(
    ("entry", "outcome", "covered_by", "narrower"),
    [
        ("EXAMPLE.com.", "removed", (), ()),
        ("*.example.org", "removed", (), ()),
        ("2001:db8::/32", "removed", (), ()),
        ("192.0.2.1", "removed", (), ()),
        ("a.example.org", "absent", ("*.example.org",), ()),
        ("10.1.2.3", "absent", ("10.0.0.0/8",), ()),
        ("192.0.2.0/24", "absent", (), ("192.0.2.1",)),
        ("*.com", "absent", (), ("example.com",)),
        ("0.0.0.0/0", "absent", (), ("10.0.0.0/8", "192.0.2.1")),
    ],
)
def test_removing(entry: str, outcome: str, covered_by: tuple[str, ...], narrower: tuple[str, ...]) -> None:
    after, changes = changed(HELD, remove=(entry,))
    assert changes == [(Entry.parse(entry).text, outcome, covered_by, narrower)]
    if outcome == "absent":
        assert after == HELD


def test_what_is_exchanged_at_once_is_judged_by_what_comes_of_it() -> None:
    after, changes = changed(HELD, ("*.example.com", "192.0.2.0/24"), ("*.example.org", "192.0.2.1"))
    assert after == {"nets": ["10.0.0.0/8", "2001:DB8::/32", "192.0.2.0/24"],
                     "allowedEgressDomains": ["example.com", "*.example.com"]}  # fmt: skip
    assert changes[:2] == [("*.example.org", "removed", (), ()), ("192.0.2.1/32", "removed", ("192.0.2.0/24",), ())]


def test_lists_that_were_not_there() -> None:
    assert changed({}, ("a.example.org",))[0] == {"allowedEgressDomains": ["a.example.org"]}
    assert changed({"nets": None, "other": 1}, ("192.0.2.0/24",))[0] == {"nets": ["192.0.2.0/24"], "other": 1}
    assert changed({"nets": ["192.0.2.0/24"]}, remove=("192.0.2.0/24",))[0] == {"nets": []}


NETS = st.builds(
    lambda address, length: f"{address}/{length}",
    st.ip_addresses(v=4).map(str) | st.just("10.1.2.3"),
    st.integers(0, 32),
)  # fmt: skip


@given(st.lists(NETS, unique_by=lambda text: Entry.parse(text).text), NETS)
def test_networks_are_found_as_one_by_one(held: list[str], wanted: str) -> None:
    mine = IPv4Network(wanted, strict=False)
    theirs = [IPv4Network(text, strict=False) for text in held]
    _, ((_, outcome, covered_by, _),) = changed({"nets": held}, (wanted,))
    assert outcome == (Outcome.PRESENT if mine in theirs else Outcome.ADDED)
    wider = [each for each in theirs if mine != each and mine.subnet_of(each)]
    assert {IPv4Network(text, strict=False) for text in covered_by} <= set(wider)
    assert len(covered_by) == min(len(wider), 3)

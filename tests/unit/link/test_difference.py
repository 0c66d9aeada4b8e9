from dataclasses import replace

import pytest
from hypothesis import given

from dnsguard.link.difference import Folded, WrongBase, difference, is_empty, opens, refills
from dnsguard.link.messages import DnsConfiguration, Snapshot
from tests.unit.link.strategies import feed, identity, snapshot, snapshots


@given(snapshots, snapshots)
def test_a_delta_folded_in_gives_the_new_snapshot(old: Snapshot, new: Snapshot) -> None:
    new = replace(new, table=old.table, query_policy=old.query_policy)
    delta = difference(old, new)
    folded = Folded(old)
    folded.fold(delta)
    assert folded.snapshot() == new
    assert is_empty(delta) == (replace(old, revision=new.revision) == new)


@given(snapshots)
def test_nothing_changed_is_an_empty_delta(same: Snapshot) -> None:
    assert is_empty(difference(same, same))


def test_a_delta_names_only_what_changed() -> None:
    old = snapshot(4, (feed("kept", "a.test"), feed("gone"), feed("grown", "b.test")), (identity("shop/a", "::1"),))
    new = snapshot(
        5,
        (feed("grown", "b.test", "c.test"), feed("kept", "a.test"), feed("new")),
        (identity("shop/b", "::1"),),
    )
    delta = difference(old, new)
    assert (delta.base_revision, delta.revision) == (4, 5)
    assert [each.id for each in delta.lease_sets] == ["grown", "new"]
    assert delta.removed_lease_sets == ("gone",)
    assert [each.endpoint for each in delta.identities] == ["shop/b"]
    assert delta.removed_identities == ("shop/a",)


def test_a_delta_from_elsewhere_is_refused_and_changes_nothing() -> None:
    folded = Folded(snapshot(1, (feed("a"),)))
    with pytest.raises(WrongBase, match="from revision 2 does not fit revision 1"):
        folded.fold(difference(snapshot(2, (feed("a"),)), snapshot(3)))
    assert folded.snapshot() == snapshot(1, (feed("a"),))


def test_table_and_query_policy_take_a_snapshot() -> None:
    with pytest.raises(ValueError, match="neither another table"):
        difference(snapshot(1), replace(snapshot(2), query_policy="AllowListed"))


def test_more_names_for_forwarded_packets_open_something_and_fewer_do_not() -> None:
    some, more = identity("shop/a", "::1"), replace(identity("shop/a", "::1"), forwarded=("s:x",))
    assert opens(snapshot(1, (), (some,)), snapshot(2, (), (more,)))
    assert not opens(snapshot(1, (), (more,)), snapshot(2, (), (some,)))


def test_what_was_learned_is_to_be_filled_in_where_somebody_known_looks_into_more_sets() -> None:
    a, b = feed("s:a"), feed("s:b")
    few, many = identity("shop/a", "::1"), replace(identity("shop/a", "::1"), lease_sets=("s:a", "s:b"))
    one = replace(few, lease_sets=("s:b",))
    new = replace(identity("shop/new", "::2"), lease_sets=("s:a",))
    assert refills(snapshot(1, (a,), (one,)), snapshot(2, (a, b), (one,)))
    assert refills(snapshot(1, (a, b), (one,)), snapshot(2, (a, b), (many,)))
    assert not refills(snapshot(1, (a, b), (many,)), snapshot(2, (b,), (one,)))
    assert not refills(snapshot(1, (a, b), (one,)), snapshot(2, (a, b), (one, new))), "it has learned nothing yet"


def test_a_change_of_configuration_is_a_delta() -> None:
    new = replace(snapshot(2), configuration=DnsConfiguration(cache_epoch=3))
    delta = difference(snapshot(1), new)
    assert delta.configuration == (DnsConfiguration(cache_epoch=3),)
    folded = Folded(snapshot(1))
    folded.fold(delta)
    assert folded.snapshot() == new

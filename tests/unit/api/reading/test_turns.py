import pytest

from dnsguard.api.reading.statuses import Turned
from dnsguard.api.reading.turns import Turns
from dnsguard.store.interface import Compacted, Key
from tests.unit.api.statuses import FakeStatuses

A, B = (Key("networksets", "shop", name) for name in "ab")
OPS = Key("networksets", "ops", "a")
TIER = Key("tiers", "", "a")


def test_a_watch_hears_what_it_covers_and_of_each_object_the_last() -> None:
    statuses = FakeStatuses()
    calls: list[str] = []
    turns = Turns(statuses)
    shop = turns.watch("networksets", "shop", None, since=5, call=lambda: calls.append("shop"))
    everything = turns.watch("networksets", None, None, since=5, call=lambda: calls.append("all"))
    statuses.turn(Turned(OPS, 1), Turned(TIER, 2))
    assert (calls, bool(shop)) == (["all"], False)
    statuses.turn(Turned(A, 3))
    statuses.turn(Turned(B, 4))
    statuses.turn(Turned(A, 5))
    assert shop.take(9) == [Turned(A, 5), Turned(B, 4)]
    assert everything.take(4) == [Turned(OPS, 1), Turned(B, 4)]  # the change of the other is still to come
    assert everything.take(9) == []
    calls.clear()
    shop.close()
    shop.close()
    statuses.turn(Turned(A, 6))
    everything.close()
    statuses.turn(Turned(A, 7))
    assert calls == ["all"]


def test_watches_that_are_as_far_have_the_same_place() -> None:
    statuses = FakeStatuses()
    turns = Turns(statuses)
    one, two, named = (
        turns.watch("networksets", None, name, since=5, call=lambda: None) for name in (None, None, "other")
    )
    statuses.turn(Turned(A, 1))
    assert one.place == two.place
    assert (bool(one), bool(named)) == (True, False)
    assert one.take(9) == [Turned(A, 1)]
    assert one.place != two.place
    two.skip()
    assert (one.place, bool(two)) == (two.place, False)
    statuses.turned = [Turned(A, 1)]
    assert turns.watch("networksets", None, None, since=5, call=lambda: None).place is None


def test_who_is_too_slow_lists_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnsguard.api.reading.turns.REMEMBERED", 2)
    statuses = FakeStatuses()
    turns = Turns(statuses)
    slow, quick = (turns.watch("networksets", None, None, since=5, call=lambda: None) for _ in range(2))
    for revision in range(1, 6):
        statuses.turn(Turned(A, revision))
        assert quick.take(9) == [Turned(A, revision)]
    with pytest.raises(Compacted):
        slow.take(9)


def test_a_watch_begins_with_what_it_may_have_missed() -> None:
    statuses = FakeStatuses()
    statuses.turned = [Turned(A, 3), Turned(OPS, 4), Turned(TIER, 5)]
    calls: list[str] = []
    watch = Turns(statuses).watch("networksets", "shop", None, since=5, call=lambda: calls.append("shop"))
    assert (watch.take(9), calls) == ([Turned(A, 3)], ["shop"])

from dnsguard.dataplane.sets import KeyType, Since
from dnsguard.dataplane.tally import Tally


def test_a_key_stays_as_long_as_somebody_asks_for_it() -> None:
    tally = Tally("some", KeyType.IPV4)
    tally.add([b"a", b"b"])
    tally.add([b"a"])
    tally.remove([b"a", b"b"])
    assert tally.made().keys == {b"a"}
    tally.remove([b"a"])
    assert tally.made().keys == frozenset()


def test_the_keys_are_the_same_object_until_they_change() -> None:
    tally = Tally("some", KeyType.IPV4)
    tally.add([b"a"])
    before = tally.made()
    tally.add([b"a"])
    tally.remove([b"a"])
    assert tally.made() is before


def test_what_comes_and_goes_between_two_looks_leaves_nothing() -> None:
    tally = Tally("some", KeyType.IPV4)
    tally.add([b"a"])
    before = tally.made()
    tally.add([b"b"])
    tally.remove([b"a", b"b"])
    tally.add([b"a"])
    assert tally.made() is before


def test_it_says_where_the_difference_to_the_last_look_is() -> None:
    tally = Tally("some", KeyType.IPV4)
    tally.add([b"a", b"b"])
    before = tally.made()
    tally.remove([b"a"])
    tally.add([b"c"])
    assert tally.made().since == Since(before.keys, frozenset({b"a", b"c"}))

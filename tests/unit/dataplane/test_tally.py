from dnsguard.dataplane.sets import KeyType
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

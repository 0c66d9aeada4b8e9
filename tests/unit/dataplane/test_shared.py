from dnsguard.dataplane.shared import Shared


def test_what_is_taken_twice_is_given_back_twice() -> None:
    shared = Shared[str]()
    for name in "b", "a", "b":
        shared.take(name, name.upper())
    assert shared.sorted() == ("A", "B")
    shared.give_back("b")
    assert shared.sorted() == ("A", "B")
    shared.give_back("b")
    assert shared.sorted() == ("A",)


def test_the_order_is_the_same_object_until_something_changes() -> None:
    shared = Shared[str]()
    shared.take("a", "A")
    before = shared.sorted()
    shared.take("a", "A")
    shared.give_back("a")
    assert shared.sorted() is before
    shared.put("a", "other")
    assert (before, shared.sorted()) == (("A",), ("other",))

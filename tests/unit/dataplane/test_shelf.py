from dnsguard.dataplane.shelf import Shelf


def test_what_is_taken_twice_is_given_back_twice() -> None:
    shelf = Shelf[str]()
    for name in "b", "a", "b":
        shelf.take(name, name.upper())
    assert shelf.sorted() == ("A", "B")
    shelf.give_back("b")
    assert shelf.sorted() == ("A", "B")
    shelf.give_back("b")
    assert shelf.sorted() == ("A",)


def test_the_order_is_the_same_object_until_something_changes() -> None:
    shelf = Shelf[str]()
    shelf.take("a", "A")
    before = shelf.sorted()
    shelf.take("a", "A")
    shelf.give_back("a")
    assert shelf.sorted() is before
    shelf.put("a", "other")
    assert (before, shelf.sorted()) == (("A",), ("other",))

"""What is given out stays as it was, and stays the same object while nothing changes."""

from dnsguard.calc.published import Published


def test_an_equal_value_changes_nothing() -> None:
    published = Published[str, list[int]]()
    first = [1]
    published.put("a", first)
    before = published.snapshot()
    published.put("a", [1])
    assert published.get("a") is first
    assert published.snapshot() is before
    assert published.made == 2


def test_a_snapshot_is_never_written_to() -> None:
    published = Published[str, int]()
    empty = published.snapshot()
    published.put("a", 1)
    one = published.snapshot()
    published.put("a", 2)
    published.put("b", 3)
    two = published.snapshot()
    published.drop("a")
    assert (empty, one, two, published.snapshot()) == ({}, {"a": 1}, {"a": 2, "b": 3}, {"b": 3})


def test_to_drop_what_is_not_there_changes_nothing() -> None:
    published = Published[str, int]()
    before = published.snapshot()
    published.drop("a")
    assert published.snapshot() is before
    assert published.get("a") is None

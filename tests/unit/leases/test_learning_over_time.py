"""The published example of learning over time, with leases for the whole node and neither floor, grace nor slack."""

import pytest

from dnsguard.leases import NODE, LeaseBook, Terms
from tests.unit.leases.naive import Answer, Kernel, answer, client, feed, packed

BOB7, BOB9, EDGE99, EDGE100 = "198.51.100.7", "198.51.100.9", "192.0.2.99", "192.0.2.100"
NXDOMAIN = Answer(())

# (time, what is learned then, what the set for *.example.com holds right after, until when)
TIMELINE: list[tuple[float, Answer, dict[str, float]]] = [
    (0, NXDOMAIN, {}),
    (1, answer(f"bob.example.com A {BOB7} 30"), {BOB7: 41}),
    (20, answer(f"bob.example.com A {BOB9} 30"), {BOB7: 41, BOB9: 60}),
    (41, NXDOMAIN, {BOB9: 60}),
    (
        50,
        answer("cdn.example.com CNAME edge.cdnprovider.net 300", f"edge.cdnprovider.net A {EDGE99} 20"),
        {BOB9: 60, EDGE99: 80},
    ),
    (70, answer(f"edge.cdnprovider.net A {EDGE100} 20"), {EDGE99: 80, EDGE100: 100}),
    (75, NXDOMAIN, {EDGE99: 80, EDGE100: 100}),
    (90, answer(f"bob.example.com A {BOB7} 0"), {BOB7: 100, EDGE100: 100}),
]


@pytest.mark.parametrize("expiring", [False, True], ids=["unswept", "swept"])
def test_learning_over_time(expiring: bool) -> None:
    book = LeaseBook(Terms(floor=0, grace=0, slack=0, extra=10))
    kernel = Kernel()
    roll1 = packed("10.244.3.10")
    policy = book.replace_policy(
        [feed("set", "*.example.com")], [client("rollout-test/roll1", "10.244.3.10 fd00::3:10", "set")], 0
    )
    kernel.take(book, policy, 0)
    for now, learned, expected in TIMELINE:
        if expiring:
            book.expire(now)
        kernel.take(book, book.learn(NODE, learned, now).changes, now)
        held = {place[2]: expires for place, expires in kernel.live(now).items() if place[:2] == ("set-4", roll1)}
        assert held == {packed(address): expires for address, expires in expected.items()}, f"at {now}"


def test_with_the_default_scope_each_endpoint_looks_up_for_itself() -> None:
    book = LeaseBook()
    kernel = Kernel()
    endpoints = [client("ns/roll1", "10.244.3.10", "set"), client("ns/roll2", "10.244.3.11", "set")]
    kernel.take(book, book.replace_policy([feed("set", "*.example.com")], endpoints, 0), 0)
    kernel.take(book, book.learn("ns/roll2", answer(f"bob.example.com A {BOB7} 30"), 1).changes, 1)
    assert {place[1] for place in kernel.live(1)} == {packed("10.244.3.11")}

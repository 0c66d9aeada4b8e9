"""What is made of the kernel's answers; tests/kernel asks a real one."""

from ipaddress import ip_address
from typing import Any

import pytest

from dnsguard.controller.explain import routing
from dnsguard.controller.explain.routing import Passing, kernel_routing
from dnsguard.netlink.routes import Route

NODE, FORWARDER, CART, OUTSIDE, LOST = map(
    ip_address, ("192.0.2.7", "10.96.0.10", "10.0.0.7", "203.0.113.1", "203.0.113.9")
)
ROUTES = {
    NODE: Route("", local=True),
    FORWARDER: Route("", local=True),
    CART: Route("cali1"),
    OUTSIDE: Route("eth0"),
    LOST: None,
}


class Table:
    """Takes the place of the kernel's."""

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def route(self, destination: Any, source: Any = None, arrives: str = "") -> Route | None:
        assert (source is None) or arrives != "lo"
        return ROUTES[destination]


@pytest.mark.parametrize(
    ("pair", "interfaces", "expected"),
    [
        ((CART, OUTSIDE), {CART: "cali1"}, Passing("cali1", "eth0")),
        ((OUTSIDE, CART), {CART: "cali1"}, Passing("eth0", "cali1")),
        ((NODE, OUTSIDE), {NODE: "eth0"}, Passing("", "eth0", frozenset({NODE}))),
        ((NODE, FORWARDER), {NODE: "eth0"}, Passing("", "", frozenset({NODE, FORWARDER}))),
        ((OUTSIDE, NODE), {NODE: "eth0"}, Passing("eth0", "", frozenset({NODE}))),
        ((CART, FORWARDER), {CART: "cali1"}, Passing("cali1", "", frozenset({FORWARDER}))),
        ((CART, NODE), {CART: "cali1", NODE: "eth0"}, Passing("cali1", "", frozenset({NODE}))),
        (
            (OUTSIDE, NODE),
            {NODE: "eth1"},
            Passing(
                "eth1",
                "",
                frozenset({NODE}),
                ("taken to arrive by eth1, which has 192.0.2.7; the way back is by eth0",),
            ),
        ),
        (
            (OUTSIDE, CART),
            {CART: "cali9"},
            Passing("eth0", "cali9", notes=("this node routes 10.0.0.7 by cali1, but its endpoint says cali9",)),
        ),
        (
            (CART, LOST),
            {CART: "cali1"},
            Passing(
                "cali1",
                "",
                notes=("this node has no route to 203.0.113.9: the packet goes nowhere, whatever policy says",),
            ),
        ),
        (
            (LOST, OUTSIDE),
            {},
            Passing(
                "",
                "eth0",
                notes=("this node has no route back to 203.0.113.9: which interface it arrives by is not known",),
            ),
        ),
    ],
)
def test_passings(monkeypatch: pytest.MonkeyPatch, pair: Any, interfaces: Any, expected: Passing) -> None:
    monkeypatch.setattr(routing, "RoutingTable", Table)
    assert kernel_routing([pair], lambda address: interfaces.get(address, "")) == [expected]

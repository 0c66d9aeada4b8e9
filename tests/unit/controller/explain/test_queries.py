from dataclasses import replace

import pytest

from dnsguard.calc.evaluator.node import Node
from dnsguard.controller.explain.queries import answer_to_denied, lease_sets_of, query_answer
from dnsguard.domains import wire_name
from dnsguard.leases import OUTSIDERS
from dnsguard.link.messages import Identity, Snapshot
from tests.unit.controller.policy import LEASES, compiled, endpoint
from tests.unit.controller.running import settings

CART = endpoint("cart", "10.0.0.7")
NAMED, OTHER = wire_name("api.example.org"), wire_name("example.net")
LISTEN = ("192.0.2.53#53",)
SILENT = Identity("shop/cart", ("10.0.0.7",), (LEASES.id,), ())
FREE = replace(SILENT, may_query=("udp/192.0.2.53",))


def snapshot(*identities: Identity, query_policy: str = "AllowAll") -> Snapshot:
    return Snapshot(1, "dnsguard", (), identities, query_policy)


@pytest.mark.parametrize(
    ("name", "told", "answer"),
    [
        (NAMED, snapshot(FREE), "its query is answered: its policy lets it send DNS"),
        (OTHER, snapshot(FREE), "its query is answered: its policy lets it send DNS"),
        (NAMED, snapshot(FREE, query_policy="AllowListed"), "its query is answered: its policy lets it send DNS"),
        (
            OTHER,
            snapshot(FREE, query_policy="AllowListed"),
            "its query is REFUSED: dnsQueryPolicy is AllowListed, and no policy of it names this domain",
        ),
        (NAMED, snapshot(SILENT), "its query is answered: its policy lets it send no DNS, but names this domain"),
        (
            OTHER,
            snapshot(SILENT),
            "its query is REFUSED: its policy lets it send no DNS, and does not name this domain",
        ),
        (NAMED, snapshot(), "forwarders do not know the endpoint: its queries are those of a stranger"),
    ],
)
def test_queries_of_an_endpoint(name: bytes, told: Snapshot, answer: str) -> None:
    assert query_answer(name, CART, compiled(CART), told, Node(), LISTEN) == answer


def test_queries_that_nobody_here_answers() -> None:
    world = compiled(CART)
    assert "served_clients lists it" in query_answer(NAMED, None, world, snapshot(FREE), Node(), LISTEN)
    assert "nobody answers" in query_answer(NAMED, CART, world, snapshot(FREE), Node(), ())
    far = endpoint("far", "10.0.0.9", node="there")
    assert "forwarder of node there" in query_answer(NAMED, far, compiled(far), snapshot(), Node(name="here"), LISTEN)


@pytest.mark.parametrize(
    ("name", "values", "answer"),
    [
        ("example.net", {}, "REFUSED"),
        ("example.net", {"query_refusal": "NXDomain"}, "NXDOMAIN"),
        (
            "api.example.org.shop.svc.cluster.local",
            {},
            "NXDOMAIN (so that resolvers with cluster.local in their search list go on)",
        ),
        ("cluster.local", {}, "REFUSED"),
    ],
)
def test_what_is_answered_where_policy_denies(name: str, values: dict[str, str], answer: str) -> None:
    said = settings(**values)
    denied = answer_to_denied(wire_name(name), said.search_domains, said.query_refusal)
    assert denied == answer
    sentence = query_answer(wire_name(name), CART, compiled(CART), snapshot(SILENT), Node(), LISTEN, denied)
    assert sentence.startswith(f"its query is {answer}: ")


def test_look_ups_fill_the_sets_of_the_client_and_of_the_hosts_on_its_way() -> None:
    told = snapshot(replace(SILENT, forwarded=("s:gate",)), Identity(OUTSIDERS, (), (), (), ("s:out",)))
    assert lease_sets_of(CART, told) == {LEASES.id, "s:gate"}
    assert lease_sets_of(None, told) == {"s:out"}
    assert lease_sets_of(endpoint("web", "10.0.0.8"), told) == frozenset()


def test_where_dns_is_intercepted_the_server_that_is_asked_decides() -> None:
    told = query_answer(OTHER, CART, compiled(CART), snapshot(SILENT), Node(intercepts_dns=True), LISTEN)
    assert told.startswith("its query is answered where its policy lets it ask the server that it sends it to, else")
    told = query_answer(NAMED, CART, compiled(CART), snapshot(SILENT), Node(intercepts_dns=True), LISTEN)
    assert told == "its query is answered: its policy lets it send no DNS, but names this domain"

"""Programs with their own resolvers, as workloads run them: what they resolve they reach at once, and nothing else.

In an ordinary run each client shows each thing once; with ``--soak`` over every family, transport and option.
"""

from collections.abc import Iterator

import pytest

from tests.support.clients.catalogue import PROGRAMS, Program, Workshop, lacking
from tests.support.clients.place import Place, Said
from tests.support.lab import topology
from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.system import realclients as world
from tests.system.realclients import place, resolv_conf

pytestmark = [pytest.mark.xdist_group("real clients"), pytest.mark.timeout(300)]

LISTEN4, LISTEN6 = topology.LISTEN_ADDRESSES
USUAL = [(LISTEN4, "use-vc"), (LISTEN6, "")]
"""Of all ways to ask, those in which an ordinary run has every client do so: each family and each transport once."""


@pytest.fixture(scope="module")
def lab() -> Iterator[tuple[Lab, Guard]]:
    with world.running() as made:
        yield made


@pytest.fixture(scope="module")
def open_place(lab: tuple[Lab, Guard]) -> Place:
    return place(lab[0], world.OPEN)


@pytest.fixture(scope="module")
def strict_place(lab: tuple[Lab, Guard]) -> Place:
    return place(lab[0], world.STRICT)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("programs"))


class Client:
    """A program that is ready to run."""

    def __init__(self, program: Program, command: list[str]) -> None:
        self.program = program
        self.command = command

    def ask(self, where: Place, *names: str, conf: str = "", family: int = 0, wait: int = 5000) -> Said:
        port = self.program.port
        return where.ask(self.command, names, conf or resolv_conf(), family=family, port=port, wait=wait)

    def reached(self, said: Said, name: str, expected: set[str]) -> None:
        """All that it found is what was served, and the first packet of every connection was let through."""
        found = said.went(name)
        assert set(found.values()) == {"answered"}, said
        assert (set(found) == expected) if self.program.every_address else (set(found) <= expected), said
        assert said.sent_again == 0


@pytest.fixture(params=PROGRAMS)
def client(request: pytest.FixtureRequest, workshop: Workshop) -> Client:
    program = PROGRAMS[request.param]
    reason = lacking(program.needs)
    if reason:
        pytest.skip(reason)
    return Client(program, workshop.command(program))


@pytest.mark.parametrize("family", [4, pytest.param(6, marks=pytest.mark.soak)])
def test_what_is_resolved_is_reached_at_once(open_place: Place, client: Client, family: int) -> None:
    """Also through aliases, of which only the name asked for is allowed, and asked in mixed case."""
    said = client.ask(open_place, world.PLAIN, world.ALIAS, world.MIXED, family=family)
    client.reached(said, world.PLAIN, world.addresses(world.PLAIN_ADDRESSES, family))
    client.reached(said, world.MIXED, world.addresses(world.PLAIN_ADDRESSES, family))
    client.reached(said, world.ALIAS, world.addresses(world.ALIAS_ADDRESSES, family))
    assert said.asked["udp4"] > 0
    assert said.asked["udp6"] == said.asked["tcp4"] == said.asked["tcp6"] == 0


@pytest.mark.parametrize(
    ("server", "options"),
    [
        pytest.param(server, options, marks=() if (server, options) in USUAL else pytest.mark.soak)
        for server in (LISTEN4, LISTEN6)
        for options in ("", "edns0", "single-request", "use-vc")
    ],
)
def test_over_any_transport(open_place: Place, client: Client, server: str, options: str) -> None:
    """A and AAAA in one, from one socket where the resolver does so."""
    said = client.ask(open_place, world.PLAIN, world.ALIAS, conf=resolv_conf(server, options))
    client.reached(said, world.PLAIN, world.addresses(world.PLAIN_ADDRESSES, 0))
    client.reached(said, world.ALIAS, world.addresses(world.ALIAS_ADDRESSES, 0))
    transport = "tcp" if options == "use-vc" and client.program.heeds_use_vc else "udp"
    used = {each for each, count in said.asked.items() if count}
    assert used == {f"{transport}{6 if server == LISTEN6 else 4}"}, said


@pytest.mark.parametrize("options", ["", pytest.param("edns0", marks=pytest.mark.soak)])
@pytest.mark.parametrize("family", [pytest.param(4, marks=pytest.mark.soak), 6])
def test_every_one_of_many_addresses_is_reached(open_place: Place, client: Client, family: int, options: str) -> None:
    """They do not fit in a datagram: who is told so asks again over TCP, and who cannot has what fits."""
    said = client.ask(open_place, world.MANY, conf=resolv_conf(options=options), family=family)
    expected = world.addresses(world.MANY_ADDRESSES, family)
    if client.program.retries_truncated:
        client.reached(said, world.MANY, expected)
        assert said.asked["tcp4"] > 0 or family == 4, "the smaller one fits for who understands EDNS"
    else:
        found = said.went(world.MANY)
        assert found, said
        assert (set(found.values()), set(found) - expected, said.sent_again) == ({"answered"}, set(), 0)
        assert said.asked["tcp4"] == 0


@pytest.mark.soak
def test_k8s_56903_a_and_aaaa_at_once_are_both_answered(open_place: Place, client: Client) -> None:
    """Names that nobody asked for yet, each of A only. An answer that was lost would have been asked for again."""
    first = 100 * list(PROGRAMS.values()).index(client.program)
    numbers = range(first, first + (10 if client.program.port == world.HTTP_PORT else 60))
    said = client.ask(open_place, *(topology.bulk_name(number) for number in numbers))
    for number in numbers:
        client.reached(said, topology.bulk_name(number), {topology.bulk_address(number)})
    assert said.asked == {"udp4": 2 * len(numbers), "udp6": 0, "tcp4": 0, "tcp6": 0}


@pytest.mark.parametrize("where", [pytest.param("open_place", marks=pytest.mark.soak), "strict_place"])
def test_a_search_list_is_gone_through(request: pytest.FixtureRequest, where: str, client: Client) -> None:
    """With the options of Kubernetes; also where policy denies each expansion but the last. One pass leads there."""
    place_ = request.getfixturevalue(where)
    conf = resolv_conf(options="ndots:5", search="shop.svc.cluster.local svc.cluster.local cluster.local open.example")
    said = client.ask(place_, world.PLAIN, *(["web"] if client.program.searches else []), conf=conf)
    client.reached(said, world.PLAIN, world.addresses(world.PLAIN_ADDRESSES, 0))
    if client.program.searches:
        client.reached(said, "web", world.addresses(world.PLAIN_ADDRESSES, 0))
        # 4 expansions come before the name itself; the other name is found with the fourth.
        assert said.asked["udp4"] == 2 * 5 + 2 * 4, said


@pytest.mark.soak
def test_without_a_rule_for_port_53_what_policy_allows_is_resolved(strict_place: Place, client: Client) -> None:
    said = client.ask(strict_place, world.PLAIN, world.ALIAS)
    client.reached(said, world.PLAIN, world.addresses(world.PLAIN_ADDRESSES, 0))
    client.reached(said, world.ALIAS, world.addresses(world.ALIAS_ADDRESSES, 0))


def test_a_denied_name_fails_in_the_clients_own_words(
    lab: tuple[Lab, Guard], strict_place: Place, client: Client
) -> None:
    said = client.ask(strict_place, world.SHUT, conf=resolv_conf().replace("timeout:3", "timeout:1"))
    assert client.program.refused in said.errors[world.SHUT], said
    assert said.outcomes == {}
    for address in world.addresses(world.SHUT_ADDRESSES, 0):
        tried = lab[0].agent(world.STRICT.name).call("connect", transport="tcp", address=address, port=443, wait=0.3)
        assert tried["outcome"] == "timeout"


@pytest.mark.parametrize("family", [4, pytest.param(6, marks=pytest.mark.soak)])
def test_what_may_be_asked_but_not_reached_stays_closed(open_place: Place, client: Client, family: int) -> None:
    said = client.ask(open_place, world.SHUT, family=family, wait=300)
    if client.program.every_address:
        assert set(said.went(world.SHUT)) == world.addresses(world.SHUT_ADDRESSES, family), said
    assert "answered" not in said.went(world.SHUT).values()


def test_a_name_that_does_not_exist_is_said_not_to(open_place: Place, client: Client) -> None:
    """Also the second time, from the cache."""
    for _ in range(2):
        said = client.ask(open_place, world.ABSENT)
        assert client.program.absent in said.errors[world.ABSENT], said

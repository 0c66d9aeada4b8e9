"""Programs with their own resolvers, as workloads run them: what they resolve they reach at once, and nothing else."""

from collections.abc import Iterator

import pytest

from tests.support.clients.catalogue import PROGRAMS, Program, Workshop, lacking
from tests.support.clients.place import Place, Said
from tests.support.lab import topology
from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.system import realclients as world
from tests.system.realclients import place, resolv_conf

pytestmark = [pytest.mark.xdist_group("real clients"), pytest.mark.timeout(180)]

LISTEN4, LISTEN6 = topology.LISTEN_ADDRESSES


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


@pytest.mark.parametrize("family", [4, 6])
def test_what_is_resolved_is_reached_at_once(open_place: Place, client: Client, family: int) -> None:
    """Also through aliases, of which only the name asked for is allowed, and asked in mixed case."""
    said = client.ask(open_place, world.PLAIN, world.ALIAS, world.MIXED, family=family)
    client.reached(said, world.PLAIN, world.addresses(world.PLAIN_ADDRESSES, family))
    client.reached(said, world.MIXED, world.addresses(world.PLAIN_ADDRESSES, family))
    client.reached(said, world.ALIAS, world.addresses(world.ALIAS_ADDRESSES, family))
    assert said.asked["udp4"] > 0
    assert said.asked["udp6"] == said.asked["tcp4"] == said.asked["tcp6"] == 0


@pytest.mark.parametrize("options", ["", "edns0", "single-request", "use-vc"])
@pytest.mark.parametrize("server", [LISTEN4, LISTEN6])
def test_over_any_transport(open_place: Place, client: Client, server: str, options: str) -> None:
    """A and AAAA in one, from one socket where the resolver does so."""
    said = client.ask(open_place, world.PLAIN, world.ALIAS, conf=resolv_conf(server, options))
    client.reached(said, world.PLAIN, world.addresses(world.PLAIN_ADDRESSES, 0))
    client.reached(said, world.ALIAS, world.addresses(world.ALIAS_ADDRESSES, 0))
    transport = "tcp" if options == "use-vc" and client.program.obeys_options else "udp"
    used = {each for each, count in said.asked.items() if count}
    assert used == {f"{transport}{6 if server == LISTEN6 else 4}"}, said


@pytest.mark.parametrize("family", [4, 6])
def test_every_one_of_many_addresses_is_reached(open_place: Place, client: Client, family: int) -> None:
    """They do not fit in a datagram: who is told so asks again over TCP."""
    said = client.ask(open_place, world.MANY, family=family)
    expected = world.addresses(world.MANY_ADDRESSES, family)
    if client.program.retries_truncated:
        client.reached(said, world.MANY, expected)
        # Who understands EDNS gets the smaller one whole.
        assert said.asked["tcp4"] == 1 or family == 4, said
    else:
        assert set(said.went(world.MANY)) <= expected, said
        assert set(said.went(world.MANY).values()) == {"answered"}, said
        assert said.asked["tcp4"] == 0


def test_a_name_that_may_be_asked_but_not_reached(open_place: Place, client: Client) -> None:
    said = client.ask(open_place, world.SHUT, family=4, wait=300)
    assert set(said.went(world.SHUT).values()) | set(said.errors.values()) != {"answered"}
    assert "answered" not in said.went(world.SHUT).values()



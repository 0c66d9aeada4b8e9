"""dig, kdig and drill as workloads run them: what they print is open at once; and why a name is refused, they print."""

import re
from collections.abc import Iterator

import pytest

from tests.support.clients.catalogue import lacking
from tests.support.clients.place import Place
from tests.support.lab import topology
from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.system import realclients as world
from tests.system.realclients import place, resolv_conf

pytestmark = [pytest.mark.xdist_group("real tools"), pytest.mark.timeout(300)]

TOOLS = {
    # tool: package, words before the question by transport, patience for one try, how it says that a name is refused
    "dig": ("bind9-dnsutils", {"udp": "+notcp", "tcp": "+tcp"}, "+tries=1 +time=5", "status: REFUSED"),
    "kdig": ("knot-dnsutils", {"udp": "+notcp", "tcp": "+tcp"}, "+retry=0 +timeout=5", "status: REFUSED"),
    "drill": ("ldnsutils", {"udp": "-u", "tcp": "-t"}, "", "rcode: REFUSED"),
}
TRANSPORTS = [(transport, server) for transport in ("udp", "tcp") for server in topology.LISTEN_ADDRESSES]
EDNS = {"dig": "+bufsize=1232", "kdig": "+bufsize=1232", "drill": "-b 1232"}
NO_EDNS = {"dig": "+noedns", "kdig": "+noedns", "drill": ""}


@pytest.fixture(scope="module")
def lab() -> Iterator[tuple[Lab, Guard]]:
    with world.running() as made:
        yield made


@pytest.fixture(scope="module")
def places(lab: tuple[Lab, Guard]) -> dict[str, Place]:
    return {each.name: place(lab[0], each) for each in (world.OPEN, world.STRICT)}


@pytest.fixture(params=TOOLS)
def tool(request: pytest.FixtureRequest) -> str:
    reason = lacking({request.param: TOOLS[request.param][0]})
    if reason:
        pytest.skip(reason)
    return str(request.param)


def printed(where: Place, tool: str, question: str, transport: str, server: str, *more: str) -> str:
    _, words, patience, _ = TOOLS[tool]
    command = " ".join([tool, words[transport], patience, *more, f"@{server}", question])
    return where.execute(command.split(), resolv_conf(server))


def answers(text: str) -> list[tuple[str, str, str]]:
    """Owner, type and value of the records in an answer, in whatever section."""
    return re.findall(r"^(\S+)\.\s+\d+\s+IN\s+(A|AAAA|CNAME)\s+(\S+)$", text, re.MULTILINE)


def values(text: str) -> set[str]:
    """The addresses in an answer."""
    return {value for _, type_, value in answers(text) if type_ != "CNAME"}


def connect(lab: Lab, workload: str, address: str, wait: float = 5.0) -> str:
    tried = lab.agent(workload).call("connect", transport="tcp", address=address, port=443, wait=wait)
    return str(tried["outcome"])


@pytest.mark.parametrize(("transport", "server"), TRANSPORTS)
@pytest.mark.parametrize("kind", ["A", "AAAA"])
def test_what_is_printed_is_open(
    lab: tuple[Lab, Guard], places: dict[str, Place], tool: str, kind: str, transport: str, server: str
) -> None:
    """Aliases in the order of the chain, names in the case that was asked."""
    family = 4 if kind == "A" else 6
    for name, expected, aliases in (
        (world.MIXED, world.PLAIN_ADDRESSES, []),
        (world.ALIAS, world.ALIAS_ADDRESSES, ["edge.cdn.example.", "far.cdn.example."]),
    ):
        text = printed(places["open"], tool, f"{name} {kind}", transport, server)
        found = answers(text)
        assert found[0][0] == (name.lower() if tool == "kdig" else name), "kdig asks in lower case"
        assert [value for _, type_, value in found if type_ == "CNAME"] == aliases
        addresses = values(text)
        assert addresses == expected[family]
        assert {connect(lab[0], "open", address) for address in addresses} == {"answered"}


@pytest.mark.parametrize("sizes", [NO_EDNS, EDNS], ids=["without EDNS", "with EDNS"])
def test_what_is_cut_over_udp_is_whole_over_tcp(
    lab: tuple[Lab, Guard], places: dict[str, Place], tool: str, sizes: dict[str, str]
) -> None:
    """dig and kdig ask again by themselves; drill shows what fitted."""
    server, (question, expected) = topology.LISTEN_ADDRESSES[0], (f"{world.MANY} AAAA", world.MANY_ADDRESSES[6])
    command = f"{tool} {TOOLS[tool][2]} {sizes[tool]} @{server} {question}"
    first = values(places["open"].execute(command.split(), resolv_conf()))
    assert first == expected if tool != "drill" else set() < first < expected
    assert {connect(lab[0], "open", address) for address in first} == {"answered"}
    assert values(printed(places["open"], tool, question, "tcp", server, sizes[tool])) == expected
    assert {connect(lab[0], "open", address) for address in expected} == {"answered"}


@pytest.mark.parametrize(("transport", "server"), TRANSPORTS)
def test_a_denied_name_is_refused_and_says_why(
    lab: tuple[Lab, Guard], places: dict[str, Place], tool: str, transport: str, server: str
) -> None:
    text = printed(places["strict"], tool, f"{world.SHUT} A", transport, server, EDNS[tool])
    assert TOOLS[tool][3] in text
    assert answers(text) == []
    if tool != "drill":  # it knows no extended errors
        assert re.search(r"EDE: 1[58] \((Blocked|Prohibited)\)", text), text
    (address,) = world.SHUT_ADDRESSES[4]
    assert connect(lab[0], "strict", address, wait=0.3) == "timeout"

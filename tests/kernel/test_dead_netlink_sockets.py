"""A netlink socket that has died costs one request; the next is asked on another."""

import os
import socket
from collections.abc import Callable, Iterator

import pytest

from dnsguard.errors import DnsguardError
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.flowlist import FlowList
from dnsguard.netlink.flowmarks import FlowMarks
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.conntrack import Connections, entry
from tests.support.netns import namespace
from tests.system import surgery

TABLE = "dnsguard-test"
SOON = 0.2
CLIENT = "192.0.2.7"
MASK, MARK = 0xFF00, 0x100

REQUESTS: dict[str, Callable[[NetfilterSocket], object]] = {
    "change": lambda kernel: kernel.transact([nftables.add_table(TABLE)], SOON),
    "generation": lambda kernel: kernel.generation(SOON),
    "question": lambda kernel: kernel.ask([nftables.generation_request()], SOON),
    "list": lambda kernel: kernel.dump(nftables.list_request(nftables.GET_TABLE, TABLE), dumps.tables, SOON),
}


@pytest.fixture(autouse=True)
def node() -> Iterator[None]:
    with namespace() as made, made.entered():
        yield


def infect(descriptor: int, disease: str) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as theirs:
        surgery.DISEASES[disease](theirs)


@pytest.mark.parametrize("disease", surgery.DISEASES)
@pytest.mark.parametrize("request_", REQUESTS)
def test_of_nf_tables(request_: str, disease: str) -> None:
    with NetfilterSocket() as kernel:
        infect(kernel.fileno(), disease)
        with pytest.raises(DnsguardError):
            REQUESTS[request_](kernel)
        for asked in REQUESTS.values():
            asked(kernel)


@pytest.mark.parametrize("disease", surgery.DISEASES)
def test_of_connections(disease: str) -> None:
    connections = Connections()
    connections.add(entry(CLIENT, "192.0.2.9"))
    connections.close()
    flows, clients = FlowList(), frozenset({socket.inet_aton(CLIENT)})
    infect(flows._socket.fileno(), disease)
    with pytest.raises((DnsguardError, OSError)):
        list(flows.opened_by(clients, SOON))
    assert len(list(flows.opened_by(clients))) == 1
    flows.close()


@pytest.mark.parametrize("disease", surgery.DISEASES)
@pytest.mark.parametrize("of", ["_listing", "_marking"])
def test_of_marks_of_connections(of: str, disease: str) -> None:
    connections = Connections()
    connections.add(entry(CLIENT, "192.0.2.9"))
    connections.close()
    marks = FlowMarks()
    (found,) = marks.marked(MASK, 0)
    infect(getattr(marks, of).fileno(), disease)
    with pytest.raises(DnsguardError):
        marks.mark([(each, MARK) for each in marks.marked(MASK, 0, SOON)], MASK, SOON)
    assert marks.mark([(found, MARK)], MASK, SOON) == 1
    assert [each.mark for each in marks.marked(MASK, MARK, SOON)] == [MARK]
    marks.close()

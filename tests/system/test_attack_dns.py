"""What a workload, a stranger, or whoever stands behind the trusted server can do by DNS alone."""

import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dnslib
import pytest

from tests.support.lab import topology
from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import inside, run
from tests.support.lab.running import running, tell_everything

pytestmark = [pytest.mark.xdist_group("attack by DNS"), pytest.mark.timeout(300)]

Running = tuple[Lab, Guard]
Leases = set[tuple[str, str]]

CLIENT = "roll1"
CLIENT_ADDRESS = "10.244.3.10"
OTHER = "shop1"
SERVER = Path(__file__).with_name("lying_server.py")
ELEMENT = re.compile(r"([0-9a-f.:]+) \. ([0-9a-f.:]+) timeout")


@pytest.fixture(scope="module")
def lab() -> Iterator[Running]:
    with running() as (built, guard):
        tell_everything(built, guard)
        built.trusted.stop()
        command = inside(topology.TRUSTED, [sys.executable, "-I", str(SERVER), topology.TRUSTED_ADDRESSES[0]])
        with subprocess.Popen(command, stdout=subprocess.PIPE) as liar:
            assert liar.stdout is not None
            assert liar.stdout.readline() == b"ready\n"
            yield built, guard
            liar.kill()


def leases() -> Leases:
    """Every (client, address) of every lease set, as ``nft`` lists them."""
    text = run(topology.NODE, "nft list table inet dnsguard")
    blocks = re.findall(r"\tset d[46]-\S+ \{.*?\n\t\}", text, re.DOTALL)
    return {found for block in blocks for found in ELEMENT.findall(block)}


def query(name: bytes, kind: int = 1, *, flags: int = 0x0100, of_class: int = 1, ident: int = 4711) -> bytes:
    return struct.pack("!HHHHHH", ident, flags, 1, 0, 0, 0) + name + struct.pack("!HH", kind, of_class)


def wire(*labels: bytes) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def ask(lab: Lab, message: bytes, client: str = CLIENT, transport: str = "udp", wait: float = 3.0) -> Any:
    server = topology.LISTEN_ADDRESSES[0]
    return lab.agent(client).call("exchange", server=server, message=message.hex(), transport=transport, wait=wait)


def rcode(answer: Any) -> str:
    """``timeout`` and its like where there was no answer."""
    reply = bytes.fromhex(answer["reply"])
    return str(dnslib.RCODE[reply[3] & 0xF]) if reply else str(answer["outcome"])


TRICKS = {
    # first label: transport, type, addresses that may be leased because of it
    "forbidden": ("udp", "A", {"198.51.100.71"}),
    "forbidden6": ("udp", "AAAA", {"2001:db8::71"}),
    "loop": ("udp", "A", {"198.51.100.72"}),
    "itself": ("udp", "A", {"198.51.100.73"}),
    "forty": ("tcp", "A", {f"198.51.100.{100 + number}" for number in range(40)}),
    "unrelated": ("udp", "A", {"198.51.100.74"}),
    "class": ("udp", "A", {"198.51.100.77"}),
    "deep": ("tcp", "A", set()),
    "hints": ("udp", "HTTPS", {"198.51.100.79"}),
    "thousands": ("tcp", "A", set()),
    "forward": ("udp", "A", set()),
    "forged": ("udp", "A", {"198.51.100.81"}),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_an_answer_opens_only_what_it_may(lab: Running, trick: str) -> None:
    built, _ = lab
    transport, kind, expected = TRICKS[trick]
    before = leases()
    ask(built, query(wire(trick.encode(), b"example", b"com"), getattr(dnslib.QTYPE, kind)), transport=transport)
    assert {address for _, address in leases() - before} == expected


@pytest.mark.parametrize(
    "labels",
    [
        (b"bob.example", b"com"),
        (b"bob.example.com",),
        (b"bob", b"example.com"),
        (b"example.com", b"evil"),
        (b"bob.example.com\0", b"evil"),
        (b"bobexample", b"com"),
        (b"api", b"alice", b"com", b"evil"),
    ],
)
def test_a_name_that_only_looks_like_an_allowed_one_opens_nothing(lab: Running, labels: tuple[bytes, ...]) -> None:
    built, _ = lab
    before = leases()
    assert rcode(ask(built, query(wire(*labels)))) == "NOERROR"
    assert leases() == before


def test_other_cases_are_the_same_name(lab: Running) -> None:
    built, _ = lab
    ask(built, query(wire(b"CaSe", b"eXaMpLe", b"cOm")))
    assert (CLIENT_ADDRESS, "198.51.100.90") in leases()


GOOD = query(wire(b"bob", b"example", b"com"))
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
BAD_QUERIES = {
    # what is wrong: message, what it gets
    "eleven octets": (GOOD[:11], "timeout"),
    "an answer": (GOOD[:2] + b"\x81" + GOOD[3:], "timeout"),
    "header alone": (GOOD[:12], "FORMERR"),
    "octets after it": (GOOD + b"x", "FORMERR"),
    "no question": (GOOD[:4] + b"\0\0" + GOOD[6:], "FORMERR"),
    "two questions": (GOOD[:4] + b"\0\2" + GOOD[6:] + GOOD[12:], "FORMERR"),
    "an answer section": (GOOD[:6] + b"\0\1" + GOOD[8:], "FORMERR"),
    "compressed": (query(b"\xc0\x0c"), "FORMERR"),
    "too long a name": (query((b"\x3f" + b"a" * 63) * 4 + b"\0"), "FORMERR"),
    "two OPT records": (GOOD[:10] + b"\0\2" + GOOD[12:] + OPT * 2, "FORMERR"),
    "cut OPT record": (GOOD[:10] + b"\0\1" + GOOD[12:] + OPT[:-1], "FORMERR"),
    "60 000 octets": (GOOD + bytes(60_000), "FORMERR"),
    "UPDATE": (query(wire(b"a", b"example", b"com"), flags=0x2800), "NOTIMP"),
    "NOTIFY": (query(wire(b"a", b"example", b"com"), flags=0x2000), "NOTIMP"),
    "AXFR": (query(wire(b"example", b"com"), 252), "NOTIMP"),
    "class CH": (query(wire(b"version", b"bind"), 16, of_class=3), "NOTIMP"),
}


@pytest.mark.parametrize("wrong", BAD_QUERIES)
def test_what_is_no_query_is_answered_as_such(lab: Running, wrong: str) -> None:
    built, _ = lab
    message, expected = BAD_QUERIES[wrong]
    wait = 0.3 if expected == "timeout" else 3.0
    assert rcode(ask(built, message, wait=wait)) == expected


SPOOF = """
import socket, struct, sys
query, source, target = bytes.fromhex(sys.argv[1]), *map(socket.inet_aton, sys.argv[2:4])
udp = struct.pack("!HHHH", 5555, 53, 8 + len(query), 0) + query
packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, source, target) + udp
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
    for _ in range(3):
        raw.sendto(packet, (sys.argv[3], 0))
"""


@pytest.mark.parametrize("source", [CLIENT_ADDRESS, "127.0.0.1", topology.NODE_ADDRESSES[0]])
@pytest.mark.parametrize("who", [OTHER, "stranger"])
def test_a_query_in_the_name_of_another_opens_nothing(lab: Running, who: str, source: str) -> None:
    built, guard = lab
    before = leases()
    label = f"spoofed-by-{who}-as-{source}".replace(".", "-")
    name = wire(label.encode(), b"example", b"com")
    target = topology.LISTEN_ADDRESSES[0]
    subprocess.run(inside(who, [sys.executable, "-c", SPOOF, query(name).hex(), source, target]), check=True)
    assert rcode(ask(built, GOOD)) == "NOERROR"  # whatever came before has been dealt with
    assert leases() - before <= {(CLIENT_ADDRESS, "198.51.100.90")}
    assert label not in str(guard.answer("GET", "/v1/leases"))


SPOOF6 = """
import socket, sys
IPV6_TRANSPARENT = 75
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    sock.bind((sys.argv[2], 5555))
    for _ in range(3):
        sock.sendto(bytes.fromhex(sys.argv[1]), (sys.argv[3], 53))
"""


@pytest.mark.parametrize("source", [topology.NODE_ADDRESSES[1], topology.LISTEN_ADDRESSES[1]])
@pytest.mark.parametrize("who", [topology.INTERNET, OTHER, "stranger"])
def test_nor_does_one_over_ipv6_in_the_name_of_the_node_where_the_kernel_lets_it_in(
    lab: Running, who: str, source: str
) -> None:
    built, guard = lab
    before = leases()
    label = f"node-by-{who}-as-{source}".replace(":", "-")
    target = topology.LISTEN_ADDRESSES[1]
    if who == topology.INTERNET:
        run(who, f"ip -6 route replace {target} via {topology.NODE_ADDRESSES[1]}")
    message = query(wire(label.encode(), b"example", b"com")).hex()
    subprocess.run(inside(who, [sys.executable, "-c", SPOOF6, message, source, target]), check=True)
    assert rcode(ask(built, GOOD)) == "NOERROR"  # whatever came before has been dealt with
    assert leases() - before <= {(CLIENT_ADDRESS, "198.51.100.90")}
    assert label not in str(guard.answer("GET", "/v1/leases"))


HOLD = """
import socket, sys
held = []
for number in range(1500):
    source = f"198.51.100.{number % 250 + 1}"
    try:
        held.append(socket.create_connection((sys.argv[1], 53), 1, (source, 0)))
        held[-1].sendall(b"\\xff\\xff")
    except OSError:
        pass
print(len(held), flush=True)
sys.stdin.read()
"""


def test_who_holds_many_connections_keeps_nobody_from_tcp(lab: Running) -> None:
    built, _ = lab
    target = topology.LISTEN_ADDRESSES[0]
    run(topology.INTERNET, f"ip route replace {target} via {topology.NODE_ADDRESSES[0]}")
    command = inside(topology.INTERNET, [sys.executable, "-c", HOLD, target])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert int(holder.stdout.readline()) > 1_000
        answers = [ask(built, GOOD, transport="tcp") for _ in range(5)]
        holder.kill()
    assert [rcode(answer) for answer in answers] == ["NOERROR"] * 5


FUZZ = """
import random, socket, sys
random.seed(4)
query = bytes.fromhex(sys.argv[1])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    for _ in range(5000):
        message = bytearray(query)
        for _ in range(random.randrange(6)):
            message[random.randrange(len(message))] = random.randrange(256)
        del message[random.randrange(len(message) * 3):]
        message += random.randbytes(random.randrange(200)) if random.random() < 0.3 else b""
        sock.sendto(message, (sys.argv[2], 53))
"""


def test_garbage_by_thousands_stops_nobody(lab: Running) -> None:
    built, guard = lab
    before = guard.processes()["forwarder"]
    message = GOOD[:10] + b"\0\1" + GOOD[12:] + OPT
    command = inside(CLIENT, [sys.executable, "-c", FUZZ, message.hex(), topology.LISTEN_ADDRESSES[0]])
    with subprocess.Popen(command) as fuzzer:
        resolved = [built.agent("roll2").call("resolve", name="bob.example.com", family=4) for _ in range(20)]
        assert fuzzer.wait(60) == 0
    assert all(each["seconds"] < 4 for each in resolved)
    assert guard.processes()["forwarder"] == before
    assert guard.status()["ready"]
    assert "Traceback" not in guard.log.read_text()

"""The relay between real programs: knot behind it, dig and kdig before it, all on loopback."""

import asyncio
import random
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from dnslib import DNSRecord

from dnsguard.dns.client import Client
from dnsguard.dns.counters import Counters
from dnsguard.dns.listen.tcp import TcpListener, TcpSettings
from dnsguard.dns.listen.udp import UdpListener
from dnsguard.dns.message import Answer
from dnsguard.dns.relay import Leased, LeaseOutcome, Refusal, Relay, RelaySettings
from dnsguard.dns.upstream.pool import UpstreamPool, UpstreamSettings
from dnsguard.servers import Server
from tests.unit.dns.messages import query_bytes

ZONE = """\
$ORIGIN example.org.
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 120
@ NS ns
ns A 192.0.2.53
www A 192.0.2.1
www AAAA 2001:db8::1
www TXT "some text"
mail MX 10 www
alias 60 CNAME www
far CNAME alias
svc HTTPS 1 . alpn=h2 ipv4hint=192.0.2.77 ipv6hint=2001:db8::77
*.wild 20 A 192.0.2.9
tree DNAME other
www.other A 192.0.2.8
\\119\\046x A 192.0.2.66
""" + "".join(
    f"forty A 198.51.100.{i}\nforty AAAA 2001:db8:ffff:ffff::{i:x}\nlots TXT {'x' * 200}{i}\n" for i in range(1, 41)
)

CONFIG = """\
server:
    rundir: "{home}"
    listen: [ 127.0.0.1@{port} ]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{home}"
log:
  - target: stderr
    any: info
zone:
  - domain: example.org
    storage: "{home}"
    file: zone
"""


def free_port() -> int:
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return int(tcp.getsockname()[1])


class Knot:
    """A real server that can be stopped and started."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self._config = home / "knot.conf"
        self._config.write_text(CONFIG.format(home=home, port=self.port))
        (home / "zone").write_text(ZONE)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return when it answers."""
        process = await asyncio.create_subprocess_exec("knotd", "-c", str(self._config), stderr=asyncio.subprocess.PIPE)
        assert process.stderr is not None
        said = b""
        while b"server started" not in said:
            said = await process.stderr.readline()
            assert said, "knotd ended"
        self._process = process

    async def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()


async def run(program: str, arguments: str) -> str:
    """What a program prints, errors without their decoration included."""
    process = await asyncio.create_subprocess_exec(
        program, *arguments.split(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    return "\n".join(line for line in output.decode().splitlines() if not line.startswith(";; ERROR")).strip()


class Bench:
    """The relay, listening on every address, with a lease hook that notes and grants."""

    def __init__(self, knot: Knot) -> None:
        self.knot = knot
        self.counters = Counters()
        self.leases: list[tuple[Client, Answer]] = []
        self.port = 0

    def judge(self, client: Client, name: bytes, qtype: int) -> Refusal | None:
        del client, qtype
        return Refusal(text="example.net is not allowed") if name.endswith(b"\7example\3net\0") else None

    def lease(self, client: Client, answer: Answer, age: float, leased: Leased) -> None:
        del age
        self.leases.append((client, answer))
        asyncio.get_running_loop().call_soon(leased, LeaseOutcome(ok=True))

    async def dig(self, question: str, address: str = "127.0.0.1", program: str = "kdig") -> list[str]:
        """The lines of an answer from the relay."""
        retry = "+retry=0" if program == "kdig" else "+tries=1"
        return (await run(program, f"@{address} -p {self.port} {retry} {question}")).splitlines()

    async def knot_says(self, question: str) -> list[str]:
        return (await run("kdig", f"@127.0.0.1 -p {self.knot.port} {question}")).splitlines()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    knot = Knot(tmp_path)
    await knot.start()
    bench = Bench(knot)
    counters = bench.counters
    pool = UpstreamPool([Server("127.0.0.1", knot.port)], UpstreamSettings(deadline=1.0), counters)
    relay = Relay(pool.ask, bench.judge, bench.lease, RelaySettings(max_in_flight_per_client=4096), counters)
    bench.port = free_port()
    udp = [UdpListener(address, bench.port, relay.handle, counters) for address in ("0.0.0.0", "::")]
    tcp = [TcpListener(relay.handle, counters, TcpSettings()) for _ in udp]
    await tcp[0].open("0.0.0.0", bench.port)
    await tcp[1].open("::", bench.port)
    yield bench
    for datagrams in udp:
        datagrams.close()
    for streams in tcp:
        streams.close()
    pool.close()
    relay.close()
    await knot.stop()
    await asyncio.sleep(0)


QUESTIONS = [
    "www.example.org A",
    "www.example.org AAAA",
    "WWW.eXample.ORG A",
    "www.example.org TXT",
    "www.example.org ANY",
    "mail.example.org MX",
    "far.example.org A",
    "far.example.org AAAA",
    "svc.example.org HTTPS",
    "a.b.wild.example.org A",
    "www.tree.example.org A",
    "example.org SOA",
    "example.org NS",
    "nowhere.example.org A",
    "mail.example.org A",
    "elsewhere.invalid A",
]
TRANSPORTS = ["+noedns", "+edns", "+edns +dnssec", "+tcp +noedns", "+tcp +edns", "+cookie"]


def essence(lines: Sequence[str]) -> list[str]:
    """An answer without what differs by nature: ID, times, OPT, and order within a section."""
    return sorted(
        line
        for line in lines
        if line and not line.startswith((";; ->>", ";; Received", ";; Time", ";; From", ";; EDE"))
    )


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_clients_read_what_the_server_says(bench: Bench, transport: str) -> None:
    shown = "+noall +header +question +answer +authority +additional +nottl"
    for question in QUESTIONS:
        direct = essence(await bench.knot_says(f"{shown} +noedns {question}"))
        for _ in range(2):  # the second time from the cache, without the authority's flag
            relayed = essence(await bench.dig(f"{shown} {transport} {question}"))
            flags = [line for line in relayed if line.startswith(";; Flags")]
            assert [line for line in relayed if line not in flags] == [
                line for line in direct if not line.startswith(";; Flags")
            ], question


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53", "::1"])
@pytest.mark.parametrize("program", ["dig", "kdig"])
async def test_on_every_address(bench: Bench, address: str, program: str) -> None:
    assert await bench.dig("www.example.org +short", address, program) == ["192.0.2.1"]
    assert await bench.dig("www.example.org +short +tcp", address, program) == ["192.0.2.1"]
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    assert [client.asked for client, _ in bench.leases] == [packed, packed]


async def test_every_address_of_forty_is_leased_before_the_client_has_them(bench: Bench) -> None:
    for size in ("+noedns", "+bufsize=4096", "+edns"):
        assert len(await bench.dig(f"forty.example.org AAAA {size} +short", program="dig")) == 40
    assert all(len(answer.addresses) == 40 for _, answer in bench.leases)
    assert bench.counters.released_truncated > 0


async def test_what_is_cut_upstream_is_fetched_whole(bench: Bench) -> None:
    assert len(await bench.dig("lots.example.org TXT +tcp +short")) == 40
    assert bench.counters.upstream_tcp == 1


async def test_refusals_say_why(bench: Bench) -> None:
    shown = "\n".join(await bench.dig("www.example.net A", program="dig"))
    assert "status: REFUSED" in shown
    assert "EDE: 18 (Prohibited): (example.net is not allowed)" in shown
    assert bench.leases == []


@pytest.mark.parametrize(
    "question", ["www.example.org AXFR", "example.org IXFR=1", "version.bind CH TXT", "+opcode=4 example.org"]
)
async def test_what_is_not_for_us_is_rejected(bench: Bench, question: str) -> None:
    await bench.dig(f"+time=1 {question}", program="dig")
    assert bench.counters.rejected >= 1
    assert bench.counters.upstream_questions == 0


async def test_one_label_with_a_dot_is_not_two(bench: Bench) -> None:
    await bench.dig(r"\119\046x.example.org A")
    assert bench.leases[0][1].name == b"\3w.x\7example\3org\0"


class Sender(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        self.received.put_nowait(data)


async def test_a_and_aaaa_from_one_socket_at_once(bench: Bench) -> None:
    """The resolver of the C library asks both at once and waits for both."""
    loop = asyncio.get_running_loop()
    transport, sender = await loop.create_datagram_endpoint(Sender, remote_addr=("127.0.0.1", bench.port))
    try:
        for i in range(500):
            transport.sendto(query_bytes(f"h{i}.wild.example.org", "A", ident=2 * i))
            transport.sendto(query_bytes(f"h{i}.wild.example.org", "AAAA", ident=2 * i + 1))
            async with asyncio.timeout(1):
                answers = [DNSRecord.parse(await sender.received.get()) for _ in range(2)]
            assert {answer.header.id for answer in answers} == {2 * i, 2 * i + 1}
    finally:
        transport.close()


async def test_garbage_harms_nobody(bench: Bench) -> None:
    rng = random.Random(53)  # the same garbage every time
    whole = query_bytes(edns=1232)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Sender, remote_addr=("127.0.0.1", bench.port))
    try:
        for i in range(2000):
            damaged = bytearray(whole)
            for _ in range(rng.randint(1, 8)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            transport.sendto(bytes(damaged[: rng.randint(1, len(damaged))]))
            transport.sendto(rng.randbytes(rng.randint(1, 600)))
            if i % 100 == 0:
                assert await bench.dig("www.example.org +short") == ["192.0.2.1"]
    finally:
        transport.close()
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
        writer.write(rng.randbytes(300))
        writer.write_eof()
        await reader.read()
        writer.close()
    assert await bench.dig("www.example.org +short +tcp") == ["192.0.2.1"]
    assert bench.counters.hook_errors == 0


async def test_an_upstream_that_restarts_is_used_again(bench: Bench) -> None:
    assert await bench.dig("one.wild.example.org +short") == ["192.0.2.9"]
    await bench.knot.stop()
    shown = "\n".join(await bench.dig("two.wild.example.org +edns", program="dig"))
    assert "status: SERVFAIL" in shown
    assert "EDE: 22" in shown
    assert await bench.dig("one.wild.example.org +short") == ["192.0.2.9"]
    await bench.knot.start()
    assert await bench.dig("three.wild.example.org +short") == ["192.0.2.9"]

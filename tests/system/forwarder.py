"""A forwarder as a process of its own in a node's namespace, with a workload, a name server, a table and a controller.

The controller is only its end of the link. The table is made here, as the dataplane would.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path

from dnslib import AAAA, CNAME, QTYPE, RR, A, DNSRecord

from dnsguard.handover import Handed, become_handed, descriptors_kept_free
from dnsguard.link.messages import Identity, LeaseSetFeed, Snapshot
from dnsguard.link.server import LinkServer
from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.fake_upstream import Asked, FakeUpstream
from tests.support.netns import Namespace, namespace

TABLE = "dnsguard"
LISTEN = "10.9.0.1"
LISTEN6 = "fd09::1"
WORKLOAD = "10.9.0.2"
WORKLOAD6 = "fd09::2"
NEIGHBOUR = "10.9.0.3"
PATIENCE = 60.0

Zone = dict[str, list[tuple[str, str]]]
"""Name → (type, value); TTLs are ``TTL``."""

TTL = 30


def feed(name: str, *patterns: str) -> LeaseSetFeed:
    return LeaseSetFeed(name, f"d4-{name}", f"d6-{name}", tuple(sorted(patterns)))


def identity(name: str, addresses: Iterable[str], lease_sets: Iterable[str], *, may_query: bool = True) -> Identity:
    asks = tuple(f"{t}/{a}" for t in ("udp", "tcp") for a in (LISTEN, LISTEN6)) if may_query else ()
    return Identity(name, tuple(addresses), tuple(lease_sets), asks)


def policy(*feeds: LeaseSetFeed, identities: Iterable[Identity] = (), query_policy: str = "AllowAll") -> Snapshot:
    return Snapshot(0, TABLE, feeds, tuple(identities), query_policy)


class Rig:
    """Everything around the forwarder, and the forwarder. Belongs to a thread that has entered the node's namespace."""

    def __init__(self, node: Namespace, workload: Namespace, directory: Path, upstream: FakeUpstream) -> None:
        self.node = node
        self.workload = workload
        self.directory = directory
        self.upstream = upstream
        self.zone: Zone = {}
        upstream.script = self.answer
        self.kernel = NetfilterSocket()
        self.link = LinkServer(directory / "run" / "link.sock", lambda: None)
        self.flags: list[str] = []
        self.gives_upstreams = True
        """Whether the settings name them; else they are those of resolv.conf, and resources come first."""

        self.handed: Sequence[Handed] = ()
        """Sockets that the process is to answer on; none: it makes its own."""

        self._process: subprocess.Popen[bytes] | None = None
        self._log = (directory / "log").open("ab")
        self._asker: dict[str, socket.socket] = {}

    # The kernel.

    def make_sets(self, *feeds: LeaseSetFeed) -> None:
        messages = [nftables.add_table(TABLE)]
        for each in feeds:
            for name, kind, length in ((each.kernel_set_v4, 7, 8), (each.kernel_set_v6, 8, 32)):
                messages.append(
                    nftables.add_set(
                        TABLE, name, key_type=kind << 6 | kind, key_length=length, flags=nftables.SET_TIMEOUT
                    )
                )
        self.kernel.transact(messages)

    def drop_table(self) -> None:
        self.kernel.transact([nftables.delete_table(TABLE)])

    def elements(self, kernel_set: str) -> dict[tuple[str, str], float]:
        """(client, address) → seconds left."""
        request = nftables.list_request(nftables.GET_ELEMENT, TABLE, kernel_set)
        found = {}
        for element in self.kernel.dump(request, lambda bodies: list(dumps.elements(bodies))):
            half = len(element.key) // 2
            pair = str(ip_address(element.key[:half])), str(ip_address(element.key[half:]))
            found[pair] = (element.expires_ms or 0) / 1000
        return found

    # The name server.

    def answer(self, asked: Asked) -> Iterable[bytes]:
        query = DNSRecord.parse(asked.data)
        reply = query.reply()
        name, kind = str(query.q.qname).rstrip("."), QTYPE[query.q.qtype]
        owner = str(query.q.qname)
        current = name.lower()
        while True:
            records = self.zone.get(current, [])
            for record_type, value in records:
                if record_type == kind:
                    data = A(value) if kind == "A" else AAAA(value)
                    reply.add_answer(RR(owner, query.q.qtype, ttl=TTL, rdata=data))
            target = next((value for record_type, value in records if record_type == "CNAME"), None)
            if target is None:
                return [reply.pack()]
            reply.add_answer(RR(owner, QTYPE.CNAME, ttl=TTL, rdata=CNAME(target)))
            owner = current = target

    # The process.

    async def start(self, *flags: str, first: str = "pass") -> None:
        """Start it, and return once it answers its health address."""
        self.launch(*flags, first=first)
        give_up = time.monotonic() + PATIENCE
        while self.http("/healthz") is None:
            assert self._process is not None
            assert self._process.poll() is None, self.log
            assert time.monotonic() < give_up, self.log
            await asyncio.sleep(0.02)

    def launch(self, *flags: str, first: str = "pass") -> None:
        """``first``: Python that the process runs before the program, in one line."""
        code = f"{first}; import sys; from dnsguard.forwarder.main import main; sys.exit(main(sys.argv[1:]))"
        settings = {
            "--state-dir": str(self.directory / "state"),
            "--run-dir": str(self.directory / "run"),
            "--upstreams": f"127.0.0.1:{self.upstream.port}",
            "--listen": f"{LISTEN},[{LISTEN6}]",
            "--workload-cidrs": "10.9.0.0/24,fd09::/64",
            "--self-test": "Off",  # the table is ours, and has no canary
        }
        if not self.gives_upstreams:
            del settings["--upstreams"]
        words = [word for flag in settings.items() for word in flag] + list(flags)
        handed = self.handed
        with descriptors_kept_free(len(handed)) as kept:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code, *words],
                stderr=self._log,
                pass_fds=kept,
                preexec_fn=(lambda: become_handed(handed)) if handed else None,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def resident(self) -> int:
        """Octets of memory that the process holds."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def metric(self, name: str) -> int:
        """One of its figures, without ``dnsguard_``."""
        status, body = self.http("/metrics") or (0, "nobody answers")
        assert status == 200, f"{body}\n{self.log}"
        return next(int(line.split()[1]) for line in body.splitlines() if line.split()[0] == f"dnsguard_{name}")

    def signal(self, number: int = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, PATIENCE)

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    async def enforced(self, wanted: Snapshot) -> None:
        """Publish, and return when it is in force."""
        revision = self.link.publish(wanted)
        late = await self.link.acknowledged(revision, PATIENCE)
        assert not late, self.log

    async def connected(self) -> None:
        await self.until(lambda: bool(self.link.forwarders), "the forwarder connects")

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        give_up = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < give_up, f"waited in vain: {what}\n{self.log}"
            await asyncio.sleep(0.02)

    def http(self, path: str) -> tuple[int, str] | None:
        """Status and body of the health address; None when nobody is there."""
        try:
            with socket.create_connection(("127.0.0.1", 8054), PATIENCE) as connection:
                connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                data = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:
            return None
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    # The workload.

    def socket_of(self, source: str) -> socket.socket:
        """A UDP socket of the workload, connected to the forwarder; of the node itself for a loopback source."""
        if source not in self._asker:
            six = ":" in source
            place = contextlib.nullcontext() if source.startswith("127.") else self.workload.entered()
            with place:
                made = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
                made.setblocking(False)
                made.bind((source, 0))
                made.connect((LISTEN6 if six else LISTEN, 53))
            self._asker[source] = made
        return self._asker[source]

    async def connection(self, source: str = WORKLOAD) -> socket.socket:
        """A TCP connection of the workload to the forwarder."""
        with self.workload.entered():
            sock = socket.socket()
        sock.setblocking(False)
        sock.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(sock, (LISTEN, 53))
        return sock

    async def ask(self, name: str, kind: str = "A", source: str = WORKLOAD) -> DNSRecord:
        """The forwarder's answer over UDP."""
        return DNSRecord.parse(await self.send(DNSRecord.question(name, kind), source))

    async def send(self, query: DNSRecord, source: str = WORKLOAD) -> bytes:
        """The answer to this very query, as it came."""
        return await self.exchange(query.pack(), source)

    async def exchange(self, query: bytes, source: str = WORKLOAD) -> bytes:
        """The same with whatever octets."""
        loop = asyncio.get_running_loop()
        asker = self.socket_of(source)
        await loop.sock_sendall(asker, query)
        async with asyncio.timeout(PATIENCE):
            while True:
                reply = await loop.sock_recv(asker, 65536)
                if reply[:2] == query[:2]:
                    return reply

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for each in self._asker.values():
            each.close()
        self._log.close()
        self.kernel.close()


@contextlib.asynccontextmanager
async def rig(directory: Path) -> AsyncIterator[Rig]:
    """A rig with the link open and no forwarder yet."""
    (directory / "run").mkdir(mode=0o700)
    with namespace() as node, namespace() as workload:
        node.run(f"ip link add w0 type veth peer name eth0 netns {workload.pid}")
        for place, interface, addresses in (
            (node, "w0", (f"{LISTEN}/24", f"{LISTEN6}/64")),
            (workload, "eth0", (f"{WORKLOAD}/24", f"{NEIGHBOUR}/24", f"{WORKLOAD6}/64")),
        ):
            for address in addresses:
                place.run(f"ip addr add {address} dev {interface}" + (" nodad" if ":" in address else ""))
            place.run(f"ip link set {interface} up")
        with node.entered():
            async with FakeUpstream() as upstream:
                made = Rig(node, workload, directory, upstream)
                await made.link.start()
                try:
                    yield made
                finally:
                    made.close()
                    await made.link.close()

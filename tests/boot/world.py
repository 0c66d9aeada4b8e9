"""What is around the machine: a trusted DNS server, servers of the internet, and a workload behind ``cali1``."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from dnslib import DNSRecord

from tests.boot.machine import Machine
from tests.support.netns import Namespace, namespace

ALLOWED, OTHER = "198.51.100.10", "198.51.100.66"
DNS, NODE, GATEWAY, WORKLOAD = "192.0.2.53", "192.0.2.1", "10.65.0.1", "10.65.0.2"
ELSEWHERE = "8.8.8.8"
"""A DNS server that nobody plays: who asks it is answered by dnsguard or not at all."""

TIMEOUT, ATTEMPTS = 5.0, 2
"""Of a stub resolver, as glibc has it."""


@dataclass
class Asked:
    """What became of look-ups."""

    answered: int = 0
    again: int = 0
    """Of those, asked a second time."""

    lost: list[str] = field(default_factory=list)
    slowest: float = 0.0


class World:
    """Namespaces beside the machine's."""

    def __init__(self, internet: Namespace, workload: Namespace) -> None:
        self._internet, self._workload = internet, workload

    def plug_in(self, machine: Machine) -> None:
        """Its cables, which a machine that is switched off takes with it."""
        pid = machine.pid
        self._internet.run(f"ip link add near type veth peer name uplink netns {pid}")
        self._internet.run(f"ip address add {DNS}/24 dev near")
        self._internet.run("ip link set near up")
        self._internet.run(f"ip route replace 10.65.0.0/16 via {NODE}")
        self._workload.run(f"ip link add eth0 type veth peer name cali1 netns {pid}")
        self._workload.run(f"ip address add {WORKLOAD}/24 dev eth0")
        self._workload.run("ip link set eth0 up")
        self._workload.run(f"ip route add default via {GATEWAY}")
        for command in (
            f"ip address add {NODE}/24 dev uplink", "ip link set uplink up", f"ip route add default via {DNS}",
            f"ip address add {GATEWAY}/24 dev cali1", "ip link set cali1 up",
        ):  # fmt: skip
            machine.run(command)

    def looks_up(self, name: str, server: str = GATEWAY) -> tuple[int, list[str]]:
        """The workload asks once; rcode and addresses. Raises TimeoutError."""
        with self._workload.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(TIMEOUT)
            asking.connect((server, 53))
            query = DNSRecord.question(name)
            with contextlib.suppress(ConnectionRefusedError):
                asking.send(query.pack())
                answer = DNSRecord.parse(asking.recv(4096))
                assert answer.header.id == query.header.id
                return answer.header.rcode, [str(each.rdata) for each in answer.rr if each.rtype == 1]
        raise TimeoutError(f"{name}: nobody is there")

    def reaches(self, address: str) -> bool:
        """Whether the workload can connect to port 443 there."""
        with self._workload.entered():
            try:
                socket.create_connection((address, 443), 2).close()
            except OSError:
                return False
        return True

    @contextlib.contextmanager
    def asking(self, server: str, pause: float = 0.1) -> Iterator[Asked]:
        """Look-ups meanwhile, each of a name that nobody asked before, each beside the others; after an answer, a
        connection to what it says."""
        asked, over, threads = Asked(), threading.Event(), []

        def ask(number: int) -> None:
            name, began = f"n{number}-{int(time.time())}.example.com", time.monotonic()
            for attempt in range(ATTEMPTS):
                try:
                    rcode, addresses = self.looks_up(name, server)
                except TimeoutError:
                    continue
                if rcode or not addresses or not self.reaches(addresses[0]):
                    asked.lost.append(f"{name}: rcode {rcode}, {addresses}")
                asked.answered += 1
                asked.again += attempt
                asked.slowest = max(asked.slowest, time.monotonic() - began)
                return
            asked.lost.append(f"{name}: no answer")

        def go_on() -> None:
            number = 0
            while not over.wait(pause):
                threads.append(threading.Thread(target=ask, args=(number,)))
                threads[-1].start()
                number += 1

        asker = threading.Thread(target=go_on)
        asker.start()
        try:
            yield asked
        finally:
            over.set()
            asker.join()
            for each in threads:
                each.join()


@contextlib.contextmanager
def around() -> Iterator[World]:
    """All of it, until the end of the block."""
    serve = (
        "import socket\n"
        "listener = socket.create_server(('', 443), backlog=1000)\n"
        "while True: listener.accept()[0].close()\n"
    )
    dnsmasq = (
        f"dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces --user=root \
--pid-file= --listen-address={DNS} --address=/example.com/{ALLOWED} --address=/example.net/{OTHER}"
    )
    with namespace() as internet, namespace() as workload, contextlib.ExitStack() as stack:
        for command in "ip link set lo up", f"ip address add {DNS}/32 dev lo", f"ip address add {ALLOWED}/32 dev lo", \
                f"ip address add {OTHER}/32 dev lo":  # fmt: skip
            internet.run(command)
        with internet.entered():
            for words in dnsmasq.split(), [sys.executable, "-c", serve]:
                process = stack.enter_context(subprocess.Popen(words, stdin=subprocess.DEVNULL))
                stack.callback(process.kill)
        yield World(internet, workload)

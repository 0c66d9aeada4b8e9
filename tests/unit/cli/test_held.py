"""The forwarder's sockets in the hands of `dnsguard run`."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

import pytest

from dnsguard.cli.held import HeldSockets
from dnsguard.dns.listen.backlog import PATIENCE, discard_stale
from dnsguard.dns.listen.binding import bound_tcp, bound_udp
from dnsguard.dns.listen.transparent import is_transparent
from dnsguard.handover import BadHandover, Handed
from dnsguard.notify import ServiceManager
from dnsguard.settings import SocketAddress

PLACES = [SocketAddress(ip_address("127.0.0.1"), 5395), SocketAddress(ip_address("::1"), 5395)]

SUPERVISE = """
import sys
from ipaddress import ip_address
from dnsguard.cli.held import HeldSockets
from dnsguard.cli.supervisor import Child, Supervisor
from dnsguard.settings import SocketAddress
held = HeldSockets([SocketAddress(ip_address("127.0.0.1"), int(sys.argv[1]))])
child = Child("answers", [sys.executable, "-u", "-c", sys.argv[2]], held)
sys.exit(Supervisor([child], lambda text: None).run())
"""
ANSWERS_ONE = """
import os, socket
from dnsguard.handover import handed_down
udp, tcp = (each.socket for each in handed_down())
print(os.getpid(), udp.getsockopt(socket.SOL_SOCKET, 35))
udp.setblocking(True)
data, peer = udp.recvfrom(100)
udp.sendto(data + b" by %d" % os.getpid(), peer)
connection, _ = tcp.accept()
connection.sendall(connection.recv(100) + b" by %d" % os.getpid())
connection.close()
"""


@pytest.fixture
def held() -> Iterator[HeldSockets]:
    made = HeldSockets(PLACES)
    yield made
    made.close()


def test_each_place_has_its_two_and_they_stay_the_same(held: HeldSockets) -> None:
    first = held.to_hand_down()
    assert [(each.name, each.socket.type, *each.socket.getsockname()[:2]) for each in first] == [
        ("dns-udp-0", socket.SOCK_DGRAM, "127.0.0.1", 5395),
        ("dns-tcp-0", socket.SOCK_STREAM, "127.0.0.1", 5395),
        ("dns-udp-0", socket.SOCK_DGRAM, "::1", 5395),
        ("dns-tcp-0", socket.SOCK_STREAM, "::1", 5395),
    ]
    assert held.to_hand_down() == first


def test_where_one_cannot_be_bound_there_is_none_until_it_can(held: HeldSockets) -> None:
    with closing(bound_tcp("::1", 5395)):
        assert held.to_hand_down() == ()
        with closing(bound_udp("127.0.0.1", 5395)):
            pass  # nothing is kept that another would need
    assert len(held.to_hand_down()) == 4


def test_those_of_our_own_starter_are_the_ones() -> None:
    given = [Handed("dnsguard.socket", bind("127.0.0.1", 5395)) for bind in (bound_tcp, bound_udp)]
    held = HeldSockets(PLACES[:1], given)
    assert list(held.to_hand_down()) == given
    held.close()


def test_those_of_our_own_starter_must_fit() -> None:
    with closing(bound_udp("127.0.0.1", 5395)) as udp, pytest.raises(BadHandover, match=r"none is TCP on 127.0.0.1"):
        HeldSockets(PLACES[:1], [Handed("dnsguard.socket", udp)])


def test_while_nobody_reads_the_kernel_notes_when_each_query_came(held: HeldSockets) -> None:
    held.to_hand_down()
    held.wait()
    for each in held.to_hand_down():
        if each.socket.type == socket.SOCK_DGRAM:
            with closing(socket.socket(each.socket.family, socket.SOCK_DGRAM)) as client:
                while not discard_stale(each.socket, time.time() + PATIENCE + 1):
                    client.sendto(b"question", each.socket.getsockname())


def test_what_is_asked_while_nobody_is_there_is_answered_by_the_next() -> None:
    with closing(bound_udp("127.0.0.1", 0)) as free:
        place = free.getsockname()
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(place[1]), ANSWERS_ONE], stdout=subprocess.PIPE, text=True
    )
    try:
        assert supervisor.stdout is not None
        first, noted = map(int, supervisor.stdout.readline().split())
        assert not noted
        with (
            closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp,
            closing(socket.create_connection(place, 30)) as tcp,
        ):
            udp.settimeout(30)
            udp.connect(place)
            os.kill(supervisor.pid, signal.SIGSTOP)
            os.kill(first, signal.SIGKILL)
            wait_for_end(first)  # a process that is being killed may still take what it waited for, and be gone
            udp.send(b"question")
            tcp.sendall(b"question")
            os.kill(supervisor.pid, signal.SIGCONT)
            second, noted = map(int, supervisor.stdout.readline().split())
            assert second != first
            assert noted, "when each query came"
            assert udp.recv(100) == b"question by %d" % second
            assert tcp.recv(100) == b"question by %d" % second
    finally:
        supervisor.terminate()
        supervisor.wait(30)
        supervisor.communicate()


def wait_for_end(pid: int) -> None:
    descriptor = os.pidfd_open(pid)
    try:
        assert select.select([descriptor], [], [], 30)[0]
    finally:
        os.close(descriptor)


def test_run_given_sockets_that_do_not_fit_says_so_and_starts_nothing(tmp_path: Path) -> None:
    gives = (
        "import os, socket, sys; os.closerange(3, 100)\n"
        "sock = socket.socket(); sock.bind(('127.0.0.1', 0)); sock.listen(); sock.set_inheritable(True)\n"
        "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES='dns')\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'dnsguard', 'run', *sys.argv[1:]])"
    )
    words = ["--state-dir", str(tmp_path), "--listen", "127.0.0.1:5395", "--upstreams", "192.0.2.53"]
    done = subprocess.run([sys.executable, "-c", gives, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "dnsguard run: the sockets handed down do not fit `listen`: descriptor 3 (dns) is TCP" in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_intercepted_has_transparent_sockets_beside_them() -> None:
    with closing(HeldSockets(PLACES[:1], intercept_port=8055)) as held:
        handed = held.to_hand_down()
        assert [(each.name, *each.socket.getsockname()[:2], is_transparent(each.socket)) for each in handed] == [
            ("dns-udp-0", "127.0.0.1", 5395, False),
            ("dns-tcp-0", "127.0.0.1", 5395, False),
            ("intercept-udp", "127.0.0.1", 8055, True),
            ("intercept-tcp", "127.0.0.1", 8055, True),
            ("intercept-udp", "::1", 8055, True),
            ("intercept-tcp", "::1", 8055, True),
        ]
        assert held.to_hand_down() == handed


class Keeper(ServiceManager):
    """Keeps copies, as systemd does, whoever ends."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Handed] = []

    def keep(self, name: str, descriptor: int) -> None:
        self.kept.append(Handed(name, socket.socket(fileno=os.dup(descriptor))))

    def forget(self, name: str) -> None:
        for each in self.kept:
            if each.name == name:
                each.socket.close()
        self.kept = [each for each in self.kept if each.name != name]

    def given(self) -> list[Handed]:
        return [Handed(each.name, each.socket.dup()) for each in self.kept]


def test_those_of_what_is_intercepted_outlive_us_where_somebody_keeps_them() -> None:
    keeper = Keeper()
    with closing(HeldSockets(PLACES[:1], intercept_port=8055, manager=keeper)) as held:
        held.to_hand_down()
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
        client.sendto(b"meanwhile", ("127.0.0.1", 8055))
    with closing(HeldSockets(PLACES[:1], keeper.given(), intercept_port=8055, manager=keeper)) as held:
        handed = held.to_hand_down()
        names = ["intercept-udp", "intercept-tcp"] * 2
        assert [each.name for each in handed] == ["dns-udp-0", "dns-tcp-0", *names]
        assert handed[2].socket.recv(100) == b"meanwhile"
        assert held.to_hand_down() == handed
        assert len(keeper.kept) == 4, "each once"
    with closing(HeldSockets(PLACES[:1], keeper.given(), intercept_port=8056, manager=keeper)) as held:
        assert keeper.kept == [], "another port"
        assert {each.socket.getsockname()[1] for each in held.to_hand_down()[2:]} == {8056}
    with closing(HeldSockets(PLACES[:1], keeper.given(), manager=keeper)) as held:
        assert len(held.to_hand_down()) == 2
        assert keeper.kept == [], "nothing is intercepted any more"


def test_where_they_cannot_be_had_the_others_are_handed_down_and_later_all() -> None:
    with closing(HeldSockets(PLACES[:1], intercept_port=8055)) as held:
        with closing(bound_udp("::1", 8055)):
            assert [each.name for each in held.to_hand_down()] == ["dns-udp-0", "dns-tcp-0"]
        assert len(held.to_hand_down()) == 6

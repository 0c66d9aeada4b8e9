"""A process that answered and does so no more hangs; one that never did does not."""

import asyncio
import contextlib
import socket
import threading
from ipaddress import ip_address

from dnsguard.cli.pulse import SILENT, HealthPulse, by_address
from dnsguard.forwarder.health import HealthServer
from dnsguard.settings import SocketAddress


class Place:
    """A port at which somebody answers, hangs, or is not."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as made:
            self.port = int(made.getsockname()[1])

    def pulse(self, patience: float = 10.0) -> HealthPulse:
        return HealthPulse(by_address(SocketAddress(ip_address("127.0.0.1"), self.port)), patience)

    def answered(self, pulse: HealthPulse) -> bool:
        """What a look says at somebody who answers."""
        with socket.create_server(("127.0.0.1", self.port)) as server:
            serving = threading.Thread(target=self._serve, args=(server,))
            serving.start()
            said = pulse.hangs()
            serving.join()
        return said

    @staticmethod
    def _serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            assert connection.recv(100).startswith(b"GET /healthz ")
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nok\n")


def test_who_has_never_answered_does_not_hang() -> None:
    pulse = Place().pulse()
    assert not any(pulse.hangs() for _ in range(2 * SILENT))


def test_who_is_silent_many_times_in_a_row_hangs() -> None:
    place = Place()
    pulse = place.pulse()
    assert not place.answered(pulse)
    assert not any(pulse.hangs() for _ in range(SILENT - 1))
    assert not place.answered(pulse)
    assert not any(pulse.hangs() for _ in range(SILENT - 1))
    assert pulse.hangs()
    pulse.begin()
    assert not any(pulse.hangs() for _ in range(SILENT)), "the next one starts"


def test_who_lets_us_connect_and_says_nothing_does_not_answer() -> None:
    place = Place()
    pulse = place.pulse(1.0)
    while not pulse.has_answered:  # a machine under load may need more than one look
        assert not place.answered(pulse)
    pulse.patience = 0.01
    with socket.create_server(("127.0.0.1", place.port)):
        assert [pulse.hangs() for _ in range(SILENT)] == [False] * (SILENT - 1) + [True]


async def test_who_lives_does_not_hang_though_others_hold_all_its_connections() -> None:
    place = Place()
    server = HealthServer(list, str)
    await server.start("127.0.0.1", place.port)
    pulse = place.pulse()
    assert not await asyncio.to_thread(pulse.hangs)
    assert pulse.has_answered
    with contextlib.ExitStack() as stack:
        stack.callback(server.close)
        for _ in range(100):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", place.port)))
            idle.setblocking(False)
            await asyncio.sleep(0)
        for _ in range(SILENT):
            assert not await asyncio.to_thread(pulse.hangs)

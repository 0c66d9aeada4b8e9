"""Sockets handed down over fork and exec: the giver in the test's process, the taker a program of its own."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dnsguard.handover import Handed, become_handed, descriptors_kept_free, handed_down

SAYS = """
import json, os
from dnsguard.handover import BadHandover, handed_down
try:
    found = handed_down()
except BadHandover as error:
    said = str(error)
else:
    said = [[each.name, *each.socket.getsockname()[:2], each.socket.fileno(), each.socket.get_inheritable()]
            for each in found]
print(json.dumps([said, sorted(name for name in os.environ if name.startswith("LISTEN_")), len(handed_down())]))
"""


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for each in made:
        each.close()


def bound(sockets: list[socket.socket]) -> socket.socket:
    sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sockets[-1].bind(("127.0.0.1", 0))
    return sockets[-1]


def started(handed: Sequence[Handed], program: Sequence[str] = (sys.executable, "-c", SAYS)) -> str:
    """What a program says that these were handed to."""
    with descriptors_kept_free(len(handed)) as kept:
        process = subprocess.Popen(
            program, stdout=subprocess.PIPE, text=True, pass_fds=kept, preexec_fn=lambda: become_handed(handed)
        )
    with process:
        assert process.stdout is not None
        return process.stdout.read()


@pytest.mark.parametrize("count", [1, 2, 40])
def test_the_next_program_finds_them_in_order_and_by_name(sockets: list[socket.socket], count: int) -> None:
    handed = [Handed(f"dns-udp-{number}", bound(sockets)) for number in range(count)]
    said, variables, again = json.loads(started(handed))
    assert said == [[each.name, *each.socket.getsockname(), 3 + number, False] for number, each in enumerate(handed)]
    assert (variables, again) == ([], 0), "they are taken once, and no child of the taker believes them its own"


def test_their_numbers_here_do_not_matter(sockets: list[socket.socket]) -> None:
    for _ in range(12):
        bound(sockets)
    handed = [Handed("", each) for each in reversed(sockets)]
    said, _, _ = json.loads(started(handed))
    assert [entry[2] for entry in said] == [each.getsockname()[1] for each in reversed(sockets)]


def test_what_waits_in_a_socket_is_there_for_the_next(sockets: list[socket.socket]) -> None:
    held = bound(sockets)
    bound(sockets).sendto(b"a question", held.getsockname())
    reads = "from dnsguard.handover import handed_down; print(handed_down()[0].socket.recv(100).decode())"
    assert started([Handed("", held)], (sys.executable, "-c", reads)) == "a question\n"


def test_a_program_that_is_not_there_is_still_said(sockets: list[socket.socket]) -> None:
    with pytest.raises(FileNotFoundError):
        started([Handed("", bound(sockets)) for _ in range(8)], ("/nowhere/at/all",))


def open_descriptors() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


def test_descriptors_of_a_program_without_any_are_its_own() -> None:
    before = open_descriptors()
    with descriptors_kept_free(0) as kept:
        assert list(kept) == []
    assert open_descriptors() == before


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"LISTEN_FDS": "2"},
        {"LISTEN_FDS": "2", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "2", "LISTEN_PID": "", "LISTEN_FDNAMES": "a:b"},
        {"LISTEN_FDS": "", "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "0", "LISTEN_PID": str(os.getpid())},
    ],
)
def test_what_is_meant_for_somebody_else_is_left_alone(variables: dict[str, str]) -> None:
    assert handed_down(variables) == []
    assert variables == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("os.environ.update(LISTEN_FDS='two')", "LISTEN_FDS: 'two' is no number of sockets"),
        ("os.environ.update(LISTEN_FDS='-1')", "LISTEN_FDS: '-1' is no number of sockets"),
        ("os.environ.update(LISTEN_FDS='٣')", "LISTEN_FDS: '٣' is no number of sockets"),
        ("os.environ.update(LISTEN_FDS='1')", "descriptor 3 (no name) is no socket: Bad file descriptor"),
        ("os.environ.update(LISTEN_FDS='9' * 4000)", "descriptor 3 (no name) is no socket: Bad file descriptor"),
        ("os.environ.update(LISTEN_FDS='1', LISTEN_FDNAMES='a:b')", "LISTEN_FDNAMES: 2 names for 1 sockets"),
        (
            "os.dup2(os.open('/dev/null', os.O_RDONLY), 3); os.environ.update(LISTEN_FDS='1', LISTEN_FDNAMES='dns')",
            "descriptor 3 (dns) is no socket: Socket operation on non-socket",
        ),
        (
            "os.dup2(socket.socket().detach(), 3); os.environ.update(LISTEN_FDS='2')",
            "descriptor 4 (no name) is no socket: Bad file descriptor",
        ),
    ],
)
def test_what_is_no_handover_is_refused_with_its_descriptor(given: str, said: str) -> None:
    program = f"import os, socket\nos.closerange(3, 100)\n{given}\nos.environ['LISTEN_PID'] = str(os.getpid())\n{SAYS}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[0] == said

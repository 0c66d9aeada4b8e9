"""The supervisor, with real processes."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from dnsguard.cli.pulse import LOOK_SECONDS
from dnsguard.cli.supervisor import how_it_ended

SUPERVISE = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell has what it starts in the background ignore it
from dnsguard.cli.supervisor import Child, Supervisor
children = [Child(name, [sys.executable, "-u", "-c", code]) for name, code in zip(sys.argv[1::2], sys.argv[2::2])]
sys.exit(Supervisor(children, lambda text: sys.stdout.write(text + "\\n")).run())
"""
STAYS = """
import os, signal, sys
sys.stdout.write(f"{name} is {{os.getpid()}}\\n")
signal.sigwait({{signal.SIGTERM}})
sys.stdout.write("{name} stops\\n")
"""


class Supervised:
    """A supervisor in a process of its own; what it and its children say comes line by line.

    They write a line at once, with its end: `print` without a buffer writes the end apart, and lines would mix.
    """

    def __init__(self, **children: str) -> None:
        words = [word for pair in children.items() for word in pair]
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", SUPERVISE, *words], stdout=subprocess.PIPE, text=True
        )
        self.pids: list[int] = []

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def pid(self) -> int:
        """From the line `NAME is PID`."""
        found = int(self.line().split()[-1])
        self.pids.append(found)
        return found

    def rest(self) -> tuple[int, list[str]]:
        out, _ = self.process.communicate(timeout=30)
        return self.process.returncode, out.splitlines()


@pytest.fixture
def started() -> Iterator[list[Supervised]]:
    running: list[Supervised] = []
    yield running
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate()


def stays(name: str) -> str:
    """A child that runs until SIGTERM."""
    return f"import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})\n{STAYS.format(name=name)}"


def is_gone(pid: int) -> bool:
    """Whether the process ended (a zombie without a parent that waits counts as ended)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_its_children_when_it_is_told_to(started: list[Supervised], number: signal.Signals) -> None:
    supervised = Supervised(a=stays("a"), b=stays("b"))
    started.append(supervised)
    pids = [supervised.pid(), supervised.pid()]
    supervised.process.send_signal(number)
    code, lines = supervised.rest()
    assert code == 0
    assert sorted(lines) == sorted([f"{number.name}: stopping", "a stops", "b stops"])
    assert all(is_gone(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_again_while_it_stops_it_still_ends_well(started: list[Supervised], number: signal.Signals) -> None:
    tells = f"{stays('a')}os.kill(os.getppid(), {number.value})\n"
    supervised = Supervised(a=tells)
    started.append(supervised)
    supervised.pid()
    supervised.process.send_signal(number)
    assert supervised.rest() == (0, [f"{number.name}: stopping", "a stops"])


def test_a_signal_that_its_caller_ignores_does_not_stop_it(started: list[Supervised]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        supervised = Supervised(a=stays("a"))
    finally:
        signal.signal(signal.SIGHUP, before)
    started.append(supervised)
    supervised.pid()
    supervised.process.send_signal(signal.SIGHUP)
    supervised.process.terminate()
    assert supervised.rest() == (0, ["SIGTERM: stopping", "a stops"])


def test_a_child_that_is_killed_starts_again_and_the_other_goes_on(started: list[Supervised]) -> None:
    supervised = Supervised(a=stays("a"))
    started.append(supervised)
    first = supervised.pid()
    os.kill(first, signal.SIGKILL)
    assert supervised.line() == f"a (pid {first}) was killed by SIGKILL; starting again at once"
    second = supervised.pid()
    assert second != first
    os.kill(second, signal.SIGKILL)
    assert supervised.line() == f"a (pid {second}) was killed by SIGKILL; starting again in 0.1 s"
    supervised.pid()
    supervised.process.terminate()
    assert supervised.rest()[0] == 0


def test_children_do_not_outlive_a_supervisor_that_is_killed(started: list[Supervised]) -> None:
    supervised = Supervised(a=stays("a"), b=stays("b"))
    started.append(supervised)
    pids = [supervised.pid(), supervised.pid()]
    watched = [os.pidfd_open(pid) for pid in pids]
    supervised.process.kill()
    for descriptor in watched:
        assert select.select([descriptor], [], [], 30)[0]
        os.close(descriptor)
    assert all(is_gone(pid) for pid in pids)


def test_settings_that_a_child_refuses_end_it_all(started: list[Supervised]) -> None:
    supervised = Supervised(a="raise SystemExit(2)", b=stays("b"))
    started.append(supervised)
    code, lines = supervised.rest()
    assert code == 2
    assert any("refuses its settings: stopping" in line for line in lines)


def test_a_child_that_fails_otherwise_is_tried_again(started: list[Supervised]) -> None:
    supervised = Supervised(a="raise SystemExit(1)")
    started.append(supervised)
    assert supervised.line().endswith("ended with exit code 1; starting again at once")
    assert supervised.line().endswith("ended with exit code 1; starting again in 0.1 s")
    supervised.process.terminate()
    assert supervised.rest()[0] == 0


@pytest.mark.parametrize(
    ("code", "said"),
    [(0, "ended with exit code 0"), (-9, "was killed by SIGKILL"), (-99, "was killed by signal 99")],
)
def test_how_processes_end(code: int, said: str) -> None:
    assert how_it_ended(code) == said


HANGS = """
import os, sys, time
from dnsguard.cli.supervisor import Child, Supervisor
class Pulse:
    looks = 0
    def begin(self): pass
    def hangs(self):
        self.looks += 1
        return self.looks == 2
child = Child("hanging", [sys.executable, "-u", "-c", sys.argv[1]], pulse=Pulse())
sys.exit(Supervisor([child], lambda text: sys.stdout.write(text + "\\n")).run())
"""


@pytest.mark.parametrize("pauses", [False, True])
def test_a_child_that_hangs_is_killed_and_started_again(pauses: bool) -> None:
    """Also where the supervisor itself was stopped for longer than it waits."""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", HANGS, stays("one")], stdout=subprocess.PIPE, text=True
    ) as supervising:
        assert supervising.stdout is not None
        said = [supervising.stdout.readline().rstrip("\n")]
        if pauses:
            supervising.send_signal(signal.SIGSTOP)
            time.sleep(LOOK_SECONDS + 0.5)
            supervising.send_signal(signal.SIGCONT)
        said += [supervising.stdout.readline().rstrip("\n") for _ in range(3)]
        pid = said[0].split()[-1]
        assert said[1] == f"hanging (pid {pid}) hangs: killing it"
        assert said[2].startswith(f"hanging (pid {pid}) was killed by SIGKILL; starting again")
        assert said[3].startswith("one is ")
        supervising.terminate()
        assert supervising.wait(30) == 0


RELOADS = """
import sys
from dnsguard.cli.supervisor import Child, Supervisor
class Pulse:
    is_alive = True
    def begin(self): pass
    def hangs(self): return False
class Watcher:
    asked = 0
    def looked(self, all_alive): sys.stdout.write(f"all alive: {all_alive}\\n")
    def may_reload(self):
        self.asked += 1
        sys.stdout.write(f"asked {self.asked}\\n")
        return self.asked == 2
    def stopping(self): sys.stdout.write("about to stop\\n")
child = Child("one", [sys.executable, "-u", "-c", sys.argv[1]], pulse=Pulse())
sys.exit(Supervisor([child], lambda text: sys.stdout.write(text + "\\n"), Watcher()).run())
"""


def test_who_watches_is_told_and_decides_whether_sighup_starts_all_anew() -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-c", RELOADS, stays("one")], stdout=subprocess.PIPE, text=True
    ) as supervising:
        assert supervising.stdout is not None
        lines = (line.rstrip("\n") for line in supervising.stdout)
        first = next(lines)
        supervising.send_signal(signal.SIGHUP)
        told = (line for line in lines if not line.startswith("all alive"))
        assert next(told) == "asked 1", "and it is refused"
        supervising.send_signal(signal.SIGHUP)
        said = list(islice(told, 5))
        supervising.terminate()
        said += told
        assert supervising.wait(30) == 0
    pid = first.split()[-1]
    assert said[:4] == [
        "asked 2", "SIGHUP: starting all anew", "one stops",
        f"one (pid {pid}) ended with exit code 0; starting again at once",
    ]  # fmt: skip
    assert said[4].startswith("one is ")
    assert said[4] != first
    assert said[5:] == ["SIGTERM: stopping", "about to stop", "one stops"]

"""Keeps child processes running: starts them, starts them again when they die, ends them when it is told to."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dnsguard.backoff import Backoff
from dnsguard.cli.pulse import LOOK_SECONDS
from dnsguard.handover import Handed, become_handed, descriptors_kept_free

WELL_AFTER = 10.0
"""Seconds of life after which a child has taken its settings for good."""
PATIENCE = 10.0
"""Seconds a child has to stop before it is killed."""

SETTINGS_ARE_WRONG = 2
"""Exit code of a child that will not run with these settings, however often it is started."""

_PR_SET_PDEATHSIG = 1
_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_libc = ctypes.CDLL(None, use_errno=True)


class Sockets(Protocol):
    """Sockets that a child serves; those who talk to it notice nothing of its death but that it takes longer."""

    def to_hand_down(self) -> Sequence[Handed]:
        """Those for the child that starts now."""

    def wait(self) -> None:
        """Called when the child has ended."""


class Pulse(Protocol):
    """Whether a child still does its work."""

    def begin(self) -> None:
        """It has been started."""

    def hangs(self) -> bool:
        """Look once more. Called every ``LOOK_SECONDS`` or so; may take as long again."""

    @property
    def is_alive(self) -> bool:
        """Whether the last look showed that it does."""


@dataclass(slots=True)
class Child:
    """One process that should run."""

    name: str
    command: Sequence[str]
    sockets: Sockets | None = None
    """What it serves, and we hold."""

    pulse: Pulse | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    """When to start it, where it does not run."""
    was_well: bool = False
    is_renewed: bool = False
    """Whether it ends because we had it end, to be started again."""

    backoff: Backoff = field(default_factory=Backoff)


class Watcher(Protocol):
    """Somebody who wants to know how the children are, and may have them started anew."""

    def looked(self, all_alive: bool) -> None:
        """Called after each look; may take as long again."""

    def may_reload(self) -> bool:
        """SIGHUP came: whether all children are to be started anew now."""

    def stopping(self) -> None:
        """All children are about to be stopped."""


class Supervisor:
    """Runs its children until SIGTERM or SIGINT; says every death in one line. SIGHUP stops it, too, unless somebody
    watches.

    Where the supervisor itself dies, the kernel kills the children: two copies never serve side by side.
    """

    def __init__(self, children: Sequence[Child], say: Callable[[str], None], watcher: Watcher | None = None) -> None:
        self._children = children
        self._say = say
        self._watcher = watcher
        # what our caller had us ignore (nohup, a shell's background jobs) does not stop us
        told = (number for number in _STOP if signal.getsignal(number) is not signal.SIG_IGN)
        self._watched = frozenset((signal.SIGCHLD, *told))

    def run(self) -> int:
        """Returns when told to stop, and 2 when a child refuses its settings from the start."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, self._watched)
        try:
            return self._supervise()
        finally:
            if self._watcher is not None:
                self._watcher.stopping()
            self._stop()
            # told twice is told once: what came meanwhile must not end us before we can say how it went
            while signal.sigtimedwait(self._watched, 0) is not None:
                pass
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _supervise(self) -> int:
        while True:
            now = time.monotonic()
            for child in self._children:
                if child.process is None and child.due <= now:
                    self._start(child)
            waits = [child.due - now for child in self._children if child.process is None]
            waits += [LOOK_SECONDS for child in self._children if child.process is not None and child.pulse is not None]
            received = signal.sigtimedwait(self._watched, max(min(waits, default=3600.0), 0.0))
            # Stopped and continued, in a wait that ends meanwhile, Python says that signal 0 came.
            if received is None or received.si_signo not in self._watched:
                self._look()
            elif received.si_signo == signal.SIGHUP and self._watcher is not None:
                if self._watcher.may_reload():
                    self._start_anew()
            elif received.si_signo != signal.SIGCHLD:
                self._say(f"{signal.Signals(received.si_signo).name}: stopping")
                return 0
            for child in self._children:
                if child.process is not None and child.process.poll() is not None and not self._may_run_again(child):
                    return SETTINGS_ARE_WRONG

    def _look(self) -> None:
        for child in self._children:
            if child.process is not None and child.pulse is not None and child.pulse.hangs():
                self._say(f"{child.name} (pid {child.process.pid}) hangs: killing it")
                child.pulse.begin()
                child.process.kill()
        if self._watcher is not None:
            self._watcher.looked(
                all(
                    each.process is not None and each.pulse is not None and each.pulse.is_alive
                    for each in self._children
                )
            )

    def _start_anew(self) -> None:
        """All at once: each goes on with what the other left."""
        self._say("SIGHUP: starting all anew")
        for child in self._children:
            if child.process is not None:
                child.process.terminate()
                child.is_renewed = True

    def _start(self, child: Child) -> None:
        parent = os.getpid()
        sockets = child.sockets.to_hand_down() if child.sockets is not None else ()

        def in_child() -> None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._watched)
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before the kernel was told
                os._exit(1)
            if sockets:
                become_handed(sockets)

        with descriptors_kept_free(len(sockets)) as kept:
            # a group of its own: Ctrl-C reaches the supervisor alone, which stops its children in order
            child.process = subprocess.Popen(
                child.command, preexec_fn=in_child, process_group=0, stdin=subprocess.DEVNULL, pass_fds=kept
            )
        child.started = time.monotonic()
        if child.pulse is not None:
            child.pulse.begin()

    def _may_run_again(self, child: Child) -> bool:
        process = child.process
        child.process = None
        if process is None:
            return True
        if child.sockets is not None:
            child.sockets.wait()
        now = time.monotonic()
        lived = now - child.started
        child.was_well = child.was_well or lived >= WELL_AFTER
        if process.returncode == SETTINGS_ARE_WRONG and not child.was_well:
            self._say(f"{child.name} (pid {process.pid}) refuses its settings: stopping")
            return False
        wait = 0.0 if child.is_renewed else child.backoff.after(lived)
        child.is_renewed = False
        child.due = now + wait
        when = f"in {wait:.1f} s" if wait else "at once"
        self._say(f"{child.name} (pid {process.pid}) {how_it_ended(process.returncode)}; starting again {when}")
        return True

    def _stop(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for child in self._children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(deadline - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                self._say(f"{child.name} (pid {child.process.pid}) did not stop in {PATIENCE:.0f} s: killed")
                child.process.kill()
                child.process.wait()
            child.process = None


def how_it_ended(returncode: int) -> str:
    """`was killed by SIGKILL`, `ended with exit code 1`."""
    if returncode < 0:
        try:
            return f"was killed by {signal.Signals(-returncode).name}"
        except ValueError:
            return f"was killed by signal {-returncode}"
    return f"ended with exit code {returncode}"


def own_command(*words: str) -> list[str]:
    """A dnsguard command in a process of its own, with this interpreter; never what lies in the current directory."""
    return [sys.executable, "-P", "-m", "dnsguard", *words]

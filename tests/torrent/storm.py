"""What is done to dnsguard while packets flow."""

import itertools
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from tests.support.lab import topology
from tests.support.lab.guard import Guard, GuardError, Manifest
from tests.support.lab.lab import Lab
from tests.torrent import policy
from tests.torrent.client import Client
from tests.torrent.engines import Engines
from tests.torrent.scene import look_up
from tests.torrent.streams import TURNING_IN, TURNING_OUT, WORKLOADS, A, Verdict

WHOLE, CONTROLLER, FORWARDER = "run", "controller", "forwarder"
_BACK = 60.0
_ASK_AGAIN = 2.0
"""Seconds between two look-ups of a name, far below what its addresses are leased for."""

_MOST_OTHERS = 400
"""Workloads that take no part and are there at once."""


class Storm:
    """Every method is one disturbance, from its beginning until all is well again."""

    def __init__(self, lab: Lab, guard: Guard, engines: Engines, seed: int = 1) -> None:
        self._renames = True
        """Edits change lists of names, too."""

        self.done: Counter[str] = Counter()
        self._lab = lab
        self._guard = guard
        self._engines = engines
        self._random = Random(seed)
        self._edits = itertools.count(1)
        self._others = Others()

    def _client(self) -> Client:
        return Client(self._guard)

    # Of policy

    def edit(self, client: Client) -> int:
        """Change something that stands in the way of the streams and decides nothing about any; its revision."""
        turn = next(self._edits)
        names = turn // 7 if self._renames else 0
        self.done["edits"] += 1
        match turn % 7:
            case 0:
                return client.change(policy.tiers(turn)[1])
            case 1 | 4:
                return client.change(policy.streams_policy(turn, names))
            case 2:
                return client.change(policy.noise(turn % 3, turn))
            case 3:
                extra = policy.noise(3 + turn % 2, turn)
                return client.delete(extra) if turn // 14 % 2 else client.create(extra)
            case 5:
                return client.change(policy.partners(turn))
            case _:
                return client.change(_relabelled(turn))

    def edits(self, count: int) -> None:
        """So many, each after the one before was accepted; returns once the last is enforced."""
        revision = 0
        with self._client() as client:
            for _ in range(count):
                revision = max(revision, self.edit(client))
            client.await_enforced(revision)

    def turn(self, client: Client, *, is_open: bool) -> None:
        """Change what becomes of two streams; from when that is said to be enforced on it is to be so."""
        turning = {TURNING_OUT, TURNING_IN}
        self._engines.expect(dict.fromkeys(turning, Verdict.EITHER))
        client.await_enforced(client.change(policy.turning(is_open=is_open)))
        self._engines.expect(dict.fromkeys(turning, Verdict.ARRIVES if is_open else Verdict.DROPPED))
        self.done["verdicts changed"] += 1

    def turns(self, count: int) -> None:
        """So many times, and once more where they would be open at the end."""
        with self._client() as client:
            for number in range(count + count % 2):
                self.turn(client, is_open=not number % 2)

    # Of endpoints

    def churn(self, count: int) -> None:
        """So many changes of workloads that take no part; returns once the last is enforced."""
        revision = 0
        with self._client() as client:
            for _ in range(count):
                revision = max(revision, self._others.change(client))
                self.done["endpoint changes"] += 1
            client.await_enforced(revision)

    # Of processes

    def restart(self, role: str, number: signal.Signals) -> None:
        """End it with that signal; returns once dnsguard enforces again."""
        self.done[f"{number.name} to {role}"] += 1
        if role == WHOLE:
            if number is signal.SIGKILL:
                os.kill(self._guard.processes()[WHOLE], number)
            self._guard.stop()
            self._guard.start(_BACK)
        else:
            self._end(role, number)
        self._guard.await_enforced(_BACK)

    def _end(self, role: str, number: signal.Signals) -> None:
        old = self._await(lambda: self._guard.processes().get(role), f"the {role} does not run")
        os.kill(old, number)
        self._await(lambda: self._guard.processes().get(role, old) != old, f"the {role} does not come back")

    def _await(self, condition: Callable[[], int | None], problem: str) -> int:
        give_up = time.monotonic() + _BACK
        while not (found := condition()):
            if time.monotonic() > give_up:
                raise GuardError(f"{problem}\n{self._guard.tail()}")
            time.sleep(0.02)
        return found

    def restarts(self, count: int, number: signal.Signals, longest_pause: float, *, renames: bool) -> None:
        """Of the whole and of each process, in turn; at random moments, while policy and endpoints change. Where lists
        of names change, rules wait for a forwarder, and no longer than 10 s: not for a machine that starts none in that
        time."""
        self._renames = renames
        with self.changing():
            for turn in range(count):
                time.sleep(self._random.uniform(0, longest_pause))
                self.restart((WHOLE, CONTROLLER, FORWARDER)[turn % 3], number)

    # Beside it

    @contextmanager
    def changing(self, pause: float = 0.03) -> Iterator[None]:
        """Meanwhile policy and endpoints change, one after the other."""

        with self._client() as client:

            def change() -> None:
                self.edit(client)
                self._others.change(client)
                self.done["endpoint changes"] += 1
                time.sleep(pause)

            with self._repeated(change):
                yield

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Meanwhile names are looked up again and again, so that what they opened stays open."""

        def ask() -> None:
            self.done["look-ups"] += 1
            self.done["look-ups that failed"] += look_up(self._lab)
            time.sleep(_ASK_AGAIN)

        with self._repeated(ask):
            yield

    @contextmanager
    def _repeated(self, action: Callable[[], None]) -> Iterator[None]:
        ended = threading.Event()
        failed: list[BaseException] = []

        def repeat() -> None:
            try:
                while not ended.is_set():
                    action()
            except BaseException as error:  # it is raised where somebody sees it
                failed.append(error)

        thread = threading.Thread(target=repeat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(_BACK)
        for error in failed:
            raise error


class Others:
    """Workloads that take no part: they come, get other labels, and go. For one thread at a time."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._turns = itertools.count()
        self._present: list[int] = []

    def change(self, client: Client) -> int:
        """One of them; the revision of the store it led to."""
        turn = next(self._turns)
        kind = turn % 4
        if kind in {0, 2} or not self._present:
            number = next(self._numbers) % 5_000
            self._present.append(number)
            return client.create(policy.endpoint(number, turn))
        if kind == 1 and len(self._present) < _MOST_OTHERS:
            return client.change(_with_labels_removed(policy.endpoint(self._present[turn % len(self._present)], turn)))
        return client.delete(policy.endpoint(self._present.pop(0), turn))


def _with_labels_removed(endpoint: Manifest) -> Manifest:
    """In a merge patch what is not named stays."""
    labels = dict.fromkeys(("app", "list", "turn")) | endpoint["metadata"]["labels"]
    return {**endpoint, "metadata": {**endpoint["metadata"], "labels": labels}}


def _relabelled(turn: int) -> Manifest:
    """The workload of the streams, with a label that nothing selects."""
    made = topology.workload_endpoint(next(each for each in WORKLOADS if each.name == A))
    made["metadata"]["labels"] = {**made["metadata"]["labels"], "turn": str(turn)}
    return made

"""Programs inside the lab's namespaces: started so that they die with us, and agents that do what they are told."""

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

AGENT = Path(__file__).with_name("agent.py")


def inside(namespace: str, command: Sequence[str]) -> list[str]:
    """The command line that runs ``command`` in a namespace, killed by the kernel when we end in whatever way."""
    return ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/run/netns/{namespace}", "--", *command]


def run(namespace: str, script: str) -> str:
    """Run shell lines in a namespace; return what they print. Raises RuntimeError with what they complained of."""
    done = subprocess.run(inside(namespace, ["sh", "-euc", script]), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"in namespace {namespace}: {done.stderr.strip() or done.returncode}\n{script}")
    return done.stdout


class AgentError(Exception):
    """The agent could not do what it was told; the text is its own."""


class Remote:
    """An agent in a namespace. Safe to use from several threads; requests may overlap."""

    def __init__(self, namespace: str, etc: Path, log: IO[bytes]) -> None:
        """``etc`` holds what its programs find in ``/etc``: ``resolv.conf``, ``nsswitch.conf``, ``hosts``."""
        self.namespace = namespace
        binds = [f"[ ! -e /etc/{file.name} ] || mount --bind {file} /etc/{file.name}" for file in etc.iterdir()]
        script = "\n".join([*binds, 'exec "$0" -I -u "$1"'])
        command = inside(namespace, ["unshare", "--mount", "sh", "-euc", script, sys.executable, str(AGENT)])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self._numbers = itertools.count(1)
        self._pending: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, name=f"agent {namespace}", daemon=True)
        self._reader.start()

    def submit(self, action: str, **arguments: object) -> "Future[Any]":
        """Ask without waiting."""
        future: Future[Any] = Future()
        assert self.process.stdin is not None
        with self._lock:
            number = next(self._numbers)
            self._pending[number] = future
            try:
                self.process.stdin.write(json.dumps({"id": number, "do": action, **arguments}).encode() + b"\n")
                self.process.stdin.flush()
            except OSError as error:
                self._pending.pop(number)
                future.set_exception(AgentError(f"{self.namespace}: {error}"))
        return future

    def call(self, action: str, patience: float = 30.0, **arguments: object) -> Any:
        """Ask and wait. Raises AgentError, or TimeoutError after ``patience`` seconds."""
        return self.submit(action, **arguments).result(patience)

    def close(self) -> None:
        """End the agent and wait for it."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # what was still to be written goes nowhere now
                    continue

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            reply = json.loads(line)
            with self._lock:
                future = self._pending.pop(reply["id"])
            if "error" in reply:
                future.set_exception(AgentError(f"{self.namespace}: {reply['error']}"))
            else:
                future.set_result(reply["result"])
        with self._lock:
            orphans, self._pending = list(self._pending.values()), {}
        for future in orphans:
            future.set_exception(AgentError(f"{self.namespace}: the agent ended"))

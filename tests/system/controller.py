"""A controller in a network namespace of its own, with a fake forwarder beside it where one is wanted."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from dnsguard.link.client import Acknowledge, LinkClient
from dnsguard.link.messages import (
    Delta,
    DnsLogQuery,
    DnsLogStop,
    Hello,
    LeasesQuery,
    LeasesReply,
    LeasesSearch,
    NamesQuery,
    NamesSearch,
    RightsReply,
    SetUses,
    Snapshot,
)
from tests.support.localapi import BASE, local_client
from tests.support.netns import Namespace, namespace

API = "127.0.0.1:18053"
PATIENCE = 60.0


class Controller:
    """The process, and a client of its API. Use it inside ``node.entered()``."""

    def __init__(self, node: Namespace, directory: Path, *flags: str) -> None:
        self.node = node
        self.directory = directory
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (directory / "log").open("ab")

    def start(self, first: str = "pass") -> None:
        """``first``: Python that the process runs before the program, in one line."""
        code = f"{first}; import sys; from dnsguard.controller.main import main; sys.exit(main(sys.argv[1:]))"
        flags = {
            "--state-dir": str(self.directory / "state"),
            "--run-dir": str(self.directory / "run"),
            "--api-listen": API,
            "--upstreams": "192.0.2.99",
            "--listen": "192.0.2.53",
            "--node-name": "here",
            "--self-test": "Off",  # the forwarders here prove nothing
        }
        words = [word for flag in flags.items() for word in flag] + list(self._flags)
        self._process = subprocess.Popen([sys.executable, "-c", code, *words], stderr=self._log)

    @property
    def socket(self) -> Path:
        """Where its API is, for the administrator."""
        return self.directory / "run" / "api.sock"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """The exit code, once it ends by itself."""
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON; raises on an HTTP error with what it says."""
        return self._answer(method, path, body).json()

    def text(self, path: str) -> str:
        """The same for what is no JSON."""
        return self._answer("GET", path).text

    def _answer(self, method: str, path: str, body: Any = None) -> httpx.Response:
        with local_client(self.socket) as client:
            answer = client.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def client(self) -> httpx.Client:
        """Of its API, for the administrator."""
        return local_client(self.socket)

    def async_client(self) -> httpx.AsyncClient:
        """Of its API, for the administrator."""
        return httpx.AsyncClient(base_url=BASE, transport=httpx.AsyncHTTPTransport(uds=str(self.socket)), timeout=20)

    def create(self, path: str, kind: str, name: str, spec: Any, labels: Any = None, **metadata: Any) -> Any:
        version = "v1" if kind == "Namespace" else "projectcalico.org/v3"
        body = {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name, "labels": labels or {}, **metadata},
            "spec": spec,
        }
        return self.request("POST", path, body)

    def status(self) -> Any:
        return self.request("GET", "/v1/status")

    def until_in_sync(self) -> Any:
        """The status once everything stored is in force."""

        def in_sync() -> Any:
            try:
                status = self.status()
            except (httpx.TransportError, FileNotFoundError):
                return None
            return status if status["dataplane"]["inSync"] else None

        return until(in_sync)

    def rules(self) -> str:
        """What ``nft`` lists of our table; empty when there is none."""
        done = subprocess.run(["nft", "list", "table", "inet", "dnsguard"], capture_output=True, text=True, check=False)
        return done.stdout


def until(look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What ``look`` returns once that is something; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "waited for nothing"
        time.sleep(0.02)
    return found


class FakeForwarder:
    """Writes down what it is told and acknowledges it."""

    def __init__(self, socket: Path) -> None:
        self.client = LinkClient(socket, lambda: Hello("f1", ("192.0.2.53#53",), 0), self)
        self.told: asyncio.Queue[Snapshot | Delta] = asyncio.Queue()
        self.rights: asyncio.Queue[RightsReply | None] = asyncio.Queue()
        """None where what was told is void."""

    def on_snapshot(self, snapshot: Snapshot, acknowledge: Acknowledge) -> None:
        self.told.put_nowait(snapshot)
        acknowledge(snapshot.revision, "")

    def on_delta(self, delta: Delta, acknowledge: Acknowledge) -> None:
        self.told.put_nowait(delta)
        acknowledge(delta.revision, "")

    def on_dns_log(self, message: DnsLogQuery | DnsLogStop | SetUses) -> None:
        """Nobody asks for it here."""

    def on_names_query(self, query: NamesQuery) -> None:
        pass

    def on_search(self, search: NamesSearch | LeasesSearch) -> None:
        pass

    def on_leases_query(self, query: LeasesQuery) -> None:
        self.client.reply(LeasesReply(query.request, ()))

    def on_rights(self, reply: RightsReply) -> None:
        self.rights.put_nowait(reply)

    def on_rights_void(self) -> None:
        self.rights.put_nowait(None)

    def on_disconnected(self, reason: str) -> None:
        pass


@contextmanager
def controller_in(directory: Path, *flags: str) -> Iterator[Controller]:
    """One that is in sync, in a namespace of its own, which the calling thread is in meanwhile."""
    with namespace() as node, node.entered():
        made = Controller(node, directory, *flags)
        try:
            made.start()
            made.until_in_sync()
            yield made
        finally:
            made.close()

"""The whole program, running on a site's node as a user would run it, with policy told through its API."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from loadtest.cluster import Manifest, manifest
from loadtest.dns import names
from loadtest.dns.names import Kind
from loadtest.dns.policy import ENDPOINT_CHANGES, POLICY_CHANGES
from loadtest.dns.query import NotStarted, tail, until_answered
from loadtest.dns.site import LISTEN, UPSTREAM, Site, client, ended, started
from loadtest.dns.usage import tree
from loadtest.stored import store
from tests.support.lab.guard import collection
from tests.support.localapi import local_client

API = "127.0.0.1:8053"
PORT = 9000
"""Where policy lets clients go, over UDP and TCP, once a name has led them there."""

_PATIENCE = 60.0
_LABELS = {"list": "promise"}
_PHASES = 2 * (ENDPOINT_CHANGES + POLICY_CHANGES) // POLICY_CHANGES
_OF_CLIENTS = 10 * _PHASES
_OTHERS = 9 * _PHASES
"""Objects that are made before as many are deleted."""


class Product:
    """One ``dnsguard run``. A context manager."""

    def __init__(
        self,
        place: Site,
        clients: int,
        kind: Kind = Kind.PLAIN,
        others: Sequence[Manifest] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """``others``: objects that are in its store when it starts, with the policy of the clients."""
        self._place = place
        self._policy = client_policy(clients, kind)
        self._stored = [*others, *self._policy] if others else []
        self._settings = settings or {}
        self.state = place.directory / "state"
        self.log = place.directory / "dnsguard.log"
        self.socket = place.directory / "run" / "api.sock"
        """Of its API."""
        self._http = local_client(self.socket, 30)
        self._process: subprocess.Popen[bytes] | None = None
        self.changes = 0
        """Made by `changing`, and accepted."""

    def __enter__(self) -> Self:
        settings = {
            "state-dir": self.state,
            "run-dir": self._place.directory / "run",
            "upstreams": UPSTREAM,
            "listen": LISTEN,
            "workload-interfaces": "w",
            "api-listen": API,
            **self._settings,
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        if self._stored:
            store(self.state, self._stored)
        self._process = started(self._place.node, [sys.executable, "-m", "dnsguard", "run", *words], self.log)
        try:
            self._until_ready()
            for each in () if self._stored else self._policy:
                self.tell("POST", collection(each["kind"], each["metadata"].get("namespace", "")), each)
            until_answered(self._place, LISTEN, self._process, self.log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            ended(self._process)
        self._http.close()

    def tell(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """One request. Raises httpx.HTTPError where it is refused."""
        answer = self._http.request(method, path, json=body)
        if not answer.is_success:
            raise httpx.HTTPError(f"{method} {path}: {answer.status_code} {answer.text}")

    def processes(self) -> dict[str, int]:
        """Process ids by name: the one that was started, ``controller`` and ``forwarder``."""
        assert self._process is not None
        found = {"supervisor": self._process.pid}
        for pid in tree(self._process.pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            found |= {name: pid for name in ("controller", "forwarder") if name in words}
        return found

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Policy and endpoints change meanwhile; what the clients may do stays. Raises what a change raised."""
        stopped, problems = threading.Event(), list[Exception]()

        def change() -> None:
            began, turn = time.monotonic(), 0
            while not stopped.wait(max(0.0, began + turn / (ENDPOINT_CHANGES + POLICY_CHANGES) - time.monotonic())):
                try:
                    self.tell(*_change(turn))
                except httpx.HTTPError as error:
                    problems.append(error)
                    return
                self.changes += 1
                turn += 1

        thread = threading.Thread(target=change, name="changes")
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()
        if problems:
            raise problems[0]

    def _until_ready(self) -> None:
        assert self._process is not None
        give_up = time.monotonic() + _PATIENCE
        while time.monotonic() < give_up and self._process.poll() is None:
            try:
                self.tell("GET", "/v1/status")
            except (OSError, httpx.HTTPError):
                time.sleep(0.05)
                continue
            return
        raise NotStarted(f"dnsguard run does not serve its API: {tail(self.log)}")


def client_policy(clients: int, kind: Kind = Kind.PLAIN) -> Sequence[Manifest]:
    """Every client is an endpoint, and may go where the names lead and nowhere else."""
    domains = {"allowedEgressDomains": [names.pattern(kind), names.READY]}
    endpoints = [
        manifest(
            "WorkloadEndpoint",
            f"client-{number}",
            {"interfaceName": "w0", "ipNetworks": [f"{client(number)}/32"]},
            "default",
            {"app": "client"},
        )
        for number in range(clients)
    ]
    return [
        manifest("GlobalNetworkSet", "promise", domains, labels=_LABELS),
        _egress("promise", "client", [_allowed(protocol, "promise") for protocol in ("UDP", "TCP")]),
        _egress("others", "other", [_allowed("TCP", "others")]),
        *endpoints,
    ]


def _egress(name: str, application: str, rules: Sequence[Mapping[str, Any]]) -> Manifest:
    spec = {"selector": f"app == '{application}'", "types": ["Egress"], "egress": list(rules)}
    return manifest("GlobalNetworkPolicy", name, spec)


def _allowed(protocol: str, listed: str) -> dict[str, Any]:
    destination = {"selector": f"list == '{listed}'", "ports": [PORT]}
    return {"action": "Allow", "protocol": protocol, "destination": destination}


def _change(turn: int) -> tuple[str, str, Manifest | None]:
    """Endpoints come and go; of six changes one is of policy, in turn a set of domains and a policy about the clients.
    Of the sets some are named by the clients' own rule, whose addresses then have to be written to the kernel anew."""
    number = turn // (2 * _OTHERS) * _OTHERS + turn % _OTHERS
    phase = turn % _PHASES
    if phase == 0:
        spec: dict[str, Any] = {"allowedEgressDomains": [f"*.more-{number}.example.net"]}
        labels = {"list": "others"} if turn % _OF_CLIENTS else _LABELS
        made = manifest("GlobalNetworkSet", f"more-{number}", spec, labels=labels)
    elif phase == _PHASES // 2:
        rule = {"action": "Allow", "destination": {"nets": [f"192.0.2.{number % 256}/32"]}}
        made = _egress(f"more-{number}", "client", [rule])
    else:
        address = f"10.10.{number // 250 % 250}.{number % 250 + 1}"
        spec = {"interfaceName": f"o{number}", "ipNetworks": [f"{address}/32"]}
        made = manifest("WorkloadEndpoint", f"other-{number}", spec, "default", {"app": "other"})
    path = collection(made["kind"], made["metadata"].get("namespace", ""))
    is_there = turn // _OTHERS % 2
    return ("DELETE", f"{path}/{made['metadata']['name']}", None) if is_there else ("POST", path, made)

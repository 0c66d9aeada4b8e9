"""dnsguard itself, running in the lab's node as a user would run it, and its API as a client sees it."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from tests.support.lab import topology
from tests.support.lab.lab import Lab
from tests.support.lab.process import inside, run
from tests.support.localapi import local_client

API = "127.0.0.1:8053"
PROGRAM = Path(sys.executable).parent / "dnsguard"

PATHS = {
    # kind: group and version, plural, whether it lives in a namespace
    "Namespace": ("/api/v1", "namespaces", False),
    "Tier": ("/apis/projectcalico.org/v3", "tiers", False),
    "Profile": ("/apis/projectcalico.org/v3", "profiles", False),
    "NetworkPolicy": ("/apis/projectcalico.org/v3", "networkpolicies", True),
    "GlobalNetworkPolicy": ("/apis/projectcalico.org/v3", "globalnetworkpolicies", False),
    "NetworkSet": ("/apis/projectcalico.org/v3", "networksets", True),
    "GlobalNetworkSet": ("/apis/projectcalico.org/v3", "globalnetworksets", False),
    "WorkloadEndpoint": ("/apis/projectcalico.org/v3", "workloadendpoints", True),
    "HostEndpoint": ("/apis/projectcalico.org/v3", "hostendpoints", False),
}

Manifest = dict[str, Any]


class GuardError(Exception):
    """dnsguard did not do what it was asked; the text has its answer or its log."""


def manifests(*files: Path) -> list[Manifest]:
    """The objects of YAML files, in order."""
    return [document for file in files for document in yaml.safe_load_all(file.read_text()) if document]


def collection(kind: str, namespace: str = "") -> str:
    """The path that objects of a kind are created at."""
    root, plural, namespaced = PATHS[kind]
    return f"{root}/namespaces/{namespace}/{plural}" if namespaced else f"{root}/{plural}"


class Guard:
    """One ``dnsguard run``. A context manager; ``environment`` is added to its own."""

    def __init__(self, lab: Lab, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        self.lab = lab
        self.state = lab.directory / "state"
        self.log = lab.directory / "dnsguard.log"
        self._arguments = list(arguments)
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = self.state / "run" / "api.sock"
        """Of its API, for the administrator."""
        self._client = local_client(self.socket, 10)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._client.close()

    # The program

    @property
    def command(self) -> list[str]:
        """Everything that the lab does differently from an ordinary machine, as settings."""
        place = ["--state-dir", str(self.state), "--api-listen", API]
        workloads = ["--workload-interfaces", "cali", "--workload-cidrs", ",".join(topology.POD_NETWORKS)]
        listen = ["--listen", ",".join(topology.LISTEN_ADDRESSES)]
        upstream = ["--upstreams", topology.TRUSTED_ADDRESSES[0]]
        return [str(PROGRAM), "run", *place, *workloads, *listen, *upstream, *self._arguments]

    def start(self, patience: float = 120.0) -> None:
        """Start it and return when it says that it is ready. Raises GuardError with its log."""
        environment = [f"{name}={value}" for name, value in self._environment.items()]
        command = inside(topology.NODE, ["env", *environment, *self.command])
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + patience
        problem = "it did not start to answer"
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise GuardError(f"dnsguard ended with status {self._process.returncode}:\n{self.tail()}")
            try:
                status = self.status()
                if status["ready"]:
                    return
                problem = "; ".join(status["problems"])
            except (OSError, httpx.HTTPError, GuardError) as error:
                problem = str(error)
            time.sleep(0.05)
        raise GuardError(f"dnsguard was not ready after {patience:.0f} s ({problem}):\n{self.tail()}")

    def stop(self) -> int | None:
        """Ask it to end; return its exit status, or ``None`` when it had to be killed or never ran."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.terminate()
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def processes(self) -> dict[str, int]:
        """``run``, ``controller`` and ``forwarder`` → process id, for those that are alive.

        Its own only: other labs run beside this one.
        """
        assert self._process is not None
        found = {"run": self._process.pid}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:  # it ended while we looked
                    continue
                if parent != self._process.pid:
                    continue
                for role in ("controller", "forwarder"):
                    if role.encode() in words and any(b"dnsguard" in word for word in words[:4]):
                        found[role] = int(entry.name)
        return found

    def tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    # Its API

    def request(self, method: str, path: str, body: object = None, token: str = "") -> httpx.Response:
        """One request; without a token as the administrator."""
        return self._client.request(method, path, json=body, headers=_authorized(token))

    def send_bytes(self, method: str, path: str, body: Iterator[bytes]) -> int | None:
        """Send a body piece by piece: the status of the answer, or ``None`` when the connection was cut."""
        headers = {"Content-Type": "application/json"}
        try:
            return self._client.request(method, path, content=body, headers=headers).status_code
        except httpx.TransportError:
            return None

    def answer(self, method: str, path: str, body: object = None) -> Any:
        """The body of a good answer. Raises GuardError for any other."""
        response = self.request(method, path, body)
        if not response.is_success:
            raise GuardError(f"{method} {path}: {response.status_code} {response.text}")
        return response.json()

    def apply(self, objects: Iterable[Manifest]) -> None:
        """Create each object, or replace the one of that name; return once the kernel enforces them all."""
        for manifest in objects:
            metadata = manifest["metadata"]
            path = collection(manifest["kind"], metadata.get("namespace", ""))
            response = self.request("POST", path, manifest)
            if response.status_code == httpx.codes.CONFLICT:
                self.replace(f"{path}/{metadata['name']}", manifest)
            elif not response.is_success:
                raise GuardError(f"{manifest['kind']} {metadata['name']}: {response.status_code} {response.text}")
        self.await_enforced()

    def replace(self, path: str, manifest: Manifest) -> Any:
        """Put an object in the place of what is there now."""
        current = self.answer("GET", path)
        metadata = {**manifest["metadata"], "resourceVersion": current["metadata"]["resourceVersion"]}
        return self.answer("PUT", path, {**manifest, "metadata": metadata})

    def status(self) -> Any:
        return self.answer("GET", "/v1/status")

    def await_enforced(self, patience: float = 60.0) -> None:
        """Return once the kernel holds what the store asks for. Raises GuardError."""
        deadline = time.monotonic() + patience
        status: Any = "the API does not answer"
        while time.monotonic() < deadline:
            try:
                status = self.status()
            except httpx.TransportError:  # it is being started again
                time.sleep(0.05)
                continue
            if status["ready"] and status["enforcedRevision"] >= status["storeRevision"]:
                return
            time.sleep(0.02)
        raise GuardError(f"policy is not enforced: {json.dumps(status, indent=2)}\n{self.tail()}")

    def explain(self, source: str, destination: str, protocol: str, port: int | None) -> Any:
        """What dnsguard says would happen to a connection."""
        query = {"source": source, "destination": destination, "protocol": protocol.upper()}
        return self.answer("POST", "/v1/explain", query if port is None else {**query, "port": port})

    def counters(self) -> dict[str, int]:
        """Packets by named counter, read from the kernel by ``nft``, not by anything of ours."""
        listing = json.loads(run(topology.NODE, "nft -j list counters table inet dnsguard"))
        counters = [entry["counter"] for entry in listing["nftables"] if "counter" in entry]
        return {counter["name"]: int(counter["packets"]) for counter in counters}


def _authorized(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}

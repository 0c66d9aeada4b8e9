"""The API as a process of its own, and programs that speak to it."""

import json
import os
import shutil
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

TOKEN = "tests-may-know-this-token-0123456789"
V3 = "/apis/projectcalico.org/v3"

SERVER = """
import asyncio, pathlib, signal, sys
from ipaddress import ip_address
from dnsguard.api.app import create_app
from dnsguard.api.services import ADMIN, ReadModelUnavailable, Services
from dnsguard.api.authentication.tokens import HashedTokens, token_digest
from dnsguard.controller.auditing.log import AuditLog
from dnsguard.controller.apiserver import ApiServer, bind
from dnsguard.controller.serving.contexts import Contexts
from dnsguard.controller.serving.crowd import Crowd
from dnsguard.settings import SocketAddress
from dnsguard.store.sqlite import SqliteStore

folder, token = pathlib.Path(sys.argv[1]), sys.argv[2]

async def nobody(*_): raise ReadModelUnavailable("nobody is asked here")

async def main():
    store = await SqliteStore.open(folder / "store.db")
    app = create_app(Services(
        store=store, tokens=HashedTokens({ADMIN: token_digest(token)}), explain=nobody, effective=nobody, status=nobody,
        endpoints=nobody, leases=nobody, names=nobody, stats=nobody, metrics=nobody, dns_log=None, packets=None,
        audit=AuditLog(folder / "audit.jsonl"), version="0",
        bookmark_interval=0.1,
    ))
    await app.state.objects.ensure_builtins()
    following = asyncio.create_task(app.state.access.follow())
    await app.state.access.loaded()
    listener = bind(SocketAddress(ip_address("127.0.0.1"), 0))
    server = ApiServer(app, Contexts((folder / "cert.pem", folder / "key.pem")), Crowd())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, setattr, server, "should_exit", True)
    print(listener.getsockname()[1], flush=True)
    await server.serve([listener])

asyncio.run(main())
"""


SHOWN_ONCE = (
    "Warning: status.token of this answer is the token, and is shown nowhere else: kubectl create -o yaml prints it\n"
)
"""What ``kubectl`` says before the line of an access token that it made."""


def program(name: str) -> str:
    """Where a program is that these tests drive."""
    found = shutil.which(name)
    assert found, f"{name} is not installed: these tests need it"
    return found


@dataclass
class Api:
    """A running server and its folder."""

    folder: Path
    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            verify=ssl.create_default_context(cafile=self.folder / "cert.pem"),
            timeout=20,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def memory_peak(self) -> int:
        """Bytes that the process ever held."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")


def start(folder: Path) -> Api:
    process = subprocess.Popen([sys.executable, "-c", SERVER, folder, TOKEN], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.strip().isdigit(), "the server did not start"
    return Api(folder, process, int(line))


def certified(folder: Path) -> Path:
    """The folder, with a certificate for loopback in it."""
    subject: list[str | Path] = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    files: list[str | Path] = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    key: list[str | Path] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([program("openssl"), "req", "-x509", *key, *subject, *files], check=True, capture_output=True)
    return folder


class Kubectl:
    """The real one, with a configuration for the server."""

    def __init__(self, api: Api, token: str = TOKEN) -> None:
        """``token``: whose it is; the local administrator's unless another one's is given."""
        cluster = {"server": api.url, "certificate-authority": str(api.folder / "cert.pem")}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "a", "cluster": cluster}],
            "users": [{"name": "a", "user": {"token": token}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "current-context": "a",
        }
        path = api.folder / ("kubeconfig" if token == TOKEN else f"kubeconfig-{token[-8:]}")
        path.write_text(json.dumps(config))
        self._environment = {**os.environ, "HOME": str(api.folder), "KUBECONFIG": str(path)}

    def __call__(self, arguments: str, stdin: str = "") -> tuple[int, str]:
        """Exit code and all output."""
        done = subprocess.run(
            [program("kubectl"), *arguments.split()],
            input=stdin,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout

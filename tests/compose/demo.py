"""The containers of docker-compose.yml, as somebody sees them who types commands beside them."""

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.compose.standins import names
from tests.support.dockerd import Engine

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0
GATEWAY, PARTNER, TRACKER = "203.0.113.1", "203.0.113.10", "203.0.113.20"
CURL = ("curl", "--silent", "--output", "/dev/null", "--max-time", "2", "--write-out", "%{http_code}")


class Demo:
    """Belongs to one command of Compose."""

    def __init__(self, host: Engine, command: tuple[str, ...]) -> None:
        self.host = host
        self._command = command
        self._project = "demo"
        self.before = ""
        """The ruleset of the host when nothing of it ran."""

    def up(self) -> None:
        """As in a fresh clone, with nothing but ``up``, which builds the image and waits for nobody's key."""
        self.before = self.ruleset()
        self.compose("up", "--detach")

    def compose(self, *words: str) -> str:
        """What it prints; raises with all of it when it fails."""
        environment = self.host.environment | {"COMPOSE_PROJECT_NAME": self._project, "COMPOSE_ANSI": "never"}
        with self.host.node.entered():
            done = subprocess.run(
                [*self._command, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
        assert done.returncode == 0, f"{' '.join(self._command)} {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def container(self, service: str) -> str:
        """Its id, whether it runs or not."""
        labels = f"project={self._project}", f"service={service}"
        return self.host.docker("ps", "-aq", *(f"--filter=label=com.docker.compose.{label}" for label in labels))

    def run(self, name: str, *flags: str, command: tuple[str, ...] = ("sleep", "1d"), image: str = "curl") -> None:
        """Start a container beside those of Compose; ``image`` as in `standins.names`."""
        self.host.docker("run", "--detach", "--init", "--name", name, *flags, names()[image], *command)

    def says(self, service: str, pattern: str, *, since: str = "") -> None:
        """Waits until a line of its log is that."""
        words = ["logs", *([f"--since={since}"] if since else []), self.container(service)]
        deadline = time.monotonic() + PATIENCE
        while not re.search(f"^{pattern}$", said := self.host.docker(*words), re.MULTILINE):
            assert time.monotonic() < deadline, f"{service} does not say {pattern!r}:\n{said}"
            time.sleep(0.2)

    def now(self) -> str:
        """For ``since``."""
        return f"{time.time():.6f}"

    def reaches(self, container: str, url: str) -> str:
        """The status of the answer; 000 where there is none."""
        return self._exec(container, *CURL, url)

    def asks(self, container: str, name: str, *flags: str) -> str:
        """Addresses and the rcode, by dig, of the server that the container is told to ask, unless a flag names one."""
        said = self._exec(container, "dig", "+tries=1", "+time=2", name, *flags)
        status = re.search(r"status: (\w+)", said)
        return " ".join([*re.findall(r"\sA\s([\d.]+)$", said, re.MULTILINE), status[1] if status else "no answer"])

    def _exec(self, container: str, *words: str) -> str:
        """What it prints, however it ends."""
        with self.host.node.entered():
            done = subprocess.run(
                ["docker", "exec", container, *words],
                env=self.host.environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
        return done.stdout

    def dnsguard(self, *words: str) -> str:
        return self.compose("exec", "-T", "dnsguard", "dnsguard", *words)

    def queries(self) -> list[dict[str, Any]]:
        """Records of the DNS log that are kept: what was refused."""
        return [json.loads(line) for line in self.dnsguard("log", "-n", "200", "-o", "json").splitlines()]

    def becomes_enforced(self, container: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not re.search(rf"\b{container}\..*\bTrue\b", said := self.dnsguard("get", "wep", "-A")):
            assert time.monotonic() < deadline, said
            time.sleep(0.2)

    def ruleset(self) -> str:
        """Without what Docker's rules counted."""
        return self.host.node.run("nft -s list ruleset")

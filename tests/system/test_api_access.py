"""Who gets in at a whole controller, and with what: curl, openssl, kubectl and our own commands, as people use them."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.certificates import Authority, Certificate
from tests.support.netns import namespace
from tests.system.apiserver import V3, program
from tests.system.controller import API, PATIENCE, Controller

pytestmark = [pytest.mark.xdist_group("API access"), pytest.mark.timeout(300)]

URL = f"https://{API}"
SETS = f"{V3}/namespaces/default/networksets"
SET = json.dumps({"metadata": {"name": "partners"}, "spec": {"nets": ["192.0.2.0/24"]}})
PAGE = {"Origin": "https://attacker.example", "Sec-Fetch-Site": "cross-site", "User-Agent": "Mozilla/5.0"}


@dataclass
class Running:
    controller: Controller
    clients: Authority
    master: Certificate
    """Of somebody in ``system:masters``."""

    @property
    def state(self) -> Path:
        return self.controller.directory / "state"

    @property
    def token(self) -> str:
        return (self.state / "token").read_text().strip()

    def curl(self, *words: str | Path, token: str | None = None) -> tuple[int, str, str]:
        """Exit code, HTTP status, and head and body together."""
        command: list[str | Path] = [program("curl"), "-sS", "-i", "-w", "\n%{http_code}", "-m", str(PATIENCE)]
        if token is not None:
            command += ["-H", f"Authorization: Bearer {token}"]
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        text, _, status = done.stdout.rpartition("\n")
        return done.returncode, status, text.replace("\r", "")

    def over_tls(self, path: str, *words: str | Path, token: str | None = None) -> tuple[str, str]:
        """HTTP status, and head and body."""
        return self.curl("--cacert", self.state / "api-ca.pem", *words, f"{URL}{path}", token=token)[1:]

    def over_socket(self, path: str, *words: str | Path, token: str | None = None) -> tuple[str, str]:
        url = f"http://localhost{path}"
        return self.curl("--unix-socket", self.controller.socket, *words, url, token=token)[1:]

    def dnsguard(self, *words: str | Path, **environ: str) -> tuple[int, str, str]:
        """Exit code, output and errors of a command."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DNSGUARD_")}
        done = subprocess.run(
            [sys.executable, "-m", "dnsguard", *words], env=kept | environ, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def kubectl(self, config: Path, *words: str) -> tuple[int, str]:
        environ = {**os.environ, "HOME": str(config.parent), "KUBECONFIG": str(config)}
        done = subprocess.run(
            [program("kubectl"), *words], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def audited(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "audit.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("access")
    clients = Authority(directory / "clients")
    with namespace() as node, node.entered():
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        controller = Controller(node, directory, "--api-client-ca-file", str(clients.file))
        try:
            controller.start()
            controller.until_in_sync()
            yield Running(controller, clients, clients.sign("DNS:ann", subject="/O=system:masters/CN=ann"))
        finally:
            controller.close()


def shown(certificate: Certificate) -> tuple[str | Path, ...]:
    """For curl."""
    return "--cert", certificate.file, "--key", certificate.key


def test_the_administrator_of_the_machine_needs_no_token(running: Running) -> None:
    assert running.over_socket("/v1/status")[0] == "200"
    assert running.over_socket("/v1/status", token="wrong")[0] == "401"
    assert running.controller.socket.stat().st_mode & 0o777 == 0o600


def test_everybody_else_needs_tls_and_a_token(running: Running) -> None:
    assert running.over_tls("/v1/status", token=running.token)[0] == "200"
    assert running.curl(f"{URL}/v1/status", token=running.token)[0] == 60  # nobody vouches for the certificate
    assert running.curl(f"http://{API}/v1/status", token=running.token)[0] in (52, 56)  # nothing is said without TLS
    assert stat_of(running.state) == {"token", "api-ca.key", "api-ca.pem", "api-server.pem"}


def stat_of(state: Path) -> set[str]:
    """Files of the state directory with secrets in them that only their owner may read."""
    names = ("token", "api-ca.key", "api-ca.pem", "api-server.pem")
    return {name for name in names if (state / name).stat().st_mode & 0o777 == 0o600}


@pytest.mark.parametrize(
    ("version", "is_spoken"), [("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)], ids=lambda value: str(value)
)
def test_openssl_agrees(running: Running, version: str, is_spoken: bool) -> None:
    command: list[str | Path] = [
        "openssl",
        "s_client",
        "-connect",
        API,
        "-CAfile",
        running.state / "api-ca.pem",
        version,
    ]
    done = subprocess.run(
        [*command, "-verify_hostname", "localhost", "-verify_return_error", "-cipher", "DEFAULT@SECLEVEL=0"],
        input="", capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is is_spoken, done.stdout + done.stderr


def test_a_client_certificate_names_user_and_groups(running: Running) -> None:
    reader = running.clients.sign("DNS:bob", subject="/O=readers/CN=bob")
    assert running.over_tls("/v1/status", *shown(running.master))[0] == "200"
    code, text = running.over_tls(SETS, *shown(reader), "--data-binary", SET)
    assert code == "403", text
    record = running.audited()[-1]
    assert record["user"] == {"username": "bob", "groups": ["readers", "system:authenticated"]}
    assert (record["responseStatus"]["code"], record["sourceIPs"]) == (403, ["127.0.0.1"])
    exit_code, *_ = running.curl("--cacert", running.state / "api-ca.pem", *shown(stranger(running)), f"{URL}/livez")
    assert exit_code in (35, 52, 56)


def stranger(running: Running) -> Certificate:
    others = running.controller.directory / "others"
    shutil.rmtree(others, ignore_errors=True)
    return Authority(others).sign("DNS:ann", subject="/O=system:masters/CN=ann")


def test_who_is_not_known_learns_nothing(running: Running) -> None:
    """The same answer for everything, in this process's own words: no version, no path, no kind."""
    answers: set[str] = set()
    paths = ("/", "/nowhere", "/v1/status", "/apis", SETS, f"{SETS}/x", "/docs", "/openapi.json", "/metrics", "/%00")
    for path in paths:
        for token in (None, "wrong"):
            code, text = running.over_tls(path, "--interface", f"127.0.1.{len(answers) + 1}", token=token)
            lines = [line for line in text.splitlines() if not line.startswith(("date: ", "audit-id: "))]
            assert code == "401"
            answers.add("\n".join(lines))
    assert len(answers) == 2  # one for each token
    for text in answers:
        assert "dnsguard-" not in text
        assert not [line for line in text.splitlines() if line.lower().startswith("server:")]
    assert running.over_tls("/livez")[1].endswith("\n\nok")
    assert running.over_tls("/readyz")[1].endswith("\n\nunready\n")  # there is no forwarder here


def test_who_tries_tokens_is_told_to_wait_and_the_right_one_still_works(running: Running) -> None:
    source = ("--interface", "127.0.2.1")
    urls = [word for _ in range(30) for word in (f"{URL}/v1/status", "-o", "/dev/null")]
    done = running.curl(*source, "--cacert", running.state / "api-ca.pem", *urls, token="wrong")
    codes = [line for line in (done[2] + "\n" + done[1]).split("\n") if line.isdigit()]
    assert codes[:20] == ["401"] * 20
    assert codes[-1] == "429"
    code, text = running.over_tls("/v1/status", *source, token="wrong")
    assert code in ("401", "429")
    assert code == "401" or "retry-after: 1" in text
    assert running.over_tls("/v1/status", *source, token=running.token)[0] == "200"


CHANGES: dict[str, tuple[dict[str, str], str]] = {
    # what it is: headers, HTTP status
    "a page of another origin": (PAGE, "403"),
    "one in an old browser": ({"Origin": "https://attacker.example"}, "403"),
    "one in a frame without origin": ({"Origin": "null"}, "403"),
    "a form": ({"User-Agent": "Mozilla/5.0", "Content-Type": "text/plain"}, "415"),
    "a form with fields": ({"User-Agent": "Mozilla/5.0"}, "415"),
    "curl": ({}, "201"),
}


@pytest.mark.parametrize("way", ["socket", "certificate", "token"])
@pytest.mark.parametrize("what", CHANGES)
def test_no_page_changes_anything_in_its_readers_name(running: Running, way: str, what: str) -> None:
    headers, expected = CHANGES[what]
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    words += ["--data-binary", SET]
    if way == "socket":
        code, text = running.over_socket(f"{SETS}?dryRun=All", *words)
    elif way == "certificate":
        code, text = running.over_tls(f"{SETS}?dryRun=All", *words, *shown(running.master))
    else:
        code, text = running.over_tls(f"{SETS}?dryRun=All", *words, token=running.token)
    assert code == expected, text
    assert "access-control" not in text.lower()


def test_pages_that_rebind_a_name_to_a_forwarded_socket_get_nothing(running: Running) -> None:
    assert running.over_socket("/v1/status", "-H", "Host: attacker.example")[0] == "421"
    assert running.over_socket("/v1/status", "-H", "Host: 127.0.0.1:8001")[0] == "200"


def test_a_head_that_is_too_large_is_refused(running: Running) -> None:
    assert running.over_tls("/v1/status", "-H", f"A: {'x' * 17_000}", token=running.token)[0] == "431"
    assert running.over_tls(f"/v1/status?{'x' * 17_000}", token=running.token)[0] == "431"


def test_many_who_begin_and_say_nothing_keep_nobody_out(running: Running) -> None:
    host, _, port = API.partition(":")
    context = ssl.create_default_context(cafile=running.state / "api-ca.pem")
    held: list[socket.socket] = []
    try:
        for number in range(150):
            source = (f"127.0.3.{1 + number % 3}", 0)
            made = socket.create_connection((host, int(port)), PATIENCE, source_address=source)
            if number % 2 and number < 60:
                made = context.wrap_socket(made, server_hostname="localhost")
                made.sendall(b"POST /apis HTTP/1.1\r\nHost: localhost\r\n")
            held.append(made)
        assert running.over_tls("/v1/status", token=running.token)[0] == "200"
        assert running.over_socket("/v1/status")[0] == "200"
    finally:
        for each in held:
            each.close()


def test_kubectl_with_what_dnsguard_writes(running: Running, tmp_path: Path) -> None:
    where = ("--state-dir", running.state, "--server", URL)
    config = tmp_path / "config"
    code, out, err = running.dnsguard("kubeconfig", *where, "--into", config)
    assert (code, err) == (0, ""), out
    assert (
        running.kubectl(config, "get", "tiers", "-o", "name")[1].splitlines()[-1].startswith("tier.projectcalico.org/")
    )
    manifest = tmp_path / "set.yaml"
    manifest.write_text(yaml.safe_dump({"apiVersion": "projectcalico.org/v3", "kind": "NetworkSet"} | json.loads(SET)))
    assert running.kubectl(config, "apply", "-f", str(manifest)) == (
        0, "networkset.projectcalico.org/partners created\n",
    )  # fmt: skip
    assert running.kubectl(config, "delete", "-f", str(manifest))[0] == 0
    files = ("--client-certificate", running.master.file, "--client-key", running.master.key)
    assert running.dnsguard("kubeconfig", *where, *files, "--user", "ann", "--into", config)[0] == 0
    assert running.kubectl(config, "get", "tiers")[0] == 0
    assert running.kubectl(config, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}") == (0, "ann")


def test_a_kubeconfig_leads_where_the_server_says_that_it_listens(running: Running) -> None:
    places = {"DNSGUARD_STATE_DIR": str(running.state), "DNSGUARD_RUN_DIR": str(running.controller.socket.parent)}
    code, out, _ = running.dnsguard("kubeconfig", **places)
    assert code == 0
    config = yaml.safe_load(out)
    assert config["clusters"][0]["cluster"]["server"] == URL
    assert config["users"][0]["user"] == {"token": running.token}


def test_commands_find_their_way_by_themselves(running: Running, tmp_path: Path) -> None:
    state = {"DNSGUARD_STATE_DIR": str(running.state)}
    run_dir = {"DNSGUARD_RUN_DIR": str(running.controller.socket.parent)}
    assert running.dnsguard("get", "tiers", **state, **run_dir)[0] == 0
    assert running.dnsguard("get", "tiers", "--server", URL, **state)[0] == 0
    away = ("--server", URL, "--state-dir", tmp_path)
    token = {"DNSGUARD_TOKEN_FILE": str(running.state / "token")}
    code, _, err = running.dnsguard("get", "tiers", "--server", URL, **token)
    assert (code, "name with --certificate-authority who signs it" in err) == (4, True)
    assert running.dnsguard("get", "tiers", *away, "--token", running.token, "--insecure-skip-tls-verify")[0] == 0
    code, _, err = running.dnsguard("get", "tiers", "--server", f"http://{API}", **token)
    assert (code, "if it speaks TLS, write https://" in err) == (4, True)
    code, _, err = running.dnsguard("status", "--server", URL, "--state-dir", running.state, "--token", "wrong")
    assert (code, "the token is not known here (it is from --token)" in err) == (5, True)
    code, _, err = running.dnsguard("get", "tiers", DNSGUARD_STATE_DIR=str(tmp_path))
    assert (code, "no dnsguard found" in err) == (2, True)

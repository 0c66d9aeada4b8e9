"""`dnsguard kubeconfig`: what is in it, and what it leaves alone."""

import os
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.cli.conftest import Api, Run

URL = "https://guard.example.org:8053"
Write = Callable[[str, str], str]


@pytest.fixture
def state(write: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory as the server leaves it."""
    directory = Path(write("state/token", "the-token\n")).parent
    write("state/api-ca.pem", "the CA")
    for name in ("SERVER", "TOKEN"):
        monkeypatch.delenv(f"DNSGUARD_{name}", raising=False)
    monkeypatch.setenv("DNSGUARD_STATE_DIR", str(directory))
    return directory


def only(config: Any, section: str) -> Any:
    (entry,) = config[section]
    return entry["name"], entry[section[:-1]]


@pytest.mark.usefixtures("state")
def test_all_that_kubectl_needs_is_in_it(run: Run) -> None:
    code, out, _ = run("kubeconfig", "--server", URL, "--user", "ann", "--context", "lab")
    config = yaml.safe_load(out)
    assert (code, config["kind"], config["current-context"]) == (0, "Config", "lab")
    name, cluster = only(config, "clusters")
    assert (name, cluster["server"]) == ("lab", URL)
    assert b64decode(cluster["certificate-authority-data"]) == b"the CA"
    assert only(config, "users") == ("ann", {"token": "the-token"})
    assert only(config, "contexts") == ("lab", {"cluster": "lab", "user": "ann"})


@pytest.mark.usefixtures("state")
def test_a_client_certificate_takes_the_place_of_the_token(run: Run, write: Write) -> None:
    files = ["--client-certificate", write("c.pem", "C"), "--client-key", write("c.key", "K")]
    _, out, _ = run("kubeconfig", *files, "--insecure-skip-tls-verify")
    config = yaml.safe_load(out)
    assert only(config, "users")[1] == {"client-certificate-data": "Qw==", "client-key-data": "Sw=="}
    assert only(config, "clusters")[1] == {"server": "https://127.0.0.1:8053", "insecure-skip-tls-verify": True}


@pytest.mark.usefixtures("state")
def test_into_a_file_with_others_it_changes_its_own_entries_only(run: Run, tmp_path: Path) -> None:
    path, link = tmp_path / "kube/config", tmp_path / "link"
    assert run("kubeconfig", "--into", str(path), "--server", URL)[0] == 0
    assert path.stat().st_mode & 0o777 == 0o600
    config = yaml.safe_load(path.read_text())
    other = {"name": "other", "cluster": {"server": "https://192.0.2.1"}}
    config["clusters"].insert(0, other)
    config |= {"current-context": "other", "preferences": {"colors": True}}
    path.write_text(yaml.safe_dump(config))
    link.symlink_to(path)
    code, out, _ = run("kubeconfig", "--into", str(link), "--server", f"{URL}1")
    assert (code, out.split(":")[0]) == (0, f"context dnsguard written to {link}")
    assert link.is_symlink()
    merged = yaml.safe_load(path.read_text())
    assert [entry["cluster"]["server"] for entry in merged["clusters"]] == ["https://192.0.2.1", f"{URL}1"]
    assert (merged["current-context"], merged["preferences"]) == ("dnsguard", {"colors": True})
    assert [len(merged[section]) for section in ("users", "contexts")] == [1, 1]


@pytest.mark.parametrize("text", ["[", "- a", "kind: Pod", "clusters: {a: b}", "users: [a]", "\x00"])
@pytest.mark.usefixtures("state")
def test_what_is_no_kubeconfig_is_left_as_it_is(run: Run, write: Write, text: str) -> None:
    path = write("config", text)
    code, _, err = run("kubeconfig", "--into", path)
    assert (code, Path(path).read_text()) == (2, text)
    assert "nothing was written" in err


@pytest.mark.usefixtures("state")
def test_nothing_takes_the_place_of_what_is_no_file(run: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code, _, err = run("kubeconfig", "--into", str(pipe), "--server", URL)
    assert (code, pipe.is_fifo()) == (2, True)
    assert "is no file; without --into it goes to standard output" in err


@pytest.mark.usefixtures("state")
def test_kubectl_sends_no_token_in_the_clear(run: Run, api: Api) -> None:
    code, _, err = run("kubeconfig", "--server", api.url)
    assert code == 2
    assert "kubectl sends tokens over TLS only" in err

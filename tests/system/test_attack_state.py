"""What a damaged or crafted state directory, wrong settings and a second copy do to `dnsguard run`."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.lab.guard import PROGRAM
from tests.support.localapi import local_client
from tests.support.netns import Namespace, namespace

pytestmark = [pytest.mark.xdist_group("attack on the state"), pytest.mark.timeout(300)]

PLACES = ["--listen", "127.0.0.1:5300", "--upstreams", "192.0.2.9", "--node-name", "here"]
DEEP = "[" * 100_000
PATIENCE = 60.0


@pytest.fixture
def node() -> Iterator[Namespace]:
    with namespace() as made, made.entered():
        yield made


@contextmanager
def started(state: Path, log: Path) -> Iterator[None]:
    """`dnsguard run` until the end of the block; it ends well then."""
    with log.open("wb") as file:
        process = subprocess.Popen([PROGRAM, "run", *PLACES, "--state-dir", state], stdout=file, stderr=file)
        try:
            yield
            assert process.poll() is None, log.read_text()
        finally:
            process.terminate()
            code = process.wait(PATIENCE)
    assert code == 0, log.read_text()


def await_text(log: Path, *words: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while any(word not in log.read_text() for word in words):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def run_once(*arguments: str | Path) -> tuple[int, str]:
    """Exit status and what is said, of a run that does not begin."""
    done = subprocess.run([PROGRAM, "run", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stderr


@pytest.mark.usefixtures("node")
def test_crafted_files_keep_nothing_from_starting(tmp_path: Path) -> None:
    state, log = tmp_path / "state", tmp_path / "log"
    state.mkdir(0o700)
    for name in ("learned.jsonl", "last-valid.json", "policy.last-good"):
        (state / name).write_text(DEEP)
    with started(state, log):
        await_text(log, "learned.jsonl is ignored", "last-valid.json is ignored", "policy.last-good", "in sync with")
        with local_client(state / "run" / "api.sock") as client:
            status = client.get("/v1/status").json()
        assert status["ready"] or status["problems"]
        second = run_once(*PLACES, "--state-dir", state)
        assert second[0] == 1
        assert "dnsguard runs already" in second[1]
    assert "Traceback" not in log.read_text()
    assert (state / "token").stat().st_mode & 0o777 == 0o600


def test_a_store_that_is_none_leaves_the_node_closed(node: Namespace, tmp_path: Path) -> None:
    state, log = tmp_path / "state", tmp_path / "log"
    state.mkdir(0o700)
    (state / "store.db").write_bytes(b"no database" * 1_000)
    with started(state, log):
        await_text(log, "store.db cannot be opened as a store", "starting again", "answering on")
        assert 'counter name "unknown-workload-egress" drop' in node.run("nft list table inet dnsguard")
    assert "Traceback" not in log.read_text()


def test_five_wrong_settings_are_all_named(tmp_path: Path) -> None:
    wrong = ["--listen=nonsense", "--upstreams=192.0.2.1:99999", "--table=x y", "--on-stop=Never", "--lease-floor=-5s"]
    code, said = run_once("--state-dir", tmp_path, *wrong)
    assert code == 2
    for flag in wrong:
        assert flag.partition("=")[0] in said
    assert "Traceback" not in said


@pytest.mark.parametrize("text", ["[" * 3_000 + "]" * 3_000, "a: &a [*a]", "? {a: 1}\n: 2", "table: a\ntable: b"])
def test_a_settings_file_that_is_none_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    code, said = run_once(*PLACES, "--state-dir", tmp_path, "--config", tmp_path / "c.yaml")
    assert (code, "Traceback" in said) == (2, False)
    assert "c.yaml" in said


def test_an_upstream_that_is_ourselves_is_refused(tmp_path: Path) -> None:
    code, said = run_once("--state-dir", tmp_path, "--listen", "127.0.0.1:5300", "--upstreams", "127.0.0.1:5300")
    assert code == 2
    assert "is this forwarder itself" in said

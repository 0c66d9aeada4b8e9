"""Which server commands speak to, and as whom."""

import argparse
import ssl
from pathlib import Path

import pytest

from dnsguard import unixsocket
from dnsguard.cli.access import LOCAL_URL, Access, access_of, add_server_flags
from dnsguard.cli.errors import UsageError
from tests.support.certificates import Authority


def found(environ: dict[str, str], *words: str, over_network: bool = False) -> Access:
    parser = argparse.ArgumentParser()
    add_server_flags(parser)
    return access_of(parser.parse_args(words), environ, over_network=over_network)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with a token and an authority."""
    (tmp_path / "run").mkdir()
    (tmp_path / "token").write_text("of-state\n")
    (tmp_path / "api-ca.pem").write_text("CA")
    return tmp_path


def test_the_socket_goes_before_the_port_where_it_is(state: Path) -> None:
    environ = {"DNSGUARD_STATE_DIR": str(state)}
    before = found(environ)
    assert (before.url, before.socket, before.token) == ("https://127.0.0.1:8053", None, "of-state")
    assert before.authority == state / "api-ca.pem"
    assert before.hint == f"; there is no socket at {state}/run/api.sock either"
    with unixsocket.bind(state / "run/api.sock"):
        assert found(environ) == Access(LOCAL_URL, state / "run/api.sock")
        assert found({}, "--state-dir", str(state)) == Access(LOCAL_URL, state / "run/api.sock")
        assert found(environ, over_network=True).socket is None
        asked = found(environ, "--server", "https://guard.example.org/")
        assert (asked.url, asked.socket, asked.token, asked.is_given) == (
            "https://guard.example.org", None, "of-state", True,
        )  # fmt: skip


def test_a_token_that_is_asked_for_is_sent_over_the_socket_too(state: Path) -> None:
    with unixsocket.bind(state / "run/api.sock"):
        access = found({"DNSGUARD_STATE_DIR": str(state)}, "--token", "mine")
        assert (access.socket, access.token, access.token_origin) == (state / "run/api.sock", "mine", "--token")
        access = found({"DNSGUARD_STATE_DIR": str(state), "DNSGUARD_TOKEN": "ours"})
        assert (access.token, access.token_origin) == ("ours", "DNSGUARD_TOKEN")


@pytest.mark.parametrize("server", ["unix:/a/b.sock", "unix:///a/b.sock"])
def test_a_socket_by_name(server: str) -> None:
    assert found({}, "--server", server) == Access(LOCAL_URL, Path("/a/b.sock"), is_given=True)
    assert found({"DNSGUARD_SERVER": server}).socket == Path("/a/b.sock")


def test_the_directory_of_sockets_is_the_environments_or_that_of_the_state_directory(
    tmp_path: Path, state: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environ = {"DNSGUARD_STATE_DIR": str(state), "DNSGUARD_RUN_DIR": str(elsewhere)}
    with unixsocket.bind(elsewhere / "api.sock"):
        assert found(environ).socket == elsewhere / "api.sock"
        assert found(environ, "--state-dir", str(state)).socket is None  # the environment speaks of another


def test_a_client_certificate_needs_no_token(tmp_path: Path) -> None:
    environ = {
        "DNSGUARD_STATE_DIR": str(tmp_path),
        "DNSGUARD_CLIENT_CERTIFICATE": "c.pem",
        "DNSGUARD_CLIENT_KEY": "c.key",
    }
    access = found(environ)
    assert (access.token, access.certificate, access.key) == ("", Path("c.pem"), Path("c.key"))
    assert found(environ, "--client-certificate", "d.pem").certificate == Path("d.pem")


def test_without_anything_it_is_said_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither a socket at .* nor a token at .*--server and --token-file"):
        found({"DNSGUARD_STATE_DIR": str(tmp_path)})


@pytest.mark.parametrize("server", ["unix:api.sock", "unix://host/x", "unix:", "ftp://a", "guard.example.org:8053"])
def test_servers_that_are_none(server: str) -> None:
    with pytest.raises(UsageError, match=f"^--server {server}: write "):
        found({}, "--server", server, "--token", "x")


def test_whom_to_trust(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    assert Access("http://a").context() is None
    context = Access("https://a", authority=authority.file).context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    unverified = Access("https://a", authority=authority.file, is_verified=False).context()
    assert unverified is not None
    assert (unverified.verify_mode, unverified.check_hostname) == (ssl.CERT_NONE, False)


@pytest.mark.parametrize(
    ("access", "said"),
    [
        (
            Access("https://a", authority=Path("/nowhere")),
            "--certificate-authority /nowhere: No such file or directory",
        ),
        (
            Access("https://a", certificate=Path("/c"), key=Path("/k")),
            "--client-certificate /c with --client-key /k: No",
        ),
    ],
)
def test_files_that_cannot_be_used(access: Access, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        access.context()
    assert str(caught.value).startswith(said)

"""Which certificate is shown, and what is said of those that cannot be."""

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dnsguard.controller.serving.certificates import OwnCertificate
from dnsguard.controller.serving.contexts import Contexts, TlsError
from tests.support.certificates import Authority, Certificate

NAMES = ("DNS:localhost",)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


def replace(old: Certificate, new: Certificate) -> None:
    """As certbot does it: each file by another."""
    for target, source in ((old.key, new.key), (old.file, new.file)):
        source.replace(target)


def test_a_supplied_certificate_is_read_anew_once_it_is_replaced(authority: Authority) -> None:
    given, newer = authority.sign(*NAMES), authority.sign(*NAMES)
    contexts = Contexts((given.file, given.key))
    first = contexts()
    assert contexts() is first
    replace(given, newer)
    second = contexts()
    assert second is not first
    assert contexts() is second


def test_what_is_wrong_with_newer_files_is_a_problem_until_they_are_good(authority: Authority) -> None:
    given, newer = authority.sign(*NAMES), authority.sign(*NAMES)
    contexts = Contexts((given.file, given.key))
    first = contexts()
    newer.file.replace(given.file)
    assert contexts() is first
    files = f"api_cert_file {given.file} with api_key_file {given.key}"
    assert contexts.problem == f"{files} cannot be used: key values mismatch"
    newer.key.replace(given.key)
    assert contexts() is not first
    assert "cannot be used" not in contexts.problem
    given.file.unlink()
    assert contexts()
    assert contexts.problem.endswith("cannot be used: No such file or directory")


def test_the_end_of_a_supplied_certificate_is_announced(authority: Authority) -> None:
    given = authority.sign(*NAMES)  # for two days
    contexts = Contexts((given.file, given.key))
    assert "the API's certificate ends on 2" in contexts.problem
    (metric,) = contexts.metrics()
    (ends,) = metric.values.values()
    assert isinstance(ends, float)
    assert timedelta(days=1) < datetime.fromtimestamp(ends, UTC) - datetime.now(UTC) <= timedelta(days=2)
    early = Contexts((given.file, given.key), now=lambda: datetime.now(UTC) - timedelta(days=30))
    assert early.problem == ""


def test_our_own_is_renewed_when_the_calendar_says_so(tmp_path: Path) -> None:
    today = [datetime.now(UTC)]
    own = OwnCertificate(tmp_path, "n", ["localhost"])
    contexts = Contexts(own, now=lambda: today[0])
    first, text = contexts(), own.file.read_bytes()
    today[0] += timedelta(days=340)
    assert contexts() is not first
    assert own.file.read_bytes() != text
    own.file.unlink()
    contexts()
    assert own.file.exists()
    assert contexts.problem == ""


def test_a_key_with_a_password_is_not_asked_for_at_the_terminal(authority: Authority, tmp_path: Path) -> None:
    given = authority.sign(*NAMES)
    locked = tmp_path / "locked.key"
    command: list[str | Path] = ["openssl", "pkey", "-in", given.key, "-aes256", "-passout", "pass:x", "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(TlsError, match=r"api_key_file .*locked\.key cannot be used"):
        Contexts((given.file, locked))


def test_who_signs_for_clients_must_be_certificates(authority: Authority, tmp_path: Path) -> None:
    given = authority.sign(*NAMES)
    (tmp_path / "none.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    with pytest.raises(TlsError, match=r"api_client_ca_file .*none\.pem cannot be used"):
        Contexts((given.file, given.key), tmp_path / "none.pem")
    assert Contexts((given.file, given.key), authority.file)().verify_mode is ssl.CERT_OPTIONAL
    assert Contexts((given.file, given.key))().verify_mode is ssl.CERT_NONE

"""The API's own certificate, as openssl sees it."""

import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from dnsguard.controller.serving.certificates import (
    CertificateError,
    OwnCertificate,
    served_names,
)
from dnsguard.locations import AUTHORITY_FILE, CA_FILE, SERVER_FILE

NOW = datetime.now(UTC)
NAMES = ("localhost", "127.0.0.1", "::1", "guard.example.org")


def prepared(directory: Path, now: datetime = NOW, names: tuple[str, ...] = NAMES) -> list[bytes]:
    """The files after it was seen to: those of the authority, its public part, the server's."""
    OwnCertificate(directory, "node-1", names).prepare(now)
    return [(directory / name).read_bytes() for name in (AUTHORITY_FILE, CA_FILE, SERVER_FILE)]


def openssl(*words: str | Path) -> str:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_openssl_takes_it_for_each_name(tmp_path: Path) -> None:
    prepared(tmp_path)
    check: list[str | Path] = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", tmp_path / CA_FILE]
    for word, name, is_good in [
        ("-verify_hostname", "localhost", True), ("-verify_hostname", "guard.example.org", True),
        ("-verify_ip", "127.0.0.1", True), ("-verify_ip", "::1", True),
        ("-verify_hostname", "other.example.org", False), ("-verify_ip", "192.0.2.1", False),
    ]:  # fmt: skip
        assert (": OK" in openssl(*check, word, name, tmp_path / SERVER_FILE)) is is_good
    assert "PRIVATE" not in (tmp_path / CA_FILE).read_text()
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in (AUTHORITY_FILE, CA_FILE, SERVER_FILE)} == {0o600}


def test_it_is_made_once_and_renewed_before_it_ends(tmp_path: Path) -> None:
    first = prepared(tmp_path)
    assert prepared(tmp_path, NOW + timedelta(days=300)) == first
    renewed = prepared(tmp_path, NOW + timedelta(days=340))
    assert (renewed[:2], renewed[2] == first[2]) == (first[:2], False)
    until = OwnCertificate(tmp_path, "node-1", NAMES).prepare(NOW + timedelta(days=340))
    assert until.date() == (NOW + timedelta(days=340 + 365 - 30)).date()


@pytest.mark.parametrize("days", [9 * 365 + 30, -30], ids=["ending", "made by a clock that went wrong"])
def test_an_authority_that_does_not_hold_long_enough_is_made_anew(tmp_path: Path, days: int) -> None:
    first = prepared(tmp_path)
    then = prepared(tmp_path, NOW + timedelta(days=days))
    assert not {*first} & {*then}


def test_another_name_needs_another_certificate_and_the_same_authority(tmp_path: Path) -> None:
    first = prepared(tmp_path)
    assert prepared(tmp_path, names=NAMES[:2]) == first
    more = prepared(tmp_path, names=(*NAMES, "192.0.2.1"))
    assert (more[:2], more[2] == first[2]) == (first[:2], False)


@pytest.mark.parametrize("name", [AUTHORITY_FILE, CA_FILE, SERVER_FILE])
def test_what_is_missing_is_made(tmp_path: Path, name: str) -> None:
    prepared(tmp_path)
    (tmp_path / name).unlink()
    prepared(tmp_path)
    assert ": OK" in openssl("verify", "-CAfile", tmp_path / CA_FILE, tmp_path / SERVER_FILE)


@pytest.mark.parametrize("name", [AUTHORITY_FILE, SERVER_FILE])
def test_what_is_broken_is_named(tmp_path: Path, name: str) -> None:
    prepared(tmp_path)
    (tmp_path / name).write_text("broken")
    with pytest.raises(CertificateError, match=f"{name} holds no key and certificate; remove it to have one made"):
        prepared(tmp_path)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"cannot be kept: .*No such file"):
        prepared(tmp_path / "nowhere")


def test_it_is_for_where_it_listens() -> None:
    assert served_names(ip_address("192.0.2.1"), "Guard.") == ("localhost", "127.0.0.1", "::1", "192.0.2.1", "guard")
    assert served_names(ip_address("127.0.0.1"), "") == ("localhost", "127.0.0.1", "::1")
    everywhere = served_names(ip_address("0.0.0.0"), "guard")
    assert "0.0.0.0" not in everywhere
    assert everywhere[-1] == "guard"

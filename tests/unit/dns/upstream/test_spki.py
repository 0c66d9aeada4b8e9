from pathlib import Path
from ssl import PEM_cert_to_DER_cert

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.dns.upstream.spki import BadCertificate, spki_pin
from tests.support.certificates import Authority


def der(path: Path) -> bytes:
    return PEM_cert_to_DER_cert(path.read_text())


def test_pins_are_those_of_openssl(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    certificate = authority.sign("DNS:dns.example.org")
    assert spki_pin(der(certificate.file)) == certificate.pin
    assert spki_pin(der(authority.file)) != certificate.pin


def test_what_is_cut_or_damaged_is_no_certificate(tmp_path: Path) -> None:
    whole = der(Authority(tmp_path / "ca").sign("DNS:dns.example.org").file)
    for length in range(len(whole)):
        with pytest.raises(BadCertificate):
            spki_pin(whole[:length])
    for damaged in (b"\x31" + whole[1:], whole[:4] + b"\x31" + whole[5:]):
        with pytest.raises(BadCertificate, match="no SEQUENCE"):
            spki_pin(damaged)


@given(st.binary(max_size=64))
def test_garbage_is_no_certificate(garbage: bytes) -> None:
    with pytest.raises(BadCertificate):
        spki_pin(garbage)

"""The public key inside a certificate, and its pin (RFC 7858 Appendix A, RFC 7469 §2.4)."""

import base64
import hashlib
from typing import Final

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_LONGEST_LENGTH: Final = 4
_BEFORE_THE_KEY: Final = 5
"""Of TBSCertificate (RFC 5280 §4.1): serialNumber, signature, issuer, validity, subject."""


class BadCertificate(ValueError):
    """These octets are no certificate."""


def spki_pin(certificate: bytes) -> str:
    """SHA-256, in base64, of the SubjectPublicKeyInfo of a certificate in DER. Raises ``BadCertificate``."""
    return base64.b64encode(hashlib.sha256(_public_key(certificate)).digest()).decode()


def _public_key(certificate: bytes) -> bytes:
    start, end = _content(certificate, 0, len(certificate))
    position, end = _content(certificate, start, end)
    if position < end and certificate[position] == _VERSION:
        position = _element(certificate, position, end)[1]
    for _ in range(_BEFORE_THE_KEY):
        position = _element(certificate, position, end)[1]
    _content(certificate, position, end)
    return certificate[position : _element(certificate, position, end)[1]]


def _content(data: bytes, position: int, limit: int) -> tuple[int, int]:
    """Where the content of the SEQUENCE at ``position`` begins and ends."""
    found = _element(data, position, limit)
    if data[position] != _SEQUENCE:
        raise BadCertificate("no SEQUENCE where one must be")
    return found


def _element(data: bytes, position: int, limit: int) -> tuple[int, int]:
    """Where the content of the element at ``position`` begins and ends, within ``limit``."""
    if limit - position < 2:
        raise BadCertificate("cut short")
    length = data[position + 1]
    start = position + 2
    if length >= 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= _LONGEST_LENGTH or limit - start < octets:
            raise BadCertificate("a length that cannot be")
        length = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if limit - start < length:
        raise BadCertificate("cut short")
    return start, start + length

"""The API's own certificate: an authority and what it signs, both made here and kept in the state directory."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dnsguard.errors import DnsguardError
from dnsguard.files import replace_file
from dnsguard.locations import AUTHORITY_FILE, CA_FILE, SERVER_FILE
from dnsguard.netlink.addresses import machine_addresses

AUTHORITY_DAYS = 3_650
SERVER_DAYS = 365
"""As kubeadm has both."""

RENEWED_DAYS = 30
"""Before its end a certificate is made anew."""

EARLIER = timedelta(days=1)
"""A certificate holds since a day ago: clients whose clock is late would refuse it."""

MOST_ADDRESSES = 64


class CertificateError(DnsguardError):
    """The API's own certificate can be neither read nor made."""


@dataclass(frozen=True, slots=True)
class _Signed:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def pem(self) -> bytes:
        """Key and certificate."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.certificate.public_bytes(Encoding.PEM)

    def lasts(self, now: datetime, days: int) -> bool:
        """Whether it holds now, and for so many days."""
        ends = self.certificate.not_valid_after_utc
        return self.certificate.not_valid_before_utc <= now < ends - timedelta(days=days)


def served_names(listen: IPv4Address | IPv6Address, host: str) -> tuple[str, ...]:
    """What clients may call the API, names and addresses: loopback, where it listens, the host's name.

    Raises OSError.
    """
    found: dict[str, None] = {"localhost": None, "127.0.0.1": None, "::1": None}
    if not listen.is_unspecified:
        found[str(listen)] = None
    else:
        own = [address for _, address in machine_addresses() if address.version == 4 or listen.version == 6]
        usable = [str(address) for address in own if not address.is_link_local][:MOST_ADDRESSES]
        found |= dict.fromkeys(usable)
    if host.isascii() and host.strip("."):
        found[host.lower().rstrip(".")] = None
    return tuple(found)


class OwnCertificate:
    """Authority and server certificate in a directory, each made when it is missing or about to end."""

    def __init__(self, directory: Path, node: str, names: Iterable[str]) -> None:
        """``node``: in the authority's name, for people. ``names``: of the server, names and addresses."""
        self.file = directory / SERVER_FILE
        self._authority_file = directory / AUTHORITY_FILE
        self._public_file = directory / CA_FILE
        self._node = node
        self._names = tuple(names)

    def prepare(self, now: datetime) -> datetime:
        """Have the files say what they must: until when they do. Blocks for a moment. Raises CertificateError."""
        try:
            authority = _read(self._authority_file)
            if authority is None or not authority.lasts(now, SERVER_DAYS):
                authority = _new_authority(self._node, now)
                replace_file(self._authority_file, [authority.pem()])
            public = authority.certificate.public_bytes(Encoding.PEM)
            if not self._public_file.exists() or self._public_file.read_bytes() != public:
                replace_file(self._public_file, [public])
            server = _read(self.file)
            if server is None or not server.lasts(now, RENEWED_DAYS) or not self._suits(server, authority):
                server = _new_server(authority, self._names, now)
                replace_file(self.file, [server.pem()])
        except OSError as error:
            raise CertificateError(
                f"the API's certificate cannot be kept: {error.filename or self.file}: {error.strerror}"
            ) from error
        return server.certificate.not_valid_after_utc - timedelta(days=RENEWED_DAYS)

    def _suits(self, server: _Signed, authority: _Signed) -> bool:
        """Whether it is this authority's, and names everything that it must."""
        try:
            server.certificate.verify_directly_issued_by(authority.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        found = server.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return set(_alternatives(self._names)) <= set(found)


def _read(path: Path) -> _Signed | None:
    """What a file holds; None where there is none. Raises CertificateError, OSError."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        key = load_pem_private_key(text, None)
        certificate = x509.load_pem_x509_certificate(text)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"{path} holds no key and certificate; remove it to have one made") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise CertificateError(f"{path}: key and certificate do not belong together; remove it to have one made")
    return _Signed(certificate, key)


def _new_authority(node: str, now: datetime) -> _Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"dnsguard {node}"[:64])])
    builder = _builder(name, name, key, now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return _Signed(builder.sign(key, SHA256()), key)


def _new_server(authority: _Signed, names: Iterable[str], now: datetime) -> _Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dnsguard API")])
    builder = _builder(name, authority.certificate.subject, key, now, SERVER_DAYS)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
    return _Signed(builder.sign(authority.key, SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - EARLIER)
        .not_valid_after(now.astimezone(UTC) + timedelta(days=days))
        .add_extension(identifier, critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(names: Iterable[str]) -> list[x509.GeneralName]:
    return [_alternative(name) for name in names]


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name.partition("%")[0]))
    except ValueError:
        return x509.DNSName(name)

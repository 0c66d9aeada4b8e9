"""The TLS context for whoever connects next: made anew when its files change, or the calendar asks for it."""

import logging
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from dnsguard.controller.serving.certificates import OwnCertificate
from dnsguard.errors import DnsguardError
from dnsguard.observe.exposition import Metric, number

log = logging.getLogger(__name__)

ENDING_DAYS = 14
"""Before the end of a supplied certificate the status says so."""


class TlsError(DnsguardError):
    """The API's certificate, its key, or who signs those of clients cannot be used."""


class Contexts:
    """Who connects is served by the newest files that are good; what is wrong with newer ones is a problem."""

    def __init__(
        self,
        source: OwnCertificate | tuple[Path, Path],
        client_ca: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``source``: our own, or files with certificate and key in PEM. ``client_ca``: who may sign certificates of
        clients; None: nobody. Raises CertificateError, TlsError."""
        self._source = source
        self._client_ca = client_ca
        self._now = now
        self._problem = ""
        self._seen: tuple[object, ...] = ()
        self._until = datetime.max.replace(tzinfo=UTC)
        self._context = self._made()

    def __call__(self) -> ssl.SSLContext:
        """The context to use now."""
        if self._now() >= self._until or self._signature() != self._seen:
            try:
                self._context = self._made()
                self._problem = ""
                log.info("the API's certificate was read anew")
            except DnsguardError as error:
                self._seen = self._signature()  # said once, and tried again when they change
                self._problem = str(error)
                log.error("the API goes on with the certificate it has: %s", error)
        return self._context

    @property
    def problem(self) -> str:
        """What is wrong with its files; empty where nothing is."""
        if self._problem or isinstance(self._source, OwnCertificate):
            return self._problem
        if self._now() < self._ends - timedelta(days=ENDING_DAYS):
            return ""
        return f"{self._source[0]}: the API's certificate ends on {self._ends:%Y-%m-%d}: replace the file"

    def metrics(self) -> Iterator[Metric]:
        """What there is to measure."""
        yield number("dnsguard_api_certificate_expiry_timestamp_seconds", "gauge",
                     "When the certificate that the API shows ends, in seconds since 1970.",
                     self._ends.timestamp())  # fmt: skip

    def _made(self) -> ssl.SSLContext:
        own = isinstance(self._source, OwnCertificate)
        if isinstance(self._source, OwnCertificate):
            self._until = self._source.prepare(self._now())
            certificate, key = self._source.file, None
        else:
            certificate, key = self._source
        self._seen = self._signature()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # No session goes on in another connection: each verifies the client's certificate anew.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        try:
            # An empty password: OpenSSL would ask for it at the terminal.
            context.load_cert_chain(certificate, key, password="")
            self._ends = x509.load_pem_x509_certificates(certificate.read_bytes())[0].not_valid_after_utc
        except (OSError, ValueError) as error:
            what = str(certificate) if own else f"api_cert_file {certificate} with api_key_file {key}"
            raise TlsError(f"{what} cannot be used: {_reason(error)}") from error
        if self._client_ca is not None:
            try:
                context.load_verify_locations(self._client_ca)
            except OSError as error:
                raise TlsError(f"api_client_ca_file {self._client_ca} cannot be used: {_reason(error)}") from error
            context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def _signature(self) -> tuple[object, ...]:
        files = [self._source.file] if isinstance(self._source, OwnCertificate) else [*self._source]
        return tuple(_state_of(path) for path in (*files, self._client_ca) if path is not None)


def _state_of(path: Path) -> object:
    """What differs once a file was replaced or written to."""
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return getattr(error, "strerror", None) or str(error)

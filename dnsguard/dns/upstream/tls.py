"""DNS over TLS, strictly: one server, how it must prove who it is, and what is said where it cannot (RFC 7858, 8310).

There is no other profile. A server that is to be asked over TLS is asked over TLS or not at all; what it cannot prove
once is not tried in clear text.
"""

import asyncio
import errno
import ssl
from pathlib import Path
from typing import Final

from dnsguard.dns.upstream.spki import BadCertificate, spki_pin
from dnsguard.servers import Tls

SESSION_SECONDS: Final = 3600.0
"""A session is resumed for so long after its certificate was examined: resuming does not examine it again."""


class NotAuthentic(OSError):
    """The server did not prove that it is the one that is trusted."""


class _Context(ssl.SSLContext):
    """A context whose connections resume a session: asyncio has no parameter for it."""

    session: ssl.SSLSession | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session or self.session)


class TlsClient:
    """Our side of TLS with one server, over all its connections. Belongs to one event loop."""

    def __init__(self, tls: Tls, authorities: Path | None) -> None:
        """``authorities``: file of the certificates that may sign the server's; None for those the system trusts."""
        self.name = tls.name
        self.resumed = 0
        """Connections that went on with an earlier session."""

        self._pins = tls.pins
        self._authorities = authorities
        self._context: _Context | None = None
        self._examined = 0.0

    async def context(self, now: float) -> ssl.SSLContext:
        """For the next connection. Raises ``OSError``, which names the file of authorities that cannot be used."""
        if self._context is None:
            # Reading all that a system trusts takes 20 ms: not on the thread that answers.
            self._context = await asyncio.to_thread(make_context, self.name, self._authorities)
        if now - self._examined > SESSION_SECONDS:
            self._context.session = None
        return self._context

    def examine(self, connection: ssl.SSLObject, now: float) -> None:
        """Does the server's key count? Raises ``NotAuthentic``. What certificates say was examined by then."""
        if self._pins:
            try:
                pin = spki_pin(connection.getpeercert(binary_form=True) or b"")
            except BadCertificate as error:
                raise _not_authentic(f"its certificate cannot be read: {error}") from None
            if pin not in self._pins:
                raise _not_authentic(f"its key is none of those pinned, it has pin-sha256={pin}")
        if connection.session_reused:
            self.resumed += 1
        else:
            self._examined = now

    def keep_session(self, connection: ssl.SSLObject) -> None:
        """Let the next connection go on where this one ends. With TLS 1.3 the server says how after the handshake."""
        session = connection.session
        if self._context is not None and session is not None and session.has_ticket:
            self._context.session = session

    def explained(self, error: ssl.SSLError) -> OSError:
        """What a failed handshake means. The next one begins anew, with the authorities as they are by then."""
        self._context = None
        if isinstance(error, ssl.SSLCertVerificationError):
            return _not_authentic(f"its certificate is refused: {error.verify_message.rstrip('.')}")
        reason = (error.reason or str(error)).replace("_", " ").lower()
        return OSError(errno.EPROTO, f"no TLS with it: {reason}")


def make_context(name: str, authorities: Path | None) -> _Context:
    """TLS 1.2 or newer; without ``name`` certificates count for nothing. Raises ``OSError``, which names the file."""
    made = _Context(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if not name:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE  # the pins are examined after the handshake, and there are some
        return made
    if authorities is None:
        made.load_default_certs()
        return made
    try:
        made.load_verify_locations(authorities)
    except ssl.SSLError:
        raise OSError(errno.EINVAL, f"{authorities} holds no certificates in PEM") from None
    except OSError as error:
        raise OSError(error.errno, f"{authorities} cannot be read: {error.strerror}") from None
    return made


def _not_authentic(why: str) -> NotAuthentic:
    return NotAuthentic(errno.EACCES, why)

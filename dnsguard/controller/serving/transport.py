"""How the API is served over TCP, as settings have it."""

import logging
import socket

from dnsguard.controller.serving.certificates import CertificateError, OwnCertificate, served_names
from dnsguard.controller.serving.contexts import Contexts
from dnsguard.locations import CA_FILE
from dnsguard.settings import Settings

log = logging.getLogger(__name__)


def tls(settings: Settings) -> Contexts | None:
    """The TLS contexts of its connections; None without TLS. Raises CertificateError, TlsError."""
    if settings.api_tls == "Off":
        if problem := in_the_clear(settings):
            log.warning("%s", problem)
        return None
    if settings.api_cert_file is not None and settings.api_key_file is not None:
        (settings.state_dir / CA_FILE).unlink(missing_ok=True)  # commands would take it for who signs
        return Contexts((settings.api_cert_file, settings.api_key_file), settings.api_client_ca_file)
    try:
        names = served_names(settings.api_listen.address, socket.gethostname())
    except OSError as error:
        raise CertificateError(f"the addresses of this machine cannot be listed: {error}") from error
    return Contexts(OwnCertificate(settings.state_dir, settings.node_name, names), settings.api_client_ca_file)


def in_the_clear(settings: Settings) -> str:
    """What is to be said where tokens go over a network without TLS; empty where they do not."""
    if settings.api_tls == "On" or settings.api_listen.address.is_loopback:
        return ""
    return f"the API is served without TLS on {settings.api_listen}: whoever sees its packets has the tokens (api_tls)"

"""The secret of an access token: made here, shown once, and kept as its hash."""

import secrets

from dnsguard.api.authentication.tokens import token_digest
from dnsguard.store.interface import Object

SECRET_BYTES = 32
"""256 bits: nobody tries them out."""

PREFIX = "dnsguard_"
"""What secret scanners know it by."""


def with_secret(value: Object) -> tuple[Object, str]:
    """A new AccessToken with the hash of a new secret, and the secret."""
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    return _with_hash(value, token_digest(secret).hex()), secret


def with_hash_of(value: Object, current: Object) -> Object:
    """An AccessToken in the place of another one, whose secret it keeps."""
    return _with_hash(value, current["spec"]["hash"])


def _with_hash(value: Object, digest: str) -> Object:
    return {**value, "spec": {**value["spec"], "hash": digest}}

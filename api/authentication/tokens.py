"""Bearer tokens, held as SHA-256 only."""

import hashlib
import hmac
from collections.abc import Mapping

from dnsguard.api.services import Caller, TokenVerifier


def token_digest(token: str) -> bytes:
    """What is kept of a token. Tokens are long and random, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class EitherToken:
    """Asks several verifiers, one after another."""

    def __init__(self, *verifiers: TokenVerifier) -> None:
        self._verifiers = verifiers

    def __call__(self, token: str) -> Caller | None:
        """See TokenVerifier."""
        return next(filter(None, (verify(token) for verify in self._verifiers)), None)


class HashedTokens:
    """Verifies against a table of digests; compares with each of them, in constant time."""

    def __init__(self, digests: Mapping[Caller, bytes]) -> None:
        """``digests``: the holder → `token_digest` of the token."""
        self._digests = dict(digests)

    def __call__(self, token: str) -> Caller | None:
        """See TokenVerifier."""
        presented = token_digest(token)
        holder: Caller | None = None
        for caller, digest in self._digests.items():
            if hmac.compare_digest(presented, digest):
                holder = caller
        return holder

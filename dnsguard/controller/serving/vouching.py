"""Whether the certificate that a client showed when it connected would be taken now."""

import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any


class Vouching:
    """True until the certificate ends, or until others sign those of clients than when it was shown."""

    def __init__(
        self,
        certificate: Mapping[str, Any],
        contexts: Callable[[], ssl.SSLContext],
        shown_to: ssl.SSLContext,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``certificate``: as ``getpeercert`` has it. ``now``: the time of day in seconds, as certificates have it."""
        self._ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
        self._contexts = contexts
        self._authorities = shown_to.get_ca_certs(binary_form=True)
        self._now = now

    def __call__(self) -> bool:
        return self._now() <= self._ends and self._contexts().get_ca_certs(binary_form=True) == self._authorities

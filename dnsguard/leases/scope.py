"""Whose look-up opened a door: leases of one scope are no use to another."""

from typing import Final

Scope = str | bytes
"""An endpoint's name (``str``), however many addresses it has; or the packed address of a client that is no known
endpoint (``bytes``); or ``NODE``."""

NODE: Final[bytes] = b""
"""Look-ups that count for every endpoint of this node: those of the node itself and of shared resolvers."""

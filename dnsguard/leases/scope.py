"""Whose look-up opened a door: leases of one scope are no use to another."""

from typing import Final

Scope = str | bytes
"""An endpoint's name (``str``), however many addresses it has; or the packed address of a client that is no known
endpoint (``bytes``); or ``NODE``."""

NODE: Final[bytes] = b""
"""Look-ups that count for every endpoint of this node: those of the node itself and of shared resolvers."""

OUTSIDERS: Final[str] = ""
"""The name under which policy says what concerns every client that is no known endpoint. No endpoint is called so, and
nothing is learned in this name: each such client has a scope of its own."""

"""Who is at the other end of a connection, where the connection itself proves it."""

import os
import socket
import struct
from collections.abc import Mapping
from typing import Any

from dnsguard.access.grants import MASTERS
from dnsguard.api.services import Caller

_CREDENTIALS = struct.Struct("3i")
"""``struct ucred``: process, user, group (unix(7))."""


def local_peer(connection: socket.socket) -> Caller | None:
    """Who connected to a Unix socket: root and the user that dnsguard runs as are its administrators, for they could
    change everything anyway. None for others."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    return Caller(f"system:local:{user}", (MASTERS,)) if user in (0, os.geteuid()) else None


def certified_peer(certificate: Mapping[str, Any] | None) -> Caller | None:
    """Whom a client certificate, verified and as ``getpeercert`` has it, is for: its common name is the user, its
    organizations are the groups, as in Kubernetes. None without a certificate, or without a name in it."""
    subject = [pair for name in (certificate or {}).get("subject", ()) for pair in name]
    names = [value for key, value in subject if key == "commonName"]
    groups = tuple(value for key, value in subject if key == "organizationName")
    return Caller(names[-1], groups) if names and names[-1] else None

"""Where things are when nobody says otherwise. Imports nothing that takes time: every command asks here first."""

import os
from collections.abc import Mapping
from pathlib import Path

SYSTEM_STATE = Path("/var/lib/dnsguard")
SYSTEM_RUN = Path("/run/dnsguard")
RESOLV_CONF = Path("/etc/resolv.conf")
TOKEN_FILE = "token"  # noqa: S105 - a file name
CA_FILE = "api-ca.pem"
"""Who signs the API's own certificate."""

AUTHORITY_FILE = "api-ca.key"
"""Its key and certificate in one file, so that they are replaced together."""

SERVER_FILE = "api-server.pem"
"""The same of the server."""

API_SOCKET = "api.sock"
DNS_LOG_FILE = "dns-log.jsonl"
PACKET_LOG_FILE = "packet-log.jsonl"
AUDIT_FILE = "audit.jsonl"
STORE_FILE = "store.db"
API_PORT = 8053
HEALTH_PORT = 8054
INTERCEPT_PORT = 8055
LOG_GROUP = 100
"""The NFLOG group of Log rules."""

DENIED_GROUP = 101
"""That of what is denied: apart, so that neither takes the other's place."""


def default_state_dir(environ: Mapping[str, str], *, is_root: bool | None = None) -> Path:
    """`/var/lib/dnsguard` as root, where systemd says (`StateDirectory=`, systemd.exec(5)) as a service, else
    `$XDG_STATE_HOME/dnsguard` (`~/.local/state/dnsguard`)."""
    if service_state := environ.get("STATE_DIRECTORY"):
        return Path(service_state)
    if os.geteuid() == 0 if is_root is None else is_root:
        return SYSTEM_STATE
    state_home = environ.get("XDG_STATE_HOME")
    return (Path(state_home) if state_home else Path.home() / ".local" / "state") / "dnsguard"


def default_run_dir(state_dir: Path) -> Path:
    """`/run/dnsguard` beside the system's state directory, else `run` inside the state directory."""
    return SYSTEM_RUN if state_dir == SYSTEM_STATE else state_dir / "run"

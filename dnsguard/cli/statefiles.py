"""The state directory, for commands that work on its files."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dnsguard.locations import AUTHORITY_FILE, CA_FILE, SERVER_FILE, SYSTEM_STATE, TOKEN_FILE, default_state_dir

SECRETS: Final = (TOKEN_FILE, AUTHORITY_FILE, CA_FILE, SERVER_FILE)
"""Files in a backup with secrets."""


def add_state_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state-dir",
        dest="setting_state_dir",
        metavar="DIRECTORY",
        help=f"that of `dnsguard run`; default: $DNSGUARD_STATE_DIR, else for root {SYSTEM_STATE}",
    )


def state_dir(arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Path:
    """Where it is, by flag, environment or default."""
    return Path(arguments.setting_state_dir or environ.get("DNSGUARD_STATE_DIR") or default_state_dir(environ))

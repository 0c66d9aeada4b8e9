"""The record of every attempted change: who, from where, what, when, with which result."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One attempted change, refused ones included."""

    time: str
    """RFC 3339, UTC, microseconds."""

    caller: str
    """Name of the token; empty when there was none or it was wrong."""

    address: str
    """The client's address."""

    verb: str
    """``create``, ``update``, ``patch``, ``delete``, ``deletecollection``."""

    resource: str
    """``plural/namespace/name``; empty where the request did not get that far."""

    status: int
    """HTTP status of the answer."""

    message: str = ""
    """Why it was refused."""

    before: str = ""
    """resourceVersion that was replaced or deleted."""

    after: str = ""
    """resourceVersion that was written."""

    dry_run: bool = False

    def line(self) -> str:
        """One line of JSON, without the newline. Control characters are escaped, so a name cannot forge a line."""
        return json.dumps(asdict(self))

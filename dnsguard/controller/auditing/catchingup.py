"""After a start: what the store has and the audit log does not."""

from dnsguard.controller.auditing.log import AuditLog
from dnsguard.store.interface import Compacted, Store, StoreUnusable

MOST_NAMED = 20
"""Changes that are named; of more the number is said."""


async def catch_up(store: Store, audit: AuditLog, by: str) -> None:
    """Write down that there are changes without a record, and who made them as far as that is known."""
    _, revision = await store.list_objects("", "")
    missing = revision - audit.revision
    if missing <= 0:
        return
    named: list[str] = []
    changes = store.watch(audit.revision)
    try:
        while len(named) < min(missing, MOST_NAMED):
            change = await anext(changes)
            named.append(f"{change.type} {change.key} at {change.revision}")
    except Compacted:
        named = []
    finally:
        await changes.aclose()
    more = missing - len(named)
    what = ", ".join([*named, *([f"{more} more" if named else f"{more} changes"] if more else [])])
    audit.say(f"{by}: {what}", revision)


def require_acknowledged(path: object, revision: int, audit: AuditLog) -> None:
    """Raises StoreUnusable where the store, at ``revision``, lacks changes that were acknowledged: a copy of an older
    one was put in its place, or its write-ahead log is gone. Going on would give their revisions to other changes."""
    if revision < audit.revision:
        raise StoreUnusable(
            f"{path} is at revision {revision}, and up to {audit.revision} changes were acknowledged, as the audit log"
            f" tells: is {path}-wal missing, or is this an older copy? Put the right one in its place, restore a backup"
            f" (dnsguard restore FILE), or accept what is lost (dnsguard restore {path})"
        )

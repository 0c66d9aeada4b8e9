"""What a caller wants to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ask:
    """One request as rules judge it: a verb on a kind, or on a path that is none."""

    verb: str
    """``get``, ``list``, ``watch``, ``create``, ``update``, ``patch``, ``delete``, ``deletecollection``; on a path the
    HTTP method in small letters."""

    group: str = ""
    resource: str = ""
    """The plural, perhaps with ``/SUBRESOURCE``; empty for a path."""

    namespace: str = ""
    """Empty for all of them, and for kinds without one."""

    name: str = ""
    """Empty where the request names none, as those that list and create."""

    path: str = ""

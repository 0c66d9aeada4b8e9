"""Entries of a network set are added or removed by a patch that names nothing else: a set of 100 000 networks need not
travel, and who changes it need not know what it holds."""

from collections.abc import Sequence
from typing import Any

from dnsguard.api.failures import Failure, bad_request
from dnsguard.api.views.models import View
from dnsguard.api.writing.objects import Written
from dnsguard.resources import Cause, Kind
from dnsguard.resources.setentries import BadEntry, Entry, EntryChange, Outcome, with_entries
from dnsguard.store.interface import Object

ENTRIES = "application/vnd.dnsguard.entries+json"
"""Media type of the patch."""

MAX_ENTRIES = 10_000

KINDS = ("NetworkSet", "GlobalNetworkSet")

_SHAPE = 'write {"add": ["*.example.org", "192.0.2.0/24"], "remove": [...]}'


class EntryState(View):
    """What became of one entry."""

    entry: str
    """In the spelling that the set has."""

    field: str
    """``nets`` or ``allowedEgressDomains``."""

    outcome: Outcome
    covered_by: tuple[str, ...] = ()
    """Other entries of the set that open it, too: up to three."""

    narrower: tuple[str, ...] = ()
    """Of what was to be removed: entries within it that the set still holds: up to three."""


class EntriesReport(View):
    """Answer of a patch of entries."""

    kind: str
    namespace: str = ""
    name: str
    resource_version: str
    entries: tuple[EntryState, ...]


class EntriesPatch:
    """The change that such a patch makes; remembers what became of each entry when it was last made."""

    def __init__(self, kind: Kind, data: Any) -> None:
        """Raises Failure 400, 413, 415, 422."""
        if kind.kind not in KINDS:
            raise Failure(415, "UnsupportedMediaType", f"{ENTRIES} changes network sets; {kind.kind} has no entries")
        if not isinstance(data, dict) or data.keys() - {"add", "remove"}:
            raise bad_request(f"not a patch of entries: {_SHAPE}")
        self._add = _entries("add", data.get("add"))
        self._remove = _entries("remove", data.get("remove"))
        if not self._add and not self._remove:
            raise bad_request(f"a patch of entries names none: {_SHAPE}")
        if both := {entry.text for entry in self._add} & {entry.text for entry in self._remove}:
            raise bad_request(f"{min(both)} is to be added and to be removed: say one")
        self._changes: Sequence[EntryChange] = ()

    def __call__(self, document: Object) -> Object:
        """The set with its entries changed."""
        spec, self._changes = with_entries(document.get("spec") or {}, self._add, self._remove)
        return {**document, "spec": spec}

    @property
    def warnings(self) -> tuple[str, ...]:
        """About what was named, whatever else the set holds."""
        return tuple(warning for entry in self._add if (warning := entry.warning))

    def report(self, written: Written) -> EntriesReport:
        """What became of each entry."""
        metadata = written.object["metadata"]
        return EntriesReport(
            kind=written.object["kind"],
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            resource_version=metadata["resourceVersion"],
            entries=tuple(
                EntryState(
                    entry=change.entry.text,
                    field=change.entry.field,
                    outcome=change.outcome,
                    covered_by=change.covered_by,
                    narrower=change.narrower,
                )
                for change in self._changes
            ),
        )


def _entries(field: str, value: Any) -> tuple[Entry, ...]:
    """Each once, in their order."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad_request(f"{field}: must be a list of strings: {_SHAPE}")
    if len(value) > MAX_ENTRIES:
        raise Failure(413, "RequestEntityTooLarge", f"{field}: at most {MAX_ENTRIES} entries at once: send several")
    found: dict[str, Entry] = {}
    causes: list[Cause] = []
    for index, text in enumerate(value):
        try:
            entry = Entry.parse(text)
        except BadEntry as error:
            causes.append(Cause(f"{field}[{index}]", str(error), error.code))
        else:
            found.setdefault(entry.text, entry)
    if causes:
        told = "; ".join(f"{cause.message} ({cause.code})" for cause in causes[:10])
        raise Failure(422, "Invalid", told, causes=causes)
    return tuple(found.values())

"""The envelope that all kinds share: apiVersion, kind, metadata."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import PrivateAttr, StrictStr

from dnsguard.resources.apiversions import PROJECTCALICO
from dnsguard.resources.metadata import MAX_NAME, SUBDOMAIN, ObjectMeta
from dnsguard.resources.model import Model
from dnsguard.resources.problems import Problem


@dataclass(frozen=True, slots=True)
class NameRule:
    """Which names a kind takes."""

    code: str
    pattern: str
    """Anchored regular expression."""
    longest: int
    said: str
    """The rule in words, for the error."""


DNS_NAME = NameRule(
    code="V-01",
    pattern=SUBDOMAIN,
    longest=MAX_NAME,
    said="lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
)


class Resource(Model):
    """One object of any kind. Equality is that of what was read, defaults filled in."""

    API_VERSION: ClassVar[str] = PROJECTCALICO
    NAMESPACED: ClassVar[bool] = False
    NAME: ClassVar[NameRule] = DNS_NAME
    FORBIDDEN_LABELS: ClassVar[Mapping[str, str]] = {}
    """Label key → the rule that forbids users to set it."""

    api_version: StrictStr
    """Group and version of the kind, as `projectcalico.org/v3`."""
    kind: StrictStr
    """What the object is."""
    metadata: ObjectMeta
    """Name, namespace, labels and annotations, and what the server says of the object."""

    _notes: tuple[str, ...] = PrivateAttr(default=())

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, empty for kinds without one."""
        return self.metadata.namespace or ""

    @property
    def labels(self) -> Mapping[str, str]:
        """`metadata.labels`: the object's own, nothing inherited."""
        return self.metadata.labels

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings about what was written and no longer shows, as an empty list that was filled in."""
        return self._notes

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The namespace defaults to `default`."""
        metadata = data.get("metadata")
        if cls.NAMESPACED and isinstance(metadata, Mapping) and not metadata.get("namespace"):
            data = {**data, "metadata": {**metadata, "namespace": "default"}}
        return data

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """Names, scope and labels, by the rules of the kind."""
        if "apiVersion" not in broken and self.api_version != self.API_VERSION:
            yield Problem(("apiVersion",), "kind", f"must be {self.API_VERSION}, not {self.api_version!r}")
        if "metadata" in broken:
            return
        if len(self.name) > self.NAME.longest or not re.fullmatch(self.NAME.pattern, self.name):
            yield Problem(
                ("metadata", "name"),
                self.NAME.code,
                f"{self.name!r} is no name for a {self.kind}: at most {self.NAME.longest} characters; {self.NAME.said}",
            )
        if not self.NAMESPACED and self.metadata.namespace is not None:
            yield Problem(("metadata", "namespace"), "scope", f"a {self.kind} has no namespace: leave this out")
        for key in self.labels:
            if code := self.FORBIDDEN_LABELS.get(key):
                yield Problem(
                    ("metadata", "labels", key), code, "is set by dnsguard and cannot be written: leave it out"
                )

    def __eq__(self, other: object) -> bool:
        """Same kind and same content; what was noted while reading does not count."""
        if not isinstance(other, Resource) or type(self) is not type(other):
            return NotImplemented
        return self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  # labels and annotations are mappings

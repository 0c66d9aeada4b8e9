"""Namespace: the core v1 kind; its labels are what namespace selectors match."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import StrictStr

from dnsguard.resources.apiversions import CORE
from dnsguard.resources.labels import NAMESPACE_METADATA_NAME
from dnsguard.resources.metadata import LABEL
from dnsguard.resources.model import Model
from dnsguard.resources.resource import NameRule, Resource


class NamespaceSpec(Model):
    """Only what Kubernetes itself writes; nothing here has an effect."""

    finalizers: tuple[StrictStr, ...] | None = None
    """Kept as it is written."""


class NamespaceStatus(Model):
    """Only what Kubernetes itself writes; nothing here has an effect."""

    phase: StrictStr | None = None
    """Kept as it is written."""


class Namespace(Resource):
    """A namespace of workloads, policies and network sets."""

    API_VERSION: ClassVar[str] = CORE
    NAME: ClassVar[NameRule] = NameRule("V-01", LABEL, 63, "lower-case letters, digits and '-'")

    kind: Literal["Namespace"]
    spec: NamespaceSpec | None = None
    """What Kubernetes writes here has no effect."""
    status: NamespaceStatus | None = None
    """What the server says of the namespace."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The label that repeats the name is always there, as in Kubernetes."""
        data = super().completed(data)
        metadata = data.get("metadata")
        if isinstance(metadata, Mapping) and isinstance(metadata.get("name"), str):
            labels = metadata.get("labels") or {}
            if isinstance(labels, Mapping):
                named = {**labels, NAMESPACE_METADATA_NAME: metadata["name"]}
                data = {**data, "metadata": {**metadata, "labels": named}}
        return data

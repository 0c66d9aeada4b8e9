"""JSON shape ⇄ resource."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from dnsguard.resources.advice import notes_on_written
from dnsguard.resources.causes import Cause, InvalidResource, field_text
from dnsguard.resources.problems import kind_of_value, problems_of
from dnsguard.resources.registry import Kind, UnknownKind, kind_of, known_kinds
from dnsguard.resources.resource import Resource


def parse_object(data: Any, namespace: str | None = None) -> Resource:
    """The resource that a JSON object describes, with what the server fills in.

    `namespace` is used where a namespaced object names none (else `default`). Raises InvalidResource with all causes.
    """
    kind = _kind(data)
    if namespace and kind.namespaced:
        data = _in_namespace(data, namespace)
    try:
        resource = kind.model.model_validate(data)
    except ValidationError as error:
        causes = [Cause(field_text(path), message, code) for path, code, message in problems_of(error)]
        raise InvalidResource(_subject(data), causes) from None
    if notes := notes_on_written(data):
        resource._notes = notes
    return resource


def to_dict(resource: Resource) -> dict[str, Any]:
    """The JSON shape: what was absent stays absent, what was empty stays empty, ports and orders in canonical form."""
    return resource.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _kind(data: Any) -> Kind:
    if not isinstance(data, Mapping):
        causes = [Cause("", f"must be a mapping with apiVersion, kind and metadata, not {kind_of_value(data)}", "type")]
        raise InvalidResource("the object", causes)
    kind = data.get("kind")
    if kind is None:
        raise InvalidResource(_subject(data), [Cause("kind", f"is required: one of {known_kinds()}", "kind")])
    if not isinstance(kind, str):
        raise InvalidResource(_subject(data), [Cause("kind", f"must be a string, not {kind_of_value(kind)}", "type")])
    try:
        api_version = data.get("apiVersion")
        return kind_of(kind, api_version if isinstance(api_version, str) else "")
    except UnknownKind as error:
        raise InvalidResource(_subject(data), [Cause("kind", str(error), "kind")]) from None


def _in_namespace(data: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    metadata = data.get("metadata")
    if isinstance(metadata, Mapping) and not metadata.get("namespace"):
        return {**data, "metadata": {**metadata, "namespace": namespace}}
    return data


def _subject(data: Any) -> str:
    kind = data.get("kind") if isinstance(data, Mapping) else None
    metadata = data.get("metadata") if isinstance(data, Mapping) else None
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    namespace = metadata.get("namespace") if isinstance(metadata, Mapping) else None
    path = "/".join(part for part in (namespace, name) if isinstance(part, str) and part)
    return f"{kind if isinstance(kind, str) else 'the object'} {path}".strip()

"""JSON schemas of all kinds, made from the models: what documents, `kubectl explain` and clients' checks say is what
the server reads.

A schema takes whatever the server takes. What it cannot say (which fields go together, whether a selector parses) the
server alone refuses. Fields that the server fills in where they are absent are not required.
"""

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from dnsguard.resources.labelselector import LabelRequirement, LabelSelector
from dnsguard.resources.metadata import ObjectMeta
from dnsguard.resources.reading import Schema, string
from dnsguard.resources.registry import KINDS, Kind
from dnsguard.resources.resource import Resource
from dnsguard.resources.said import descriptions

REFERENCE = "#/components/schemas/"
"""Before the name of a schema, where another one refers to it."""

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
"""Where Kubernetes has what all kinds share."""

_CALLED: Mapping[str, str] = {
    ObjectMeta.__name__: f"{META}.ObjectMeta",
    LabelSelector.__name__: f"{META}.LabelSelector",
    LabelRequirement.__name__: f"{META}.LabelSelectorRequirement",
    "KubernetesPolicySpec": "io.k8s.api.networking.v1.NetworkPolicySpec",
    "KubernetesIngressRule": "io.k8s.api.networking.v1.NetworkPolicyIngressRule",
    "KubernetesEgressRule": "io.k8s.api.networking.v1.NetworkPolicyEgressRule",
    "KubernetesPeer": "io.k8s.api.networking.v1.NetworkPolicyPeer",
    "KubernetesPort": "io.k8s.api.networking.v1.NetworkPolicyPort",
}
"""Model → what Kubernetes calls it, where its own name is another."""

_ENVELOPE = ("apiVersion", "kind")
"""What the server knows from the path where it is not written."""


@cache
def schemas() -> Mapping[str, Schema]:
    """Name → schema, of all kinds and of all that they are made of. Names are those of Kubernetes, where it has them;
    what several groups use is named after the first."""
    models = [(kind.model, "validation") for kind in KINDS]
    _, made = models_json_schema(models, ref_template=REFERENCE + "{model}", schema_generator=_Generator)  # type: ignore[arg-type]  # a literal
    by_class: dict[str, Schema] = made["$defs"]
    names = dict(_CALLED) | {kind.model.__name__: schema_name(kind) for kind in KINDS}
    for kind in KINDS:
        for part in reachable(kind.model.__name__, by_class):
            names.setdefault(part, f"{_package(kind)}.{part}")
    renamed = {REFERENCE + part: REFERENCE + name for part, name in names.items()}
    return {name: _with_references(by_class[part], renamed) for part, name in names.items()}


def schema_name(kind: Kind) -> str:
    """What the schema of a kind is called: `org.projectcalico.v3.NetworkPolicy`."""
    return f"{_package(kind)}.{kind.kind}"


def reachable(name: str, among: Mapping[str, Schema]) -> dict[str, None]:
    """The schema of this name and all that it refers to, in the order in which they are met."""
    found = {name: None}
    waiting = [name]
    while waiting:
        for reference in _references(among[waiting.pop()]):
            part = reference.removeprefix(REFERENCE)
            if part not in found:
                found[part] = None
                waiting.append(part)
    return found


def _package(kind: Kind) -> str:
    if kind.group == "" or kind.group.endswith(".k8s.io"):
        return f"io.k8s.api.{kind.group.partition('.')[0] or 'core'}.{kind.version}"
    return f"{'.'.join(reversed(kind.group.split('.')))}.{kind.version}"


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        for item in value.values():
            yield from _references(item)


def _with_references(value: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_with_references(item, renamed) for item in value]
    if isinstance(value, dict):
        return {key: renamed[item] if key == "$ref" else _with_references(item, renamed) for key, item in value.items()}
    return value


class _Generator(GenerateJsonSchema):
    """Says of a model what it takes as it is written: null nowhere but where it means absent, with what stands below
    its fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - titles only repeat names
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Models refuse null, except for fields that they name themselves."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Single values only: lists and parts that are absent stay absent."""
        made, default = self.generate_inner(schema["schema"]), schema.get("default")
        return made | ({"default": default} if isinstance(default, bool | float | str) and default != "" else {})

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return {"type": "string", "enum": list(schema["expected"])}

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        cls = schema["cls"]
        made.pop("title", None)
        made["description"] = _one_line(inspect.getdoc(cls) or "")
        said = descriptions(cls)
        for name, attribute in cls.field_names().items():
            field = made["properties"][name]
            if name in cls.NULLABLE:
                field = {"anyOf": [field, {"type": "null"}]}
            made["properties"][name] = field | (
                {"description": _one_line(said[attribute])} if attribute in said else {}
            )
        if issubclass(cls, Resource):
            _complete_envelope(cls, made)
        elif cls is ObjectMeta:
            _complete_metadata(made)
        return made


def _complete_envelope(cls: type[Resource], made: Schema) -> None:
    made["properties"]["apiVersion"]["enum"] = [cls.API_VERSION]
    made["properties"]["metadata"]["properties"] = {"name": string(cls.NAME.pattern, maxLength=cls.NAME.longest)}
    made["required"] = [field for field in made.get("required", ()) if field not in _ENVELOPE]


def _complete_metadata(made: Schema) -> None:
    """What the server made itself it takes, where a client sends it back, and passes over."""
    for field in ("generation", "creationTimestamp"):
        made["properties"][field]["readOnly"] = True
    made["properties"] |= {
        "generateName": string(description="Instead of a name: what the name begins with that the server makes."),
        "selfLink": string(description="Passed over.", readOnly=True),
        "deletionTimestamp": string(description="Passed over.", readOnly=True),
        "deletionGracePeriodSeconds": {"description": "Passed over.", "readOnly": True, "type": "integer"},
        "managedFields": {
            "description": "Set by the server: who set which fields.",
            "type": "array",
            "items": {"type": "object"},
            "readOnly": True,
        },
    }
    made.pop("required")


def _one_line(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))

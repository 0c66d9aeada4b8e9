"""Schemas take what the server takes, refuse what they can, and say of each field what it is."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsguard.resources import KINDS, InvalidResource, Kind, kind_of, parse_object, to_dict
from dnsguard.resources.felixfields import KEPT
from dnsguard.resources.model import Model
from dnsguard.resources.reading import Schema
from dnsguard.resources.schemas import REFERENCE, schema_name, schemas
from tests.conformance.data_files import DATA
from tests.support.samples import SAMPLES
from tests.unit.resources.strategies import MANIFESTS
from tests.unit.resources.test_rejects import ROWS

ROOT = Path(__file__).parents[3]


def accepts(value: Any) -> bool:
    kind = kind_of(value["kind"], value.get("apiVersion", ""))
    return _VALIDATORS[schema_name(kind)].is_valid(json.loads(json.dumps(value)))


_VALIDATORS = {
    name: jsonschema_rs.validator_for({"$ref": REFERENCE + name, "components": {"schemas": dict(schemas())}})
    for name in map(schema_name, KINDS)
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.collection)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_is_good_is_taken_as_written_and_as_answered(kind: Kind, data: st.DataObject) -> None:
    written = data.draw(MANIFESTS[kind.collection])
    for value in (written, to_dict(parse_object(written))):
        assert accepts(value), value


def _published() -> list[Any]:
    texts = [path.read_text(encoding="utf-8") for path in (*DATA.glob("*.yaml"), *ROOT.glob("deploy/examples/*.yaml"))]
    return [found for text in texts for document in yaml.safe_load_all(text) for found in _objects(document)]


def _objects(value: Any) -> list[Any]:
    """Everything in a document that looks like an object of ours, manifests in texts among it."""
    if isinstance(value, str) and "apiVersion:" in value:
        return [found for document in yaml.safe_load_all(value) for found in _objects(document)]
    if isinstance(value, list):
        return [found for item in value for found in _objects(item)]
    if isinstance(value, dict):
        if "kind" in value and isinstance(value.get("metadata"), dict) and "apiVersion" in value:
            return [value]
        return [found for item in value.values() for found in _objects(item)]
    return []


def test_published_objects_that_are_good_are_taken() -> None:
    good = 0
    for value in (*_published(), *SAMPLES.values(), *(row[1] for row in ROWS)):
        try:
            parse_object(value)
        except InvalidResource:
            continue
        good += 1
        assert accepts(value), value
    assert good > 80


@pytest.mark.parametrize(
    ("collection", "path", "value"),
    [
        ("networkpolicies", ("spec", "types"), ["Sideways"]),
        ("networkpolicies", ("spec", "typs"), ["Egress"]),
        ("networkpolicies", ("spec", "order"), "5"),
        ("networkpolicies", ("spec", "selector"), None),
        ("networkpolicies", ("spec", "tier"), "Upper"),
        ("networkpolicies", ("spec", "egress"), [{"protocol": "TCP"}]),
        ("networkpolicies", ("spec", "egress"), [{"action": "allow"}]),
        ("networkpolicies", ("spec", "egress"), [{"action": "Allow", "protocol": "tcp"}]),
        ("networkpolicies", ("spec", "egress"), [{"action": "Allow", "protocol": 256}]),
        ("networkpolicies", ("spec", "egress"), [{"action": "Allow", "ipVersion": 5}]),
        ("networkpolicies", ("spec", "egress"), [{"action": "Allow", "destination": {"ports": [0]}}]),
        ("networkpolicies", ("spec", "egress"), [{"action": "Allow", "destination": {"ports": ["1-2:"]}}]),
        ("networkpolicies", ("spec", "egress"), [{"action": "Allow", "destination": {"nets": ["10.0.0.1"]}}]),
        ("networkpolicies", ("spec", "egress"), [{"action": "Allow", "destination": {"ports": [1] * 51}}]),
        ("networkpolicies", ("spec", "egress"), [{"action": "Allow", "destination": {"domains": "a.example"}}]),
        ("networkpolicies", ("metadata", "name"), "Upper"),
        ("networkpolicies", ("metadata", "labels"), {"a": "no blanks"}),
        ("networkpolicies", ("metadata", "labels"), {"a": 1}),
        ("networkpolicies.networking.k8s.io", ("spec", "egress"), [{"ports": [{"protocol": "ICMP"}]}]),
        ("networkpolicies.networking.k8s.io", ("spec", "podSelector"), {"matchExpressions": [{"key": "a"}]}),
        ("networksets", ("spec", "nets"), ["example.org"]),
        ("globalnetworksets", ("spec", "allowedEgressDomains"), [7]),
        ("tiers", ("spec", "defaultAction"), "Allow"),
        ("felixconfigurations", ("spec", "dnsExtraTTL"), "10"),
        ("felixconfigurations", ("spec", "dnsPolicyMode"), "Delay"),
        ("felixconfigurations", ("spec", "failsafeInboundHostPorts"), [{"protocol": "icmp", "port": 1}]),
        ("felixconfigurations", ("metadata", "name"), "other"),
        ("hostendpoints", ("spec",), {"interfaceName": "eth0"}),
        ("workloadendpoints", ("spec", "interfaceName"), "much-too-long-a-name"),
        ("workloadendpoints", ("spec", "ports"), [{"name": "a", "port": 1}]),
        ("stagednetworkpolicies", ("spec", "stagedAction"), "Remove"),
    ],
)
def test_what_one_value_shows_to_be_wrong_is_refused(collection: str, path: tuple[str, ...], value: Any) -> None:
    manifest = json.loads(json.dumps(SAMPLES[collection]))
    assert accepts(manifest)
    around = manifest
    for step in path[:-1]:
        around = around[step]
    around[path[-1]] = value
    assert not accepts(manifest)
    with pytest.raises(InvalidResource):
        parse_object(manifest)


def test_a_felix_key_is_read_in_any_case() -> None:
    manifest = {**SAMPLES["felixconfigurations"], "spec": {"dnsextrattl": "10s", "bpfEnabled": False}}
    parse_object(manifest)
    assert accepts(manifest)


def test_each_field_is_one_of_its_model_and_is_described() -> None:
    models: dict[type[Model], str] = {kind.model: schema_name(kind) for kind in KINDS}
    waiting = list(models)
    while waiting:
        model = waiting.pop()
        schema = schemas()[models[model]]
        assert schema["description"], model
        described: Schema = schema["properties"]
        for field, property_ in described.items():
            assert property_["description"].endswith((".", ":")), (model, field)
        assert described.keys() - _further(model) == model.field_names().keys()
        for part in _parts(model):
            if part not in models:
                models[part] = _name_of(part)
                waiting.append(part)
    assert set(models.values()) == schemas().keys()


def _further(model: type[Model]) -> set[str]:
    if model.__name__ == "FelixConfigurationSpec":
        return set(KEPT)
    passed_over = {"selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"}
    return {"generateName", *passed_over} if model.__name__ == "ObjectMeta" else set()


def _parts(model: type[Model]) -> list[type[Model]]:
    found: list[type[Model]] = []

    def walk(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, Model):
            found.append(annotation)
        for argument in getattr(annotation, "__args__", ()):
            walk(argument)

    for field in model.model_fields.values():
        walk(field.annotation)
    return found


def _name_of(model: type[Model]) -> str:
    names = [name for name in schemas() if name.rpartition(".")[2] == model.__name__]
    if not names:  # one that Kubernetes calls otherwise
        said = model.__doc__ or ""
        names = [name for name, schema in schemas().items() if schema["description"][:20] == said[:20]]
    assert len(names) == 1, model
    return names[0]

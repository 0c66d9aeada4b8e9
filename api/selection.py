"""Kubernetes' label and field selectors, as query parameters choose objects with them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from api.failures import bad_request
from dnsguard.resources import Kind
from dnsguard.resources.metadata import label_key_fault, label_value_fault
from dnsguard.store.interface import Object

Labels = Mapping[str, str]
Test = Callable[[Object], bool]

_NAME = r"[^\s,()!=<>]+"
_REQUIREMENT = re.compile(
    rf"""\s*(?:
      !\s*(?P<absent>{_NAME})
    | (?P<key>{_NAME})\s*(?:
          (?P<sign>==|=|!=)\s*(?P<value>{_NAME})?
        | (?P<word>in|notin)\s*\((?P<values>[^()]*)\)
      )?
    )\s*(?:,(?!\s*$)|$)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a list or watch are wanted."""

    tests: tuple[Test, ...] = ()

    def __call__(self, value: Object) -> bool:
        return all(test(value) for test in self.tests)


def selection(kind: Kind, label_selector: str, field_selector: str) -> Selection:
    """The objects that both selectors choose; empty ones choose all. Raises Failure 400."""
    return Selection((*_label_tests(label_selector), *_field_tests(kind, field_selector)))


def _label_tests(text: str) -> list[Test]:
    tests: list[Test] = []
    position = 0
    while position < len(text.rstrip()):
        match = _REQUIREMENT.match(text, position)
        if match is None:
            raise bad_request(f"labelSelector: cannot read {text!r} from character {position + 1} on")
        tests.append(_label_test(match))
        position = match.end()
    return tests


def _label_test(match: re.Match[str]) -> Test:
    if absent := match["absent"]:
        return lambda value: _checked_key(absent) not in _labels(value)
    key = _checked_key(match["key"])
    if match["sign"]:
        wanted = frozenset({_checked_value(match["value"] or "")})
    elif match["word"]:
        wanted = frozenset(_checked_value(item.strip()) for item in match["values"].split(","))
    else:
        return lambda value: key in _labels(value)
    if match["sign"] == "!=" or match["word"] == "notin":  # an object without the label is chosen too
        return lambda value: _labels(value).get(key) not in wanted
    return lambda value: _labels(value).get(key) in wanted


def _checked_key(key: str) -> str:
    if fault := label_key_fault(key):
        raise bad_request(f"labelSelector: bad label key {key!r}: {fault}")
    return key


def _checked_value(value: str) -> str:
    if fault := label_value_fault(value):
        raise bad_request(f"labelSelector: bad label value {value!r}: {fault}")
    return value


def _labels(value: Object) -> Labels:
    labels: Labels = value["metadata"].get("labels", {})
    return labels


def _field_tests(kind: Kind, text: str) -> list[Test]:
    return [_field_test(kind, requirement.strip()) for requirement in text.split(",") if requirement.strip()]


def _field_test(kind: Kind, requirement: str) -> Test:
    field, sign, wanted = re.fullmatch(r"([^=!]*)(==|=|!=)?(.*)", requirement, re.DOTALL).groups()  # type: ignore[union-attr]
    if not sign:
        raise bad_request(f"fieldSelector: {requirement!r} is no requirement: write field=value or field!=value")
    fields: dict[str, Callable[[Object], Any]] = {"metadata.name": lambda value: value["metadata"]["name"]}
    if kind.namespaced:
        fields["metadata.namespace"] = lambda value: value["metadata"].get("namespace", "")
    spec = kind.model.model_fields.get("spec")  # roles and bindings have none
    if spec is not None and "tier" in getattr(spec.annotation, "model_fields", {}):
        fields["spec.tier"] = lambda value: value.get("spec", {}).get("tier", "default")
    if field not in fields:
        known = ", ".join(fields)
        raise bad_request(f"fieldSelector: {field!r} is not supported for {kind.plural}; supported are {known}")
    read = fields[field]
    return (lambda value: read(value) != wanted) if sign == "!=" else (lambda value: read(value) == wanted)

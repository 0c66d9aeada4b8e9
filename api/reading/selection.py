"""Kubernetes' label and field selectors, as query parameters choose objects with them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dnsguard.api.failures import bad_request
from dnsguard.resources import Kind
from dnsguard.resources.metadata import label_key_fault, label_value_fault
from dnsguard.store.interface import Key, Object

MOST_REQUIREMENTS = 100
"""Of both selectors together: each is asked of each object of a list, and of each change while a watch is open."""

Labels = Mapping[str, str]
Test = Callable[[Object], bool]

NODE_OF = ("workloadendpoints", "hostendpoints")
"""Collections whose objects name a node and an interface."""

_NAME = r"[^\s,()!=<>]+"
_REQUIREMENT = re.compile(
    rf"""\s*(?:
      !\s*(?P<absent>{_NAME})
    | (?P<key>{_NAME})\s*(?:
          (?P<sign>==|=|!=)\s*(?P<value>{_NAME})?
        | (?P<order>[<>])\s*(?P<bound>{_NAME})
        | (?P<word>in|notin)\s*\((?P<values>[^()]*)\)
      )?
    )\s*(?:,(?!\s*$)|$)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a list or watch are wanted."""

    tests: tuple[Test, ...] = ()
    """Of what an object says."""

    name: str | None = None
    """Of the only one that is wanted."""

    namespace: str | None = None
    """That all are in."""

    def __call__(self, value: Object) -> bool:
        metadata = value["metadata"]
        return (
            self.name in (None, metadata["name"])
            and self.namespace in (None, metadata.get("namespace", ""))
            and self.holds(value)
        )

    def may_be(self, key: Key) -> bool:
        """Whether an object there can be wanted."""
        return self.name in (None, key.name) and self.namespace in (None, key.namespace)

    def holds(self, value: Object) -> bool:
        """Whether an object that can be wanted is."""
        return all(test(value) for test in self.tests)

    def also(self, *tests: Test) -> "Selection":
        """Those of them that pass further tests: what a caller may see."""
        return replace(self, tests=(*self.tests, *tests))


def selection(kind: Kind, label_selector: str, field_selector: str) -> Selection:
    """The objects that both selectors choose; empty ones choose all. Raises Failure 400."""
    found = Selection(tuple(_label_tests(label_selector)))
    for requirement in field_selector.split(","):
        if requirement.strip():
            found = _narrowed(found, kind, requirement.strip())
            _check_number(found.tests)
    return found


def _label_tests(text: str) -> list[Test]:
    tests: list[Test] = []
    position = 0
    while position < len(text.rstrip()):
        match = _REQUIREMENT.match(text, position)
        if match is None:
            raise bad_request(f"labelSelector: cannot read {text!r} from character {position + 1} on")
        tests.append(_label_test(match))
        _check_number(tests)
        position = match.end()
    return tests


def _check_number(tests: Sequence[Test]) -> None:
    if len(tests) > MOST_REQUIREMENTS:
        raise bad_request(f"labelSelector, fieldSelector: more than {MOST_REQUIREMENTS} requirements: ask for less")


def _label_test(match: re.Match[str]) -> Test:
    key = _checked_key(match["absent"] or match["key"])
    if match["absent"]:
        return lambda value: key not in _labels(value)
    if match["order"]:
        return _order_test(key, match["order"], match["bound"])
    if match["sign"]:
        wanted = frozenset({_checked_value(match["value"] or "")})
    elif match["word"]:
        wanted = frozenset(_checked_value(item.strip()) for item in match["values"].split(","))
    else:
        return lambda value: key in _labels(value)
    if match["sign"] == "!=" or match["word"] == "notin":  # an object without the label is chosen too
        return lambda value: _labels(value).get(key) not in wanted
    return lambda value: _labels(value).get(key) in wanted


def _order_test(key: str, sign: str, bound: str) -> Test:
    """Of labels that are whole numbers; all others fail it."""
    if not re.fullmatch(r"-?[0-9]{1,18}", bound):
        raise bad_request(f"labelSelector: {key}{sign} takes a whole number, not {bound!r}")
    limit = int(bound)

    def test(value: Object) -> bool:
        text = str(_labels(value).get(key, ""))
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            return False
        return int(text) > limit if sign == ">" else int(text) < limit

    return test


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


def _narrowed(chosen: Selection, kind: Kind, requirement: str) -> Selection:
    field, sign, wanted = re.fullmatch(r"([^=!]*)(==|=|!=)?(.*)", requirement, re.DOTALL).groups()  # type: ignore[union-attr]
    if not sign:
        raise bad_request(f"fieldSelector: {requirement!r} is no requirement: write field=value or field!=value")
    fields = _fields(kind)
    if field not in fields:
        known = ", ".join(fields)
        raise bad_request(
            f"fieldSelector: field label not supported: {field!r}; of {kind.plural} those supported are {known}"
        )
    if sign != "!=" and field == "metadata.name" and chosen.name is None:
        return replace(chosen, name=wanted)
    if sign != "!=" and field == "metadata.namespace" and chosen.namespace is None:
        return replace(chosen, namespace=wanted)
    read = fields[field]
    return chosen.also((lambda value: read(value) != wanted) if sign == "!=" else (lambda value: read(value) == wanted))


def _fields(kind: Kind) -> dict[str, Callable[[Object], Any]]:
    """What objects of a kind may be chosen by."""
    fields: dict[str, Callable[[Object], Any]] = {"metadata.name": lambda value: value["metadata"]["name"]}
    if kind.namespaced:
        fields["metadata.namespace"] = lambda value: value["metadata"].get("namespace", "")
    spec = kind.model.model_fields.get("spec")  # roles and bindings have none
    if spec is not None and "tier" in getattr(spec.annotation, "model_fields", {}):
        fields["spec.tier"] = lambda value: value.get("spec", {}).get("tier", "default")
    if kind.collection in NODE_OF:
        fields["spec.node"] = lambda value: value.get("spec", {}).get("node", "")
        fields["spec.interfaceName"] = lambda value: value.get("spec", {}).get("interfaceName", "")
    return fields

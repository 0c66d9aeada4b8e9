"""Names, labels and annotations: what every object carries."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, StrictInt, StrictStr

from dnsguard.resources.model import Model
from dnsguard.resources.problems import Problem, kind_of_value, refused_all
from dnsguard.resources.reading import list_of, reads, string

LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(?:\.{LABEL})*"
MAX_NAME = 253
MAX_ANNOTATION_BYTES = 262_144
MAX_LABEL_BYTES = 262_144

SERVER_SET = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
"""Fields of `metadata` that a server fills in, whatever a client writes there."""

_SUBDOMAIN = re.compile(SUBDOMAIN)
_QUALIFIED_RULE = "1 to 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"
_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")


def is_subdomain(text: str) -> bool:
    """Whether text is a lower-case DNS name of at most 253 characters."""
    return len(text) <= MAX_NAME and _SUBDOMAIN.fullmatch(text) is not None


def label_key_fault(key: str) -> str | None:
    """Why this is no label key, or None (V-05)."""
    prefix, slash, name = key.rpartition("/")
    if slash and not is_subdomain(prefix):
        return f"the prefix {prefix!r} must be a lower-case DNS name of at most {MAX_NAME} characters"
    if len(name) > 63 or not _QUALIFIED.fullmatch(name):
        return f"the name {name!r} must be {_QUALIFIED_RULE}"
    return None


def label_value_fault(value: str) -> str | None:
    """Why this is no label value, or None (V-05)."""
    if value == "" or (len(value) <= 63 and _QUALIFIED.fullmatch(value)):
        return None
    return f"must be empty, or {_QUALIFIED_RULE}"


def _string_map(value: Any, code: str) -> tuple[dict[str, str], list[Problem]]:
    if not isinstance(value, Mapping):
        return {}, [Problem((), "type", f"must be a mapping of strings, not {kind_of_value(value)}")]
    good: dict[str, str] = {}
    problems: list[Problem] = []
    for key, item in value.items():
        if not isinstance(key, str):
            problems.append(Problem((str(key),), code, f"is a key that is {kind_of_value(key)}: put it in quotes"))
        elif not isinstance(item, str):
            hint = "put the value in quotes" if isinstance(item, bool | int | float) else "write a string"
            problems.append(Problem((key,), code, f"must be a string, not {kind_of_value(item)}: {hint}"))
        else:
            good[key] = item
    return good, problems


def read_labels(value: Any) -> dict[str, str]:
    """Labels as a mapping, or every key and value that is wrong (V-05, D-03)."""
    labels, problems = _string_map(value, "D-03")
    for key, text in labels.items():
        if fault := label_key_fault(key):
            problems.append(Problem((key,), "V-05", f"bad label key: {fault}"))
        if fault := label_value_fault(text):
            problems.append(Problem((key,), "V-05", f"bad label value {text!r}: {fault}"))
    size = annotation_bytes(labels)
    if size > MAX_LABEL_BYTES:
        problems.append(Problem((), "V-05", f"keys and values take {size} bytes, of at most {MAX_LABEL_BYTES}"))
    if problems:
        raise refused_all(problems)
    return labels


def annotation_bytes(annotations: Mapping[str, str]) -> int:
    """What annotations or labels take, as V-07 counts it."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for pair in annotations.items() for text in pair)


def read_annotations(value: Any) -> dict[str, str]:
    """Annotations as a mapping, or everything wrong with them (V-07); keys are judged in lower case."""
    annotations, problems = _string_map(value, "V-07")
    for key, text in annotations.items():
        if fault := label_key_fault(key.lower()):
            problems.append(Problem((key,), "V-07", f"bad annotation key: {fault}"))
        if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
            problems.append(Problem((key,), "V-07", "holds half of a surrogate pair, which is no character"))
    size = annotation_bytes(annotations)
    if size > MAX_ANNOTATION_BYTES:
        problems.append(Problem((), "V-07", f"keys and values take {size} bytes, of at most {MAX_ANNOTATION_BYTES}"))
    if problems:
        raise refused_all(problems)
    return annotations


LABEL_VALUE = string(rf"(?:{_QUALIFIED.pattern})?", maxLength=63)
LABELS = {"type": "object", "additionalProperties": LABEL_VALUE}
Labels = Annotated[dict[str, str], reads(read_labels, LABELS)]
Annotations = Annotated[dict[str, str], reads(read_annotations, {"type": "object", "additionalProperties": string()})]


_PROMISES = {
    "finalizers": "is not kept here: an object is deleted at once and waits for nobody; leave it out",
    "ownerReferences": "is not kept here: nothing is deleted because its owner is; leave it out, and delete by label",
}
"""Fields of Kubernetes' metadata that say what shall happen, and would not."""

_ENTRIES = list_of({"type": "object"})


class ObjectMeta(Model):
    """`metadata` of an object. The kind decides which names are good, and whether there is a namespace."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"labels", "annotations", "creationTimestamp", "managedFields"})

    name: StrictStr
    """Unique among objects of the kind, and of the namespace where the kind has one. It cannot be changed."""
    namespace: StrictStr | None = None
    """The namespace that the object is in; `default` where none is written. Kinds without namespaces refuse it."""
    labels: Labels = Field(default_factory=dict)
    """Keys and values that selectors find the object by."""
    annotations: Annotations = Field(default_factory=dict)
    """Keys and values that tools keep with the object; they never affect what it does."""
    uid: StrictStr | None = None
    """Set by the server: another one for each object that ever had this name."""
    resource_version: StrictStr | None = None
    """Set by the server, anew with every change. Sent back with a change, the change is refused (409) where somebody
    else changed the object meanwhile."""
    generation: StrictInt | None = None
    """Set by the server: counts changes of what is meant to happen, not those of labels or annotations."""
    creation_timestamp: StrictStr | None = None
    """RFC 3339, set by the server."""
    managed_fields: Annotated[None, reads(lambda _: None, _ENTRIES)] = Field(default=None, exclude=True)
    """Who set which field. The API keeps that; what an object means does not hang on it, so it is not read here."""

    @classmethod
    def unknown_field(cls, key: str) -> str:
        """What promises something is refused with the reason."""
        return _PROMISES.get(key) or super().unknown_field(key)

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:  # noqa: ARG002 - part of the contract
        """A namespace must be a DNS label."""
        if self.namespace is not None and (len(self.namespace) > 63 or not re.fullmatch(LABEL, self.namespace)):
            yield Problem(
                ("namespace",),
                "V-01",
                f"{self.namespace!r} is no namespace: at most 63 of a-z, 0-9 and '-', no '-' at the ends",
            )

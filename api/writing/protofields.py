"""The numbers that Kubernetes' messages give their fields, for the kinds that typed clients may send here.

From the ``generated.proto`` files of k8s.io/api and k8s.io/apimachinery. What is left out here is refused where it is
sent, so that nothing is passed over in silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Union


class Scalar(Enum):
    """How a value without fields of its own is written."""

    TEXT = auto()
    """A string. Empty means that it was left out: Go's clients write every string they have not set."""

    SAID = auto()
    """A string for which empty is a value, as the API group of a subject."""

    NUMBER = auto()
    """An integer with a sign."""

    COUNT = auto()
    """The same, where 0 means that it was left out."""

    SWITCH = auto()
    """True or false."""

    TIME = auto()
    """A message of seconds and nanoseconds; without seconds it was left out."""

    JSON = auto()
    """A message whose field 1 holds JSON."""

    EITHER = auto()
    """A message: a number or a string (IntOrString)."""

    TEXTS = auto()
    """A message whose field 1 is a list of strings, which stands for that list."""

    PASSED_OVER = auto()
    """What only a server writes."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    """In JSON."""

    shape: Union[Scalar, "Message"] = Scalar.TEXT
    repeated: bool = False
    mapping: bool = False
    """From string to the shape."""


Message = Mapping[int, Field]
"""Number → field."""


def _many(name: str, shape: Scalar | Message = Scalar.SAID) -> Field:
    return Field(name, shape, repeated=True)


def _map(name: str, shape: Scalar | Message = Scalar.SAID) -> Field:
    return Field(name, shape, mapping=True)


# fmt: off
OWNER: Message = {
    1: Field("kind"), 3: Field("name"), 4: Field("uid"), 5: Field("apiVersion"),
    6: Field("controller", Scalar.SWITCH), 7: Field("blockOwnerDeletion", Scalar.SWITCH),
}
MANAGED: Message = {
    1: Field("manager"), 2: Field("operation"), 3: Field("apiVersion"), 4: Field("time", Scalar.TIME),
    6: Field("fieldsType"), 7: Field("fieldsV1", Scalar.JSON), 8: Field("subresource"),
}
METADATA: Message = {
    1: Field("name"), 2: Field("generateName"), 3: Field("namespace"), 4: Field("selfLink"), 5: Field("uid"),
    6: Field("resourceVersion"), 7: Field("generation", Scalar.COUNT), 8: Field("creationTimestamp", Scalar.TIME),
    9: Field("deletionTimestamp", Scalar.TIME), 10: Field("deletionGracePeriodSeconds", Scalar.NUMBER),
    11: _map("labels"), 12: _map("annotations"), 13: _many("ownerReferences", OWNER), 14: _many("finalizers"),
    17: _many("managedFields", MANAGED),
}
NAMESPACE: Message = {
    1: Field("metadata", METADATA), 2: Field("spec", {1: _many("finalizers")}), 3: Field("status", Scalar.PASSED_OVER),
}
DELETE_OPTIONS: Message = {
    1: Field("gracePeriodSeconds", Scalar.NUMBER),
    2: Field("preconditions", {1: Field("uid"), 2: Field("resourceVersion")}),
    3: Field("orphanDependents", Scalar.SWITCH), 4: Field("propagationPolicy"), 5: _many("dryRun"),
    6: Field("ignoreStoreReadErrorWithClusterBreakingPotential", Scalar.SWITCH),
}

REQUIREMENT: Message = {1: Field("key"), 2: Field("operator"), 3: _many("values")}
SELECTOR: Message = {1: _map("matchLabels"), 2: _many("matchExpressions", REQUIREMENT)}
PEER: Message = {
    1: Field("podSelector", SELECTOR), 2: Field("namespaceSelector", SELECTOR),
    3: Field("ipBlock", {1: Field("cidr"), 2: _many("except")}),
}
PORT: Message = {1: Field("protocol"), 2: Field("port", Scalar.EITHER), 3: Field("endPort", Scalar.NUMBER)}
NETWORK_POLICY: Message = {
    1: Field("metadata", METADATA),
    2: Field("spec", {
        1: Field("podSelector", SELECTOR),
        2: _many("ingress", {1: _many("ports", PORT), 2: _many("from", PEER)}),
        3: _many("egress", {1: _many("ports", PORT), 2: _many("to", PEER)}),
        4: _many("policyTypes"),
    }),
    3: Field("status", Scalar.PASSED_OVER),
}

RULE: Message = {
    1: _many("verbs"), 2: _many("apiGroups"), 3: _many("resources"), 4: _many("resourceNames"),
    5: _many("nonResourceURLs"),
}
SUBJECT: Message = {1: Field("kind"), 2: Field("apiGroup"), 3: Field("name"), 4: Field("namespace")}
ROLE_REFERENCE: Message = {1: Field("apiGroup", Scalar.SAID), 2: Field("kind"), 3: Field("name")}
ROLE: Message = {1: Field("metadata", METADATA), 2: _many("rules", RULE)}
CLUSTER_ROLE: Message = {
    **ROLE, 3: Field("aggregationRule", {1: _many("clusterRoleSelectors", SELECTOR)}),
}
BINDING: Message = {
    1: Field("metadata", METADATA), 2: _many("subjects", SUBJECT), 3: Field("roleRef", ROLE_REFERENCE),
}

RESOURCE_ATTRIBUTES: Message = {
    1: Field("namespace"), 2: Field("verb"), 3: Field("group"), 4: Field("version"), 5: Field("resource"),
    6: Field("subresource"), 7: Field("name"),
    8: Field("fieldSelector", {1: Field("rawSelector"), 2: _many("requirements", REQUIREMENT)}),
    9: Field("labelSelector", {1: Field("rawSelector"), 2: _many("requirements", REQUIREMENT)}),
}
ATTRIBUTES: Message = {
    1: Field("resourceAttributes", RESOURCE_ATTRIBUTES),
    2: Field("nonResourceAttributes", {1: Field("path"), 2: Field("verb")}),
}
ACCESS_REVIEW: Message = {
    1: Field("metadata", METADATA),
    2: Field("spec", {
        **ATTRIBUTES, 3: Field("user"), 4: _many("groups"), 5: _map("extra", Scalar.TEXTS), 6: Field("uid"),
    }),
    3: Field("status", Scalar.PASSED_OVER),
}


def _review(spec: Message) -> Message:
    return {1: Field("metadata", METADATA), 2: Field("spec", spec), 3: Field("status", Scalar.PASSED_OVER)}


MESSAGES: Mapping[tuple[str, str], Message] = {
    ("v1", "Namespace"): NAMESPACE,
    ("v1", "DeleteOptions"): DELETE_OPTIONS,
    ("networking.k8s.io/v1", "NetworkPolicy"): NETWORK_POLICY,
    ("rbac.authorization.k8s.io/v1", "Role"): ROLE,
    ("rbac.authorization.k8s.io/v1", "ClusterRole"): CLUSTER_ROLE,
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): BINDING,
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): BINDING,
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"): _review(ATTRIBUTES),
    ("authorization.k8s.io/v1", "SubjectAccessReview"): ACCESS_REVIEW,
    ("authorization.k8s.io/v1", "SelfSubjectRulesReview"): _review({1: Field("namespace")}),
    ("authentication.k8s.io/v1", "SelfSubjectReview"): {
        1: Field("metadata", METADATA), 2: Field("status", Scalar.PASSED_OVER),
    },
}
"""apiVersion and kind → message. ``DeleteOptions`` is sent with the apiVersion of any group."""
# fmt: on

"""Roles and their bindings: Kubernetes' own kinds, which say who may what."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, StrictStr

from dnsguard.resources.apiversions import RBAC
from dnsguard.resources.model import Model
from dnsguard.resources.problems import Problem
from dnsguard.resources.resource import NameRule, Resource

RBAC_GROUP = "rbac.authorization.k8s.io"

PATH_NAME = NameRule(
    code="A-01",
    pattern=r"(?!\.{1,2}$)[!-$&-.0-~]+",
    longest=253,
    said="printable ASCII without blanks, '/' and '%', and not '.' or '..'",
)
"""What Kubernetes takes as the name of a role: anything that can stand in a path, as ``system:node``."""


MOST_RIGHTS = 10_000
"""Of one rule: verbs times groups times kinds times names. Who grants a role is asked for each of them."""


class PolicyRule(Model):
    """What may be done: verbs on kinds, perhaps by name, or on paths that are no kinds. Rules only ever add."""

    REQUIRED: ClassVar[Mapping[str, str]] = {"verbs": "A-02"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"apiGroups", "resources", "resourceNames", "nonResourceURLs"})

    verbs: tuple[StrictStr, ...]
    """What may be done: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, `*` for all;
    on paths HTTP methods in small letters."""
    api_groups: tuple[StrictStr, ...] = ()
    """Groups of the kinds; an empty one is the core group, `*` all."""
    resources: tuple[StrictStr, ...] = ()
    """Plurals, `PLURAL/SUBRESOURCE`, `*` or `*/SUBRESOURCE`; `tier.PLURAL` for policies within tiers."""
    resource_names: tuple[StrictStr, ...] = ()
    """For objects of these names only, `TIER.*` for policies of a tier; absent for all, and for those not yet made."""
    non_resource_urls: tuple[StrictStr, ...] = Field(default=(), alias="nonResourceURLs")
    """Paths that are no kinds, as `/v1/status`; `*` as the last character stands for any rest."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """A-02: a rule is about kinds or about paths, and says which."""
        if broken:
            return
        if not self.verbs:
            yield Problem(("verbs",), "A-02", "names no verb: write get, list, …, or '*' for all")
        count = math.prod(
            max(1, len(each)) for each in (self.verbs, self.api_groups, self.resources, self.resource_names)
        )
        if count > MOST_RIGHTS:
            yield Problem((), "limit", f"comes to {count} single rights; at most {MOST_RIGHTS} can be: split the rule")
        if self.non_resource_urls:
            if self.api_groups or self.resources or self.resource_names:
                yield Problem(
                    ("nonResourceURLs",), "A-02", "stands beside apiGroups, resources or resourceNames: write two rules"
                )
            for index, url in enumerate(self.non_resource_urls):
                if "*" in url[:-1] or not (url == "*" or url.startswith("/")):
                    text = f"{url!r} is no path: it begins with '/', and only its last character may be '*'"
                    yield Problem(("nonResourceURLs", index), "A-02", text)
            return
        if not self.api_groups:
            yield Problem(("apiGroups",), "A-02", "names no API group: write '' for the core group, '*' for all")
        if not self.resources:
            yield Problem(("resources",), "A-02", "names no kind: write plurals as networkpolicies, or '*' for all")


class RoleRef(Model):
    """The role that a binding grants. It cannot be changed: make another binding."""

    api_group: StrictStr = RBAC_GROUP
    """Always `rbac.authorization.k8s.io`."""
    kind: Literal["Role", "ClusterRole"]
    """A Role is of the binding's namespace."""
    name: StrictStr
    """Of the role."""


class Subject(Model):
    """Who is granted the role."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"apiGroup", "namespace"})

    kind: Literal["User", "Group", "ServiceAccount"]
    """What the name is of."""
    api_group: StrictStr | None = None
    """`rbac.authorization.k8s.io` for users and groups, and filled in."""
    name: StrictStr
    """Of the user, as its token or certificate is named, of the group, or of the service account."""
    namespace: StrictStr | None = None
    """Of a service account only."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """A-03: the API group and namespace that the kind of subject has."""
        if broken:
            return
        if not self.name:
            yield Problem(("name",), "A-03", "is empty: name the user, group or service account")
        wanted = "" if self.kind == "ServiceAccount" else RBAC_GROUP
        if self.api_group is not None and self.api_group != wanted:
            yield Problem(("apiGroup",), "A-03", f"of a {self.kind} is {wanted!r}, not {self.api_group!r}")
        if self.kind == "ServiceAccount" and not self.namespace:
            yield Problem(("namespace",), "A-03", "is required for a service account")
        if self.kind != "ServiceAccount" and self.namespace:
            yield Problem(("namespace",), "A-03", f"a {self.kind} has no namespace: leave this out")


class _RoleKind(Resource):
    """What Role and ClusterRole share."""

    API_VERSION: ClassVar[str] = RBAC
    NAME: ClassVar[NameRule] = PATH_NAME
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"rules"})

    rules: tuple[PolicyRule, ...] = ()
    """What it allows; rules add up, and none takes anything away."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """A role without rules has an empty list of them."""
        return {"rules": [], **super().completed(data)}


class Role(_RoleKind):
    """Rights within its namespace."""

    NAMESPACED: ClassVar[bool] = True

    kind: Literal["Role"]

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """A-02: paths are of no namespace."""
        yield from super().problems(broken)
        for index, rule in enumerate(self.rules):
            if rule.non_resource_urls:
                yield Problem(
                    ("rules", index, "nonResourceURLs"), "A-02", "are of no namespace: write them into a ClusterRole"
                )


class ClusterRole(_RoleKind):
    """Rights everywhere, or, granted by a RoleBinding, in the namespace of that."""

    kind: Literal["ClusterRole"]

    @classmethod
    def unknown_field(cls, key: str) -> str:
        """Kubernetes has one field more."""
        if key == "aggregationRule":
            return "roles are not put together from others here: write the rules out"
        return super().unknown_field(key)


class _BindingKind(Resource):
    """What RoleBinding and ClusterRoleBinding share."""

    API_VERSION: ClassVar[str] = RBAC
    NAME: ClassVar[NameRule] = PATH_NAME
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"subjects"})

    subjects: tuple[Subject, ...] = ()
    """Who is granted the role."""
    role_ref: RoleRef
    """The role that is granted."""

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The API group of the role and of users and groups, where it was left out."""
        data = super().completed(data)
        role = data.get("roleRef")
        if isinstance(role, Mapping) and not role.get("apiGroup"):
            data = {**data, "roleRef": {**role, "apiGroup": RBAC_GROUP}}
        subjects = data.get("subjects")
        if isinstance(subjects, list | tuple):
            data = {**data, "subjects": [_with_group(subject) for subject in subjects]}
        return data

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:
        """A-04: the role is one of Kubernetes' kinds, and one that may be granted here."""
        yield from super().problems(broken)
        if "roleRef" in broken:
            return
        if self.role_ref.api_group != RBAC_GROUP:
            yield Problem(("roleRef", "apiGroup"), "A-04", f"is {RBAC_GROUP}, not {self.role_ref.api_group!r}")
        if not self.NAMESPACED and self.role_ref.kind == "Role":
            yield Problem(("roleRef", "kind"), "A-04", "a Role is of one namespace: bind a ClusterRole")


def _with_group(subject: Any) -> Any:
    if not isinstance(subject, Mapping):
        return subject
    # Protobuf cannot tell absent from empty: what typed clients send has both fields, empty where there is nothing.
    given = {key: value for key, value in subject.items() if key not in ("apiGroup", "namespace") or value != ""}
    return {"apiGroup": RBAC_GROUP, **given} if given.get("kind") in ("User", "Group") else given


class RoleBinding(_BindingKind):
    """Grants a role of its namespace, or a ClusterRole, within its namespace."""

    NAMESPACED: ClassVar[bool] = True

    kind: Literal["RoleBinding"]


class ClusterRoleBinding(_BindingKind):
    """Grants a ClusterRole everywhere."""

    kind: Literal["ClusterRoleBinding"]

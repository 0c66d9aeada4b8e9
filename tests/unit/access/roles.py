"""Roles and bindings in few words."""

from typing import Any, cast

from dnsguard.access.grants import Binding, Grants
from dnsguard.access.rule import Rule, rules_of
from dnsguard.resources import parse_object
from dnsguard.resources.rbac import ClusterRole, PolicyRule, Role

RBAC = "rbac.authorization.k8s.io/v1"
CALICO = "projectcalico.org"


def on(verbs: str, resources: str, *names: str, group: str = CALICO) -> dict[str, Any]:
    """A rule on kinds; words with blanks between them."""
    rule: dict[str, Any] = {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split()}
    return {**rule, "resourceNames": list(names)} if names else rule


def at(verbs: str, *paths: str) -> dict[str, Any]:
    """A rule on paths."""
    return {"verbs": verbs.split(), "nonResourceURLs": list(paths)}


def read_rules(*rules: dict[str, Any]) -> tuple[Rule, ...]:
    return rules_of(PolicyRule.model_validate(rule) for rule in rules)


def role(name: str, *rules: dict[str, Any], namespace: str = "") -> dict[str, Any]:
    """A Role where there is a namespace, else a ClusterRole."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": RBAC,
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": metadata,
        "rules": list(rules),
    }


def binding(name: str, to: str, *subjects: str, namespace: str = "") -> dict[str, Any]:
    """``to``: the name of a ClusterRole, or ``Role/NAME``; subjects as ``User:alice``."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    kind, _, role_name = to.rpartition("/")
    return {
        "apiVersion": RBAC,
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"kind": kind or "ClusterRole", "name": role_name},
        "subjects": [dict(zip(("kind", "name"), each.split(":", 1), strict=True)) for each in subjects],
    }


def granted(*objects: dict[str, Any]) -> Grants:
    grants = Grants()
    for value in objects:
        grants.put(cast("Role | ClusterRole | Binding", parse_object(value)))
    return grants

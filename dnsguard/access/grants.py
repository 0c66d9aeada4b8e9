"""The roles and bindings there are, found by whom they are for."""

from collections.abc import Iterable
from dataclasses import dataclass

from dnsguard.access.builtin import BUILTIN_ROLES
from dnsguard.access.rights import Rights
from dnsguard.access.rule import Rule, rules_of
from dnsguard.resources.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding, RoleRef, Subject

Binding = RoleBinding | ClusterRoleBinding

MASTERS = "system:masters"
"""The group that may do everything: in code, so that nobody can take it away from the local administrator."""

MOST_CALLERS = 1_000
"""Whose rights are kept; client certificates could bring more names than there are people."""


@dataclass(frozen=True, slots=True)
class RoleKey:
    """Where a role is."""

    kind: str
    namespace: str
    """Empty for a ClusterRole."""

    name: str


@dataclass(frozen=True, slots=True)
class _Holder:
    kind: str
    name: str


class Grants:
    """Takes roles and bindings as they come and go, answers with rights. A role that is not there grants nothing."""

    def __init__(self) -> None:
        self._builtin = {RoleKey("ClusterRole", "", role.name): rules_of(role.rules) for role in BUILTIN_ROLES}
        self._roles: dict[RoleKey, tuple[Rule, ...]] = {}
        self._bindings: dict[tuple[str, str, str], Binding] = {}
        self._held: dict[_Holder, dict[tuple[str, str, str], Binding]] = {}
        self._rights: dict[tuple[str, tuple[str, ...]], Rights] = {}

    def put(self, resource: Role | ClusterRole | Binding) -> None:
        """Add it, or put it in the place of its earlier version."""
        if isinstance(resource, Role | ClusterRole):
            self._roles[RoleKey(resource.kind, resource.namespace, resource.name)] = rules_of(resource.rules)
        else:
            key = (resource.kind, resource.namespace, resource.name)
            self._unbind(key)
            self._bindings[key] = resource
            for subject in resource.subjects:
                self._held.setdefault(_holder(subject), {})[key] = resource
        self._rights.clear()

    def drop(self, kind: str, namespace: str, name: str) -> None:
        """It is gone, or cannot be read: it grants nothing."""
        self._roles.pop(RoleKey(kind, namespace, name), None)
        self._unbind((kind, namespace, name))
        self._rights.clear()

    def keys(self, kind: str) -> set[tuple[str, str]]:
        """Namespace and name of all that are held of a kind."""
        roles = {(key.namespace, key.name) for key in self._roles if key.kind == kind}
        return roles | {key[1:] for key in self._bindings if key[0] == kind}

    def rights_of(self, user: str, groups: Iterable[str]) -> Rights:
        """What the user may, by itself and by its groups. The same value as long as nothing changed."""
        key = (user, tuple(groups))
        rights = self._rights.get(key)
        if rights is None:
            if len(self._rights) >= MOST_CALLERS:
                self._rights.clear()
            rights = self._rights[key] = self._collected(*key)
        return rights

    def rules(self, role: RoleRef, namespace: str) -> tuple[Rule, ...] | None:
        """What a role grants that a binding of this namespace refers to; None where there is no such role."""
        key = RoleKey(role.kind, namespace if role.kind == "Role" else "", role.name)
        return self._builtin.get(key) or self._roles.get(key)

    def roles_of(self, user: str, groups: Iterable[str]) -> list[Binding]:
        """The bindings that are for the user or one of its groups."""
        holders = [_Holder("User", user), *(_Holder("Group", group) for group in groups)]
        return list({key: each for holder in holders for key, each in self._held.get(holder, {}).items()}.values())

    def _collected(self, user: str, groups: tuple[str, ...]) -> Rights:
        if MASTERS in groups:
            return Rights(all_=True)
        everywhere: list[Rule] = []
        within: dict[str, list[Rule]] = {}
        for binding in self.roles_of(user, groups):
            found = self.rules(binding.role_ref, binding.namespace) or ()
            if isinstance(binding, ClusterRoleBinding):
                everywhere += found
            else:
                within.setdefault(binding.namespace, []).extend(found)
        return Rights(everywhere, within)

    def _unbind(self, key: tuple[str, str, str]) -> None:
        before = self._bindings.pop(key, None)
        for subject in before.subjects if before else ():
            holder = _holder(subject)
            if held := self._held.get(holder):
                held.pop(key, None)
                if not held:
                    del self._held[holder]


def _holder(subject: Subject) -> _Holder:
    if subject.kind == "ServiceAccount":
        return _Holder("User", f"system:serviceaccount:{subject.namespace}:{subject.name}")
    return _Holder(subject.kind, subject.name)

"""Nobody grants more than they have: what is written into roles, bindings and tokens."""

from collections.abc import Iterable, Sequence

from dnsguard.access.ask import Ask
from dnsguard.access.builtin import BUILTIN_NAMES
from dnsguard.access.covering import effective_lacking, lacking
from dnsguard.access.grants import MASTERS, Grants
from dnsguard.access.rights import Rights
from dnsguard.access.rule import Rule, rules_of
from dnsguard.api.authorization.refusals import forbidden_because
from dnsguard.api.services import Caller
from dnsguard.resources import InvalidResource, Resource, kind_of, parse_object
from dnsguard.resources.accesstoken import RESERVED, AccessToken
from dnsguard.resources.rbac import RBAC_GROUP, ClusterRole, ClusterRoleBinding, Role, RoleBinding, Subject
from dnsguard.store.interface import Object

MOST_TOLD = 5
"""Rules that a refusal names."""


class Escalation:
    """Kubernetes' rules for roles (verb ``escalate``) and bindings (``bind``), and the same for tokens."""

    def __init__(self, grants: Grants, caller: Caller, rights: Rights) -> None:
        self._grants = grants
        self._caller = caller
        self._rights = rights

    def check(self, ask: Ask, current: Object | None, value: Object) -> None:
        """Raises Failure 403 where ``value`` must not be written by the caller in the place of ``current``."""
        if not kind_of(value["kind"], value["apiVersion"]).is_access:
            return
        now = parse_object(value)
        before = None if current is None else _readable(current)
        match now:
            case Role() | ClusterRole():
                self._check_role(ask, before, now)
            case RoleBinding() | ClusterRoleBinding():
                self._check_binding(ask, before, now)
            case AccessToken():
                self._check_token(ask, before, now)
            case _:
                pass

    def _check_role(self, ask: Ask, before: Resource | None, now: Role | ClusterRole) -> None:
        if isinstance(now, ClusterRole) and now.name in BUILTIN_NAMES:
            raise forbidden_because(ask, f"cluster role {now.name} is built in: make one of your own name")
        if isinstance(before, Role | ClusterRole) and before.rules == now.rules:
            return
        if not self._rights.allow(Ask("escalate", RBAC_GROUP, ask.resource, now.namespace, now.name)):
            self._require(ask, lacking(self._rights, rules_of(now.rules), now.namespace))

    def _check_binding(self, ask: Ask, before: Resource | None, now: RoleBinding | ClusterRoleBinding) -> None:
        known: tuple[Subject, ...] = ()
        if isinstance(before, RoleBinding | ClusterRoleBinding):
            if before.role_ref != now.role_ref:
                text = "roleRef cannot be changed: delete the binding and make another (A-04)"
                raise forbidden_because(ask, text)
            if before.subjects == now.subjects:
                return
            known = before.subjects
        self._refuse_reserved(ask, (subject.name for subject in now.subjects if subject not in known))
        role = now.role_ref
        resource = "roles" if role.kind == "Role" else "clusterroles"
        if self._rights.allow(Ask("bind", RBAC_GROUP, resource, now.namespace, role.name)):
            return
        rules = self._grants.rules(role, now.namespace)
        if rules is None:
            where = f" in namespace {now.namespace}" if role.kind == "Role" else ""
            raise forbidden_because(ask, f"there is no {role.kind} {role.name!r}{where} to compare your rights with")
        self._require(ask, lacking(self._rights, rules, now.namespace))

    def _check_token(self, ask: Ask, before: Resource | None, now: AccessToken) -> None:
        if isinstance(before, AccessToken) and before.spec == now.spec:
            return
        groups = now.spec.groups or ()
        self._refuse_reserved(ask, groups)
        earlier = before.spec.groups or () if isinstance(before, AccessToken) else ()
        # Also of a token that loses groups: who must not have given it must not make it last longer.
        for held in (groups, earlier):
            self._require(ask, effective_lacking(self._rights, self._grants.rights_of(now.name, held)))

    def _refuse_reserved(self, ask: Ask, names: Iterable[str]) -> None:
        if MASTERS in self._caller.groups:
            return
        for name in names:
            if name.startswith(RESERVED):
                raise forbidden_because(ask, f"users and groups that begin with {RESERVED!r} are not yours to give")

    def _require(self, ask: Ask, missing: Sequence[Rule]) -> None:
        if not missing:
            return
        told = "; ".join(map(_in_words, missing[:MOST_TOLD]))
        more = f"; and {len(missing) - MOST_TOLD} more" if len(missing) > MOST_TOLD else ""
        raise forbidden_because(
            ask, f"User {self._caller.name!r} would grant rights that it does not have itself: {told}{more}"
        )


def _readable(value: Object) -> Resource | None:
    try:
        return parse_object(value)
    except InvalidResource:
        return None


def _in_words(rule: Rule) -> str:
    if rule.paths:
        return f"{_listed(rule.verbs)} on {_listed(rule.paths)}"
    named = f" named {_listed(rule.names)}" if rule.names else ""
    return f"{_listed(rule.verbs)} on {_listed(rule.resources)} of {_listed(rule.groups) or 'the core group'}{named}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))

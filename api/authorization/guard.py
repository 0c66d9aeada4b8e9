"""What one caller may do with the objects of one request.

Whatever may not be done is refused before it is looked whether there is an object, so no refusal says that there is
one. Where tiers decide, the tier is known from the object only: one that the caller may not get is then as if it were
not there, and what is not there is judged by the tier that its name says.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from dnsguard.access.ask import Ask
from dnsguard.access.tiers import in_some_tier, in_tier, is_tiered, tier_in_name
from dnsguard.api.authorization.access import Access
from dnsguard.api.authorization.escalation import Escalation
from dnsguard.api.authorization.refusals import forbidden, forbidden_because, forbidden_in_tier
from dnsguard.api.services import Caller
from dnsguard.api.writing.objects import Target
from dnsguard.resources import Namespace
from dnsguard.resources.madeby import FOLLOWS, MADE_BY, maker
from dnsguard.resources.tiernames import DEFAULT_TIER
from dnsguard.store.interface import NotFound, Object

_DELETING = frozenset({"delete", "deletecollection"})


class Guard:
    """Asked by the routes, and by ``Objects`` for each object on its way. All methods raise Failure 403, and 503 while
    rights are not known."""

    def __init__(self, access: Access, caller: Caller, ask: Ask, target: Target) -> None:
        """``ask`` is what the request is about: see ``asked``."""
        self._access = access
        self._caller = caller
        self._ask = ask
        self._target = target
        self._rights = access.rights(caller)
        self._tiered = is_tiered(ask.group, ask.resource)
        self._escalation = Escalation(access.grants, caller, self._rights)

    @property
    def judges_each(self) -> bool:
        """Whether a list holds what the caller may not see."""
        return self._tiered and not self._rights.all

    def stands(self) -> bool:
        """Whether what was begun may go on, now that roles or tokens may be others."""
        if not self._access.is_good(self._caller):
            return False
        now = self._access.rights(self._caller)
        if now == self._rights:
            return True
        return not self.judges_each and now.allow(self._ask)

    def enter(self, tier: str = "") -> None:
        """Before anything is read: refuse what may be done with no object, or with none of the tier that is given."""
        if not self._tiered:
            if not self._rights.allow(self._ask):
                raise forbidden(self._caller, self._ask)
        elif tier:
            self._require_tier(self._ask, tier)
        elif not in_some_tier(self._rights, self._ask):
            self._require_tier(self._ask, tier_in_name(self._ask.name) or DEFAULT_TIER)

    def sees(self, value: Object) -> bool:
        """Whether a list or watch shows it."""
        return not self._tiered or in_tier(self._rights, self._ask, _tier(value)).allowed

    def removable(self, values: Iterable[Object]) -> list[Object]:
        """Those that may be removed together. Raises Failure 403 where one of them may only be seen."""
        values = list(values)
        if not self.judges_each:
            return values
        seeing = replace(self._ask, verb="list")
        for value in values:
            if not self.sees(value) and in_tier(self._rights, seeing, _tier(value)).allowed:
                self._require_tier(replace(self._ask, name=value["metadata"]["name"]), _tier(value))
        return [value for value in values if self.sees(value)]

    def absent(self) -> None:
        """There is no such object: refuse where it could be told by that from one that is hidden."""
        if self._tiered and (tier := tier_in_name(self._ask.name)):
            self._require_tier(self._ask, tier)

    def before(self, current: Object) -> None:
        """An object as it is, before it is shown, changed or deleted. Raises NotFound for one that is hidden."""
        if self._ask.verb in _DELETING:
            self._require_of_users(current)
        if not self._tiered:
            return
        ask = replace(self._ask, name=current["metadata"]["name"])
        decision = in_tier(self._rights, ask, _tier(current))
        if decision.allowed:
            return
        if not in_tier(self._rights, replace(ask, verb="get"), _tier(current)).allowed:
            self.absent()
            raise NotFound(f"{replace(self._target, name=ask.name)} does not exist")
        raise forbidden_in_tier(self._caller, ask, _tier(current), can_get_tier=decision.can_get_tier)

    def after(self, current: Object | None, value: Object, *, named: bool = True) -> None:
        """What is to be written, and what it replaces. ``named``: the caller chose the name, so it is one that rules of
        tiers may be about. Rules on other kinds never are about the name of what is created."""
        ask = self._ask if current is not None else replace(self._ask, verb="create", name="")
        if self._tiered:
            tiered = replace(ask, name=value["metadata"]["name"]) if named else ask
            self._require_tier(tiered, _tier(value))
        elif current is None and not self._rights.allow(ask):  # what is applied and not there yet is created
            raise forbidden(self._caller, ask)
        ask = replace(ask, name=value["metadata"]["name"])
        if current is not None:
            self._require_of_users(current)
        if maker(value):
            raise forbidden_because(ask, f"the annotation {MADE_BY} is dnsguard's own: leave it out")
        self._escalation.check(ask, current, value)

    def _require_of_users(self, current: Object) -> None:
        """Raises Failure 403 for what dnsguard makes by itself: it would be put right at once, or come again."""
        if made_by := maker(current):
            ask = replace(self._ask, name=current["metadata"]["name"])
            instead = FOLLOWS.get(made_by, "change what it is made from")
            raise forbidden_because(ask, f"dnsguard makes it by itself ({made_by}): {instead}")

    def _require_tier(self, ask: Ask, tier: str) -> None:
        decision = in_tier(self._rights, ask, tier)
        if not decision.allowed:
            raise forbidden_in_tier(self._caller, ask, tier, can_get_tier=decision.can_get_tier)


def asked(target: Target, verb: str, name: str = "") -> Ask:
    """The question that a request is, as Kubernetes puts it: a namespace is within itself."""
    kind = target.kind
    name = target.name or name
    namespace = name if kind.model is Namespace else target.namespace
    return Ask(verb, kind.group, kind.plural, namespace, name)


def tier_wanted(field_selector: str) -> str:
    """The one tier that a field selector asks for; empty where it asks for none, or for all but one."""
    found = re.search(r"(?:^|,)\s*spec\.tier\s*==?\s*([^,=\s]+)", field_selector)
    return found[1] if found else ""


def _tier(value: Mapping[str, Any]) -> str:
    return str(value.get("spec", {}).get("tier", DEFAULT_TIER))

"""A rule of a role in the form in which it is asked."""

from collections.abc import Iterable
from dataclasses import dataclass

from dnsguard.resources.rbac import PolicyRule

ALL = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """As ``PolicyRule``, with sets to look into."""

    verbs: frozenset[str]
    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    """Empty for every name, and for requests that name none."""

    paths: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rule: PolicyRule) -> "Rule":
        kinds = map(frozenset, (rule.api_groups, rule.resources, rule.resource_names, rule.non_resource_urls))
        return cls(frozenset(rule.verbs), *kinds)

    def is_about(self, verb: str, group: str, resource: str) -> bool:
        """Whether it allows this for some name at least."""
        return (
            (ALL in self.verbs or verb in self.verbs)
            and (ALL in self.groups or group in self.groups)
            and (ALL in self.resources or resource in self.resources or self._has_subresource(resource))
        )

    def opens(self, verb: str, path: str) -> bool:
        """Whether it allows this on a path."""
        return (ALL in self.verbs or verb in self.verbs) and any(
            path == each or (each.endswith(ALL) and path.startswith(each[:-1])) for each in self.paths
        )

    def _has_subresource(self, resource: str) -> bool:
        _, slash, subresource = resource.partition("/")
        return bool(slash) and f"{ALL}/{subresource}" in self.resources


def rules_of(rules: Iterable[PolicyRule]) -> tuple[Rule, ...]:
    """In the order written."""
    return tuple(map(Rule.of, rules))

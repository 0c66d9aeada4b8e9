"""Nobody gives away more than they have (Kubernetes' escalation check)."""

from collections.abc import Iterable, Iterator
from itertools import product

from dnsguard.access.ask import Ask
from dnsguard.access.rights import Rights
from dnsguard.access.rule import Rule


def lacking(rights: Rights, wanted: Iterable[Rule], namespace: str = "") -> list[Rule]:
    """What is in ``wanted`` and not in ``rights`` as they hold in this namespace (everywhere, where none is given):
    rules of one verb each."""
    if rights.all:
        return []
    held = frozenset(rights.rules_in(namespace))
    return [part for rule in wanted if rule not in held for part in _lacking(rights, rule, namespace)]


def effective_lacking(rights: Rights, wanted: Rights) -> list[Rule]:
    """What a caller with ``wanted`` may and one with ``rights`` may not, in any namespace."""
    if rights.all:
        return []
    if wanted.all:
        every = frozenset({"*"})
        return lacking(rights, [Rule(every, every, every), Rule(every, paths=every)])
    found = lacking(rights, wanted.everywhere)
    for namespace, rules in wanted.within.items():
        found += lacking(rights, rules, namespace)
    return found


def _lacking(rights: Rights, rule: Rule, namespace: str) -> Iterator[Rule]:
    for verb, path in product(sorted(rule.verbs), sorted(rule.paths)):
        if not rights.allow(Ask(verb, path=path)):
            yield Rule(frozenset({verb}), paths=frozenset({path}))
    for verb, group, resource in product(sorted(rule.verbs), sorted(rule.groups), sorted(rule.resources)):
        names = rights.names(verb, group, resource, namespace)
        if names.any or (rule.names and rule.names <= names.named):
            continue
        yield Rule(frozenset({verb}), frozenset({group}), frozenset({resource}), rule.names - names.named)

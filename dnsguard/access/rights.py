"""Everything that one caller may do."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dnsguard.access.ask import Ask
from dnsguard.access.rule import Rule

MOST_ANSWERS = 10_000
"""How many questions a caller's answers are kept for. Kinds, verbs and namespaces are few; who asks for more starts
again."""


class Names(NamedTuple):
    """For which objects something is allowed."""

    any: bool = False
    named: frozenset[str] = frozenset()

    def hold(self, name: str) -> bool:
        """Whether it is allowed for this one; an empty name is that of a request that names none."""
        return self.any or (bool(name) and name in self.named)

    def __bool__(self) -> bool:
        return self.any or bool(self.named)


class Rights:
    """The rules that bindings give to one user and its groups. Does not change, but for answers that it remembers."""

    def __init__(
        self, everywhere: Iterable[Rule] = (), within: Mapping[str, Iterable[Rule]] | None = None, *, all_: bool = False
    ) -> None:
        """``within``: namespace → the rules of its own bindings. ``all_``: whatever rules say."""
        self.everywhere = tuple(everywhere)
        self.within = {namespace: tuple(rules) for namespace, rules in (within or {}).items()}
        self.all = all_
        self._answers: dict[tuple[str, str, str, str], Names] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rights) and self._rules() == other._rules()

    __hash__ = None  # type: ignore[assignment]

    def rules_in(self, namespace: str) -> tuple[Rule, ...]:
        """What holds in a namespace, or for the whole where none is given."""
        return (*self.everywhere, *(self.within.get(namespace, ()) if namespace else ()))

    def allow(self, ask: Ask) -> bool:
        """Whether some rule allows it: there are no rules that deny."""
        if self.all:
            return True
        if not ask.resource:
            return any(rule.opens(ask.verb, ask.path) for rule in self.everywhere)
        return self.names(ask.verb, ask.group, ask.resource, ask.namespace).hold(ask.name)

    def names(self, verb: str, group: str, resource: str, namespace: str = "") -> Names:
        """For which objects this is allowed. A wildcard that is asked for is allowed by the same wildcard only."""
        if self.all:
            return Names(any=True)
        question = (verb, group, resource, namespace)
        answer = self._answers.get(question)
        if answer is None:
            if len(self._answers) >= MOST_ANSWERS:
                self._answers.clear()
            found = [rule.names for rule in self.rules_in(namespace) if rule.is_about(verb, group, resource)]
            answer = Names(any=not all(found), named=frozenset().union(*found))
            self._answers[question] = answer
        return answer

    def _rules(self) -> object:
        return self.all, self.everywhere, self.within

"""Which network sets put a pattern into a lease set. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from dnsguard.resources import GlobalNetworkSet, NetworkSet
from dnsguard.selector import SelectorSyntaxError, parse


class Origins:
    """Network sets and their domains: which of them put a pattern into a lease set."""

    def __init__(self, sets: Sequence[tuple[NetworkSet | GlobalNetworkSet, Mapping[str, str]]]) -> None:
        """``sets``: network sets, each with its effective labels."""
        self._sets = sets

    def of(self, lease_set: str, description: str, canonical: str) -> list[tuple[str, str]]:
        """(origin, pattern as written) of each; a list that stands in a rule itself is said to be so."""
        if not lease_set.startswith("s:"):
            return [("the rule's own list", "")]
        try:
            selector = parse(description)
        except SelectorSyntaxError:
            return [(description, "")]
        found = []
        for network_set, labels in self._sets:
            if selector.matches(labels):
                for pattern in network_set.spec.allowed_egress_domains or ():
                    if pattern.canonical == canonical:
                        found.append((_place(network_set), pattern.text))
        return sorted(found)

    def selected(self, selector: str) -> Iterator[str]:
        """The network sets that a selector chooses; none by what is no selector."""
        with suppress(SelectorSyntaxError):
            chosen = parse(selector)
            yield from (_place(network_set) for network_set, labels in self._sets if chosen.matches(labels))

    def matching(self, names: Iterable[bytes]) -> Iterator[tuple[str, str]]:
        """(network set, pattern as written) of all that match one of the names, whether a rule asks for them or not."""
        names = tuple(names)
        for network_set, _ in self._sets:
            for pattern in network_set.spec.allowed_egress_domains or ():
                if any(pattern.matches(name) for name in names):
                    yield _place(network_set), pattern.text


def _place(network_set: NetworkSet | GlobalNetworkSet) -> str:
    return "/".join(filter(None, (network_set.kind, network_set.namespace, network_set.name)))

"""How rules ask for sets: what a set is called, and what is to be in it."""

from collections.abc import Callable, Iterable, Sequence

from dnsguard.calc.contents import NO_OBJECT, AtAll, Domains, Members, Ports, Selectable
from dnsguard.calc.sets import Owner, Reference, SetKind, SetRegistry
from dnsguard.domains import DomainPattern
from dnsguard.selector import All, Expression, content_id, identifier

_PROTOCOL_NAMES = {6: "tcp", 17: "udp", 132: "sctp", None: "any"}


class Asking:
    """What one owner asks for; `done` makes that replace all that it asked for before."""

    def __init__(self, registry: SetRegistry, owner: Owner) -> None:
        self._registry = registry
        self._owner = owner
        self._references: set[Reference] = set()

    def members(self, selector: Expression) -> str:
        """The member set of all that the selector matches."""
        name = identifier(selector)
        reference = self._noted(SetKind.MEMBERS, name)
        self._registry.told(reference, selector, lambda: Members(name, str(selector)))
        return name

    def leases(self, selector: Expression) -> str | None:
        """The lease set of the domains of all network sets that the selector matches; None where none has a list."""
        name = identifier(selector)
        reference = self._noted(SetKind.LEASES, name)
        return name if self._registry.told(reference, selector, lambda: Domains(name, str(selector))) else None

    def domain_leases(self, patterns: Sequence[DomainPattern]) -> str:
        """The lease set of domains that a rule lists itself."""
        texts = sorted({pattern.canonical for pattern in patterns})
        name = content_id("d", ",".join(texts))

        def listed() -> Domains:
            made = Domains(name, ", ".join(texts))
            made.replace(NO_OBJECT, Selectable(patterns=tuple(patterns)))
            return made

        self._registry.told(self._noted(SetKind.LEASES, name), None, listed)
        return name

    def ports(self, selector: Expression | None, protocol: int | None, names: Iterable[str]) -> str:
        """The port set of endpoints that match (of all, without selector) and declare one of the names."""
        of = selector or All()
        wanted = sorted(set(names))
        protocol_name = _PROTOCOL_NAMES.get(protocol, str(protocol))
        name = content_id("n", f"{identifier(of)},{protocol_name},{','.join(wanted)}")
        self._registry.told(
            self._noted(SetKind.PORTS, name),
            of,
            lambda: Ports(name, f"{protocol_name} {', '.join(wanted)} of {of}", protocol, frozenset(wanted)),
        )
        return name

    def has_domains(self, selector: Expression) -> bool:
        """Whether a network set that matches holds domains."""
        return self._has(SetKind.HAS_DOMAINS, selector, lambda item: bool(item.patterns))

    def has_endpoints(self, selector: Expression) -> bool:
        """Whether an endpoint with an address matches."""
        return self._has(SetKind.HAS_ENDPOINTS, selector, lambda item: bool(item.addresses))

    def done(self) -> None:
        """Ends what the owner asked for earlier and not now."""
        self._registry.settle(self._owner, self._references)

    def _has(self, kind: SetKind, selector: Expression, counts: Callable[[Selectable], bool]) -> bool:
        return self._registry.told(self._noted(kind, identifier(selector)), selector, lambda: AtAll(counts))

    def _noted(self, kind: SetKind, name: str) -> Reference:
        reference = Reference(kind, name)
        self._references.add(reference)
        return reference

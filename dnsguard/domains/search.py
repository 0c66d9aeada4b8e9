"""Names that a resolver makes of another one by its search list (``search`` of resolv.conf, RFC 1535).

With ``ndots:5``, as Kubernetes has it, ``api.example.com`` is asked for first with each domain of the list behind it,
and only then as it is. Who looks at one such query cannot tell it from one for a service of that domain.
"""

from collections.abc import Iterable


class SearchDomains:
    """The domains of search lists, in wire form."""

    __slots__ = ("_domains",)

    def __init__(self, domains: Iterable[bytes]) -> None:
        self._domains = frozenset(domains)

    def holding(self, name: bytes) -> bytes | None:
        """The longest search domain that ``name`` is below; itself it is not. ``None`` where there is none."""
        domains, position = self._domains, 0
        while length := name[position]:
            position += 1 + length
            if name[position:] in domains:
                return name[position:]
        return None

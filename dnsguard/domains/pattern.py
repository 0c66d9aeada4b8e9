"""Domain patterns: a name, or a name in which one whole component is `*` and stands for one or more components."""

import re
from dataclasses import dataclass, field
from typing import Self

from dnsguard.domains.international import NotInternational, ascii_component
from dnsguard.domains.name import MAX_LABEL, joined
from dnsguard.errors import DnsguardError

MAX_PATTERN = 253
"""Characters of a pattern, without the trailing dot."""

_ALLOWED = re.compile(r"[a-z0-9_*-]*")


class DomainPatternError(DnsguardError):
    """A text is not a domain pattern; `code` is V-53a to V-53g."""

    def __init__(self, text: str, code: str, reason: str) -> None:
        self.text = text
        self.code = code
        self.reason = reason
        super().__init__(f"bad domain {text!r}: {reason} ({code})")


@dataclass(frozen=True, slots=True)
class DomainPattern:
    """What a policy calls a domain. Two patterns are equal when they match the same way, however they were written."""

    canonical: str
    """Lower case, `xn--` forms, no trailing dot."""

    text: str = field(compare=False)
    """As the user wrote it."""

    head: bytes = field(compare=False, repr=False)
    """Wire labels before the `*`; of a pattern without one, the whole name with its root byte."""

    tail: bytes | None = field(compare=False, repr=False)
    """Wire labels after the `*`, root byte included; None of a pattern without one."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pattern that a text stands for. Raises DomainPatternError with the first thing that is wrong."""
        components = _components(text)
        _check(text, components)
        labels = [component.encode("ascii") for component in components]
        canonical = ".".join(components)
        if "*" not in components:
            return cls(canonical, text, joined(labels), None)
        star = components.index("*")
        return cls(canonical, text, joined(labels[:star])[:-1], joined(labels[star + 1 :]))

    @property
    def warning(self) -> str | None:
        """What its author should know, if anything."""
        if self.tail == b"\0":
            return (
                f"{self.text!r} ends with a wildcard: it matches names below every top-level domain, whoever owns them"
            )
        return None

    def matches(self, wire: bytes) -> bool:
        """Whether it matches a name in lower-case wire form."""
        if self.tail is None:
            return wire == self.head
        if not (wire.startswith(self.head) and wire.endswith(self.tail)):
            return False
        # The head ends at a label's end, since it was compared from the start; of the tail that is still to be shown:
        # its first bytes may lie within a label that happens to contain them.
        border = len(wire) - len(self.tail)
        position = len(self.head)
        if position >= border:
            return False
        while position < border:
            position += wire[position] + 1
        return position == border

    def __str__(self) -> str:
        return self.canonical


def _components(text: str) -> list[str]:
    """The components in canonical form, not checked beyond what makes them ASCII."""
    components = (text[:-1] if text.endswith(".") else text).split(".")
    try:
        return [(part if part.isascii() else ascii_component(part)).lower() for part in components]
    except NotInternational as error:
        raise DomainPatternError(text, "V-53d", str(error)) from error


def _check(text: str, components: list[str]) -> None:
    # The order decides which of several faults is reported.
    if bad := next((part for part in components if not _ALLOWED.fullmatch(part)), None):
        raise DomainPatternError(text, "V-53d", f"{_first_bad(bad)!r} is not allowed; {_hint(text)}")
    if not all(components):
        reason = (
            "it is empty" if components == [""] else "a component is empty: two dots in a row, or a dot at the start"
        )
        raise DomainPatternError(text, "V-53e", reason)
    starred = [part for part in components if "*" in part]
    if len(starred) > 1:
        raise DomainPatternError(text, "V-53a", "more than one wildcard")
    if starred and starred != ["*"]:
        raise DomainPatternError(text, "V-53b", "the wildcard must be a whole component, as in *.example.com")
    if components == ["*"]:
        raise DomainPatternError(
            text, "V-53c", "a wildcard alone would match every name; leave the destination empty for that"
        )
    if any(len(part) > MAX_LABEL for part in components):
        raise DomainPatternError(text, "V-53f", f"a component is longer than {MAX_LABEL} characters")
    if sum(map(len, components)) + len(components) - 1 > MAX_PATTERN:
        raise DomainPatternError(text, "V-53f", f"the name is longer than {MAX_PATTERN} characters")
    if any(part.startswith("-") or part.endswith("-") for part in components):
        raise DomainPatternError(text, "V-53d", "a component begins or ends with a hyphen")
    # 10.0.0.* is an address too, and would silently match nothing.
    if components[-1].isdigit() or (components[-1] == "*" and all(part.isdigit() for part in components[:-1])):
        raise DomainPatternError(text, "V-53g", "it looks like an IP address; addresses belong in nets")


def _first_bad(component: str) -> str:
    return next(character for character in component if not _ALLOWED.fullmatch(character))


def _hint(text: str) -> str:
    if "://" in text or "/" in text:
        return "write the name alone, not a URL"
    if re.fullmatch(r"[0-9a-fA-F:]*:[0-9a-fA-F:.]*", text):
        return "addresses belong in nets, ports in ports"
    return "a domain has letters, digits, hyphens and underscores between dots, and at most one * as a whole component"

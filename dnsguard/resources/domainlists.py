"""Domain patterns as fields of a resource."""

from typing import Annotated, Any

from pydantic import PlainSerializer

from dnsguard.domains import DomainPattern, DomainPatternError
from dnsguard.resources.problems import Problem, kind_of_value, refused, refused_all
from dnsguard.resources.reading import list_of, reads, string

MAX_DOMAINS = 10_000


def _read(value: Any, code: str | None) -> tuple[DomainPattern, ...]:
    if not isinstance(value, list | tuple):
        raise refused("type", f"must be a list of domains, not {kind_of_value(value)}")
    if len(value) > MAX_DOMAINS:
        raise refused("D-19", f"holds {len(value)} domains, of at most {MAX_DOMAINS}: split it into several sets")
    patterns: list[DomainPattern] = []
    problems: list[Problem] = []
    for index, item in enumerate(value):
        if not isinstance(item, str):
            problems.append(Problem((index,), "type", f"must be a string, not {kind_of_value(item)}"))
            continue
        try:
            patterns.append(DomainPattern.parse(item))
        except DomainPatternError as error:
            letter = f" [{error.code}]" if code else ""
            problems.append(Problem((index,), code or error.code, f"bad domain {item!r}: {error.reason}{letter}"))
    if problems:
        raise refused_all(problems)
    return tuple(patterns)


def read_rule_domains(value: Any) -> tuple[DomainPattern, ...]:
    """`destination.domains`: each bad item is V-53 with its letter."""
    return _read(value, None)


def read_set_domains(value: Any) -> tuple[DomainPattern, ...]:
    """`allowedEgressDomains`: each bad item is V-19, the V-53 letter in its message."""
    return _read(value, "V-19")


def _texts(patterns: tuple[DomainPattern, ...]) -> list[str]:
    return [pattern.text for pattern in patterns]


DOMAIN_LIST = list_of(string(minLength=1), maxItems=MAX_DOMAINS)
RuleDomains = Annotated[tuple[DomainPattern, ...], reads(read_rule_domains, DOMAIN_LIST), PlainSerializer(_texts)]
SetDomains = Annotated[tuple[DomainPattern, ...], reads(read_set_domains, DOMAIN_LIST), PlainSerializer(_texts)]

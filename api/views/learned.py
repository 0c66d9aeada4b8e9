"""Leases and names over HTTP: what may be asked of them."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from dnsguard.api.failures import bad_request
from dnsguard.api.queries import require_known
from dnsguard.api.services import LeasesQuestion
from dnsguard.domains import DomainPattern, DomainPatternError

MOST: Final = 5_000
"""In one answer."""

USUAL_NAMES: Final = 100


def leases_question(query: Mapping[str, str]) -> LeasesQuestion:
    """What a query asks for. Raises Failure 400."""
    require_known(query, "client", "name", "address", "set", "limit")
    return LeasesQuestion(
        query.get("client", ""), _pattern(query), _address(query), query.get("set", ""), _limit(query, MOST)
    )


def names_question(query: Mapping[str, str]) -> tuple[str, int]:
    """The pattern and how many. Raises Failure 400."""
    require_known(query, "name", "limit")
    return _pattern(query), _limit(query, USUAL_NAMES)


def _pattern(query: Mapping[str, str]) -> str:
    name = query.get("name", "")
    try:
        return DomainPattern.parse(name).canonical if name else ""
    except DomainPatternError as error:
        raise bad_request(f"name: {error}") from None


def _address(query: Mapping[str, str]) -> str:
    text = query.get("address", "")
    try:
        return str(ip_address(text)) if text else ""
    except ValueError:
        raise bad_request(f"address: {text[:60]!r} is no address") from None


def _limit(query: Mapping[str, str], usual: int) -> int:
    text = query.get("limit") or str(usual)
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST):
        raise bad_request(f"limit: {text[:40]!r} is no number of them: write 1 to {MOST}")
    return int(text)

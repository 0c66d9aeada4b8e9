"""The published pattern examples: which names match, and which texts are patterns."""

from typing import Any

import pytest

from dnsguard.domains import DomainPattern, DomainPatternError, PatternIndex, wire_name
from tests.conformance.data_files import load

ROWS = load("domains.yaml")

ACCEPTED_WITH_A_WARNING = {"P15"}
"""The published reading refuses a wildcard at the end; we take it, and say what it opens."""


@pytest.mark.parametrize("row", ROWS["match"], ids=lambda row: row["id"])
def test_a_pattern_matches_names(row: dict[str, Any]) -> None:
    pattern = DomainPattern.parse(row["pattern"])
    name = wire_name(row["name"])
    index = PatternIndex[str]()
    index.add(pattern, "owner")
    assert pattern.matches(name) is row["match"]
    assert index.owners(name) == ({"owner"} if row["match"] else set())


@pytest.mark.parametrize("row", ROWS["syntax"], ids=lambda row: row["id"])
def test_a_text_is_a_pattern_or_is_refused_with_its_code(row: dict[str, Any]) -> None:
    text = {"(empty string)": "", "a×64 + .com": "a" * 64 + ".com"}.get(row["item"], row["item"])
    if row["result"] == "ok":
        assert DomainPattern.parse(text).warning is None
    elif row["id"] in ACCEPTED_WITH_A_WARNING:
        assert DomainPattern.parse(text).warning is not None
    else:
        with pytest.raises(DomainPatternError) as caught:
            DomainPattern.parse(text)
        assert row["result"].startswith(f"reject {caught.value.code} ")

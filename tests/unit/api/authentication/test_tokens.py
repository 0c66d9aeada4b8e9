"""Bearer tokens."""

import pytest

from dnsguard.api.authentication.tokens import HashedTokens, token_digest
from dnsguard.api.services import Caller


@pytest.mark.parametrize(
    ("token", "holder"),
    [("first", "a"), ("second", "b"), ("", None), ("firs", None), ("first ", None), ("FIRST", None), ("\udcff", None)],
)
def test_a_token_is_known_or_not(token: str, holder: str | None) -> None:
    a, b = Caller("a", ("readers",)), Caller("b")
    tokens = HashedTokens({a: token_digest("first"), b: token_digest("second")})
    assert tokens(token) == {"a": a, "b": b, None: None}[holder]


def test_the_token_itself_is_not_kept() -> None:
    assert "first" not in repr(vars(HashedTokens({Caller("a"): token_digest("first")})))

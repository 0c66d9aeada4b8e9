"""Canonical text and identifiers: the published vectors, and what follows from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.selector import Equals, identifier, parse
from tests.unit.selector import naive

VECTORS = [
    # as written, canonical text, identifier
    ("", "all()", "s:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug"),
    ("all()", "all()", "s:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug"),
    (" (all() )", "all()", "s:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug"),
    ("!all()", "!all()", "s:Z9zLaL1EHxF9kgXz1JwBD_e-AJbeJyFDpG-oKw"),
    ("! (has( b)||! has(a ))", "!(has(b) || !has(a))", "s:Iss0uCleLYv1GSv_pNm7hAO58kE9jAx1NKyG3Q"),
    ('! (a == "b"&&! c != "d")', '!(a == "b" && !c != "d")', "s:lh3haoY1ikTRkd4UZu0nWSaIBknYLPJLX16d-w"),
    ("my-pod-label == 'my-value'", 'my-pod-label == "my-value"', "s:yVz8_R9gbFBvA2ZR4qYii0gcQO6fhdxuCxjWiQ"),
    (
        '(app == "app2" && svc == "svc3")',
        '(app == "app2" && svc == "svc3")',
        "s:OkYYaryKWYpNpIlguhN_J6f2G5FBMbiuyI3RCg",
    ),
    ('app == "app2"&&svc == "svc3"', '(app == "app2" && svc == "svc3")', "s:OkYYaryKWYpNpIlguhN_J6f2G5FBMbiuyI3RCg"),
    ('trusted-ep == "app2-repo"', 'trusted-ep == "app2-repo"', "s:wBluoAxmCqT8Mt_qOgaNgFbF5hokzaGfcsI-fQ"),
    ('trusted-ep == "app2-partners"', 'trusted-ep == "app2-partners"', "s:73qNpBlV1P4SSk0cXpDyUIX1TlzFO-QvLlbxPA"),
    ("color == 'red'", 'color == "red"', "s:M7IDT79rixbifDjwAu52es5le8iwr5nNvNA3yQ"),
    ('tenant == "dev1"', 'tenant == "dev1"', "s:FQscLnpaCu0OJgHYU9NgyUp3zTkhOdwyVvDE7g"),
    ('trusted-ep == "dev1-repo"', 'trusted-ep == "dev1-repo"', "s:aLxKfGJd2zeIyrN7TnHh4hS1clxz5IWoL9_VdQ"),
    ('trusted-ep == "dev1-partners"', 'trusted-ep == "dev1-partners"', "s:e9u1nDMK41SFWfbjT8ELb-_UWGwIsg1IFXq9EQ"),
    ("apply-ip-protect == 'true'", 'apply-ip-protect == "true"', "s:36PWLGTbKqdF8xCySC2NvXGCF7qi92QBx91VMA"),
    (
        "ip-deny-list == 'true' && !has(projectcalico.org/namespace)",
        '(ip-deny-list == "true" && !has(projectcalico.org/namespace))',
        "s:byDrVqB2a_ar6eiano9qlwSSN71l1ySwDlbvQw",
    ),
    ("a in {'d', \"a\", 'b', 'a',}", 'a in {"a", "b", "d"}', "s:47Z8J8dfSg-rF2l7gb0UoCWC8HcdwnHgIX8-wA"),
    ("a startswith 'x'", 'a starts with "x"', "s:0jk0-bi8Whp1_S41kdD7TENMzrNPlQtg4CquPw"),
    ("!(!has(a))", "!!has(a)", "s:VZFYmDV_Drir7seXQB5vQXF8-34s2nf1b8ItRA"),
]


@pytest.mark.parametrize(("text", "canonical", "wanted"), VECTORS)
def test_canonical_text_and_identifier(text: str, canonical: str, wanted: str) -> None:
    expression = parse(text)
    assert (str(expression), identifier(expression)) == (canonical, wanted)


@given(naive.selectors())
def test_canonical_text_reads_back_with_the_same_meaning(text: str) -> None:
    expression = parse(text)
    again = parse(str(expression))
    for labels in ({}, {"a": ""}, {"a": "a", "b": "b"}, {"in": "ab", "not": "b", "has": 'a"', "contains": "a"}):
        assert again.matches(labels) is expression.matches(labels)


@given(st.text())
def test_every_value_has_an_identifier(value: str) -> None:
    assert len(identifier(Equals("a", value))) == 40


def test_a_lone_surrogate_has_an_identifier() -> None:
    assert identifier(parse("a == '\ud800'")) != identifier(parse("a == '\ud801'"))

"""Expressions made from expressions."""

import pytest

from dnsguard.selector import All, Global, Has, Not, conjunction, parse, prefixed, replaced


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("all()", "all()"),
        ("global()", "global()"),
        ("a == 'x'", 'p.a == "x"'),
        ("a != 'x'", 'p.a != "x"'),
        ("a in {'x'}", 'p.a in {"x"}'),
        ("a not in {'x'}", 'p.a not in {"x"}'),
        ("has(a)", "has(p.a)"),
        ("a contains 'x'", 'p.a contains "x"'),
        ("a starts with 'x'", 'p.a starts with "x"'),
        ("a ends with 'x'", 'p.a ends with "x"'),
        ("!(has(a) || has(b)) && all()", "(!(has(p.a) || has(p.b)) && all())"),
    ],
)
def test_prefixed_renames_every_label(text: str, wanted: str) -> None:
    assert str(prefixed(parse(text), "p.")) == wanted


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        ("all()", All, "has(n)"),
        ("all()", Global, "all()"),
        ("!(a == 'x' || all()) && global()", All, '(!(a == "x" || has(n)) && global())'),
        ("!(a == 'x' || all()) && global()", Global, '(!(a == "x" || all()) && has(n))'),
    ],
)
def test_replaced_reaches_every_depth(text: str, kind: type[All | Global], wanted: str) -> None:
    assert str(replaced(parse(text), kind, Has("n"))) == wanted


def test_a_conjunction_keeps_its_operands_as_they_are() -> None:
    assert conjunction() == All()
    assert conjunction(Has("a")) == Has("a")
    assert str(conjunction(parse("has(a) && has(b)"), Not(Has("c")))) == "((has(a) && has(b)) && !has(c))"

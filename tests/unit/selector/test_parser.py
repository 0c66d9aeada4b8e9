"""Which texts are selectors, what they mean, and where a bad one is bad."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.selector import All, And, Equals, Expression, Global, Has, In, Not, Or, SelectorSyntaxError, parse
from tests.unit.selector import naive

MATCHES = [
    # selector, labels, matches
    ("", {}, True),
    ("all()", {}, True),
    ("global()", {"a": "b"}, True),
    ("a == 'b'", {"a": "b"}, True),
    ("a == 'b'", {"a": "B"}, False),
    ("a == 'b'", {}, False),
    ("a == ''", {"a": ""}, True),
    ("a == ''", {}, False),
    ("a != 'b'", {}, True),
    ("a != 'b'", {"a": "c"}, True),
    ("a != 'b'", {"a": "b"}, False),
    ("a in {'b', 'c'}", {"a": "c"}, True),
    ("a in {'b', 'c'}", {"a": "d"}, False),
    ("a in {'b', 'c'}", {}, False),
    ("a in {}", {"a": "b"}, False),
    ("a not in {'b'}", {}, True),
    ("a not in {'b'}", {"a": "b"}, False),
    ("a not in {}", {"a": "b"}, True),
    ("has(a)", {"a": ""}, True),
    ("has(a)", {"b": "a"}, False),
    ("!has(a)", {}, True),
    ("a contains 'b'", {"a": "abc"}, True),
    ("a contains 'b'", {"a": "ac"}, False),
    ("a contains ''", {"a": ""}, True),
    ("a contains ''", {}, False),
    ("a starts with 'ab'", {"a": "abc"}, True),
    ("a starts with 'bc'", {"a": "abc"}, False),
    ("a starts with ''", {}, False),
    ("a ends with 'bc'", {"a": "abc"}, True),
    ("a ends with 'ab'", {"a": "abc"}, False),
    ("a ends with ''", {}, False),
    # precedence: ! binds to the next primary, && before ||
    ("!a == 'b' && c == 'd'", {"a": "x", "c": "d"}, True),
    ("!a == 'b' && c == 'd'", {"a": "x", "c": "x"}, False),
    ("has(a) || has(b) && has(c)", {"a": ""}, True),
    ("(has(a) || has(b)) && has(c)", {"a": ""}, False),
    # words that are operators after a label are labels everywhere else
    ("in == 'x'", {"in": "x"}, True),
    ("contains contains 'contains'", {"contains": "it contains it"}, True),
    ("has == 'x'", {"has": "x"}, True),
    ("all == 'x'", {"all": "x"}, True),
    ("not not in {'x'}", {"not": "x"}, False),
    ("starts starts with 'x'", {"starts": "xy"}, True),
    # tight forms, and blanks where they are free
    ('a=="b"', {"a": "b"}, True),
    ('a contains"x"', {"a": "x"}, True),
    ('a in{"x"}', {"a": "x"}, True),
    ("a!='b'", {"a": "b"}, False),
    ("a startswith 'x'", {"a": "xy"}, True),
    ("a ends \t with 'y'", {"a": "xy"}, True),
    ("a notin {'x'}", {"a": "x"}, False),
    ("has( a )", {"a": ""}, True),
    ("all( )", {}, True),
    (" \thas(a)\t ", {"a": ""}, True),
    ("a in {'x',}", {"a": "x"}, True),
    # labels
    ("-a./b_ == 'x'", {"-a./b_": "x"}, True),
    ("9 == 'x'", {"9": "x"}, True),
    # strings have no escapes and hold anything but their own quote
    ("a == 'say \"x\"'", {"a": 'say "x"'}, True),
    ("a == 'two\nlines ü'", {"a": "two\nlines ü"}, True),
    ("a == '\\'", {"a": "\\"}, True),
]


@pytest.mark.parametrize(("text", "labels", "expected"), MATCHES)
def test_a_selector_matches_labels(text: str, labels: dict[str, str], expected: bool) -> None:
    assert parse(text).matches(labels) is expected


BAD = [
    # selector, column, a part of the reason
    ("a", 2, "after the label 'a', found the end"),
    ("a == b", 6, "expected a quoted string, found the label 'b'"),
    ("'a' == 'b'", 1, "found a quoted string"),
    ("a in 'x'", 6, "expected {"),
    ("a in {'x' 'y'}", 11, "a comma or }"),
    ("a in {,}", 7, "a quoted string or }"),
    ("a in {'x',,}", 11, "a quoted string or }"),
    ("a in {'x'", 10, "a comma or }"),
    ("a = 'b'", 3, "did you mean =="),
    ("has(a) & has(b)", 8, "did you mean &&"),
    ("has(a) | has(b)", 8, "did you mean ||"),
    ("has (a)", 5, "after the label 'has', found ("),
    ("all ()", 5, "after the label 'all', found ("),
    ("HAS(a)", 4, "after the label 'HAS', found ("),
    ("a IN {'x'}", 3, "found the label 'IN'"),
    ("has(a) AND has(b)", 8, "&&, || or the end"),
    ("has(a) has(b)", 8, "&&, || or the end"),
    ("has(a) in {'x'}", 8, "&&, || or the end"),
    ("has()", 5, "needs the name of a label"),
    ("has(a", 6, "expected ) to close has("),
    ("all(a)", 5, "expected ) to close all("),
    ("(has(a)", 8, "&&, || or )"),
    ("has(a))", 7, "&&, || or the end"),
    ("has(a) &&", 10, "found the end"),
    ("|| has(a)", 1, "found ||"),
    ("!", 2, "found the end"),
    ("()", 2, "found )"),
    ("a == 'b", 6, "not closed"),
    ("has(a)\n", 7, "only blanks and tabs"),
    ("has(a)\u00a0", 7, "only blanks and tabs"),
    ("ü == 'x'", 1, "'ü' is not allowed"),
    ("a containsx 'y'", 3, "found the label 'containsx'"),
    ("a" * 513 + " == 'x'", 1, "longer than 512"),
    ("has(" + "a" * 513 + ")", 5, "longer than 512"),
    ("(" * 65 + "all()" + ")" * 65, 65, "more than 64"),
]


@pytest.mark.parametrize(("text", "column", "reason"), BAD)
def test_a_bad_selector_is_refused_at_its_column(text: str, column: int, reason: str) -> None:
    with pytest.raises(SelectorSyntaxError) as caught:
        parse(text)
    assert (caught.value.column, caught.value.text) == (column, text)
    assert reason in caught.value.reason
    assert all(part in str(caught.value) for part in (repr(text), str(column), caught.value.reason))


def test_the_longest_label_and_the_deepest_nesting_are_accepted() -> None:
    assert parse("a" * 512 + " == 'x'") == Equals("a" * 512, "x")
    assert parse("(" * 64 + "all()" + ")" * 64) == All()
    assert str(parse("!(" * 64 + "has(a)" + ")" * 64)) == "!" * 64 + "has(a)"


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("a == 'b' && has(c) && has(d)", And((Equals("a", "b"), Has("c"), Has("d")))),
        ("(has(a) && has(b)) && has(c)", And((And((Has("a"), Has("b"))), Has("c")))),
        ("!!has(a)", Has("a")),
        ("!!!has(a)", Not(Has("a"))),
        ("!(!has(a))", Not(Not(Has("a")))),
        ("a in {'x', \"y\", 'x'}", In("a", frozenset({"x", "y"}))),
        ("global() || all()", Or((Global(), All()))),
    ],
)
def test_a_selector_has_one_shape(text: str, expression: Expression) -> None:
    assert parse(text) == expression


PIECES = [
    *("has(", "all(", "global(", "(", ")", "{", "}", ",", "!", "==", "!=", "=", "&&", "||", "&", " ", "  ", "\t", "\n"),
    *("a", "b", "in", "not", "contains", "starts", "with", "ends", "has", "'a'", '"b"', "''", "'", '"'),
    *(
        "has(a)",
        "all()",
        "a == 'b'",
        "b != 'a'",
        "a in {'a', 'b'}",
        "b not in {'b',}",
        "a contains 'a'",
        " && ",
        " || ",
    ),
]
LABELS = st.dictionaries(st.sampled_from(["a", "b", "in", "not", "has"]), st.sampled_from(["", "a", "b", "ab"]))


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), LABELS)
def test_a_text_is_read_as_the_grammar_says(text: str, labels: dict[str, str]) -> None:
    meaning = naive.meaning(text)
    if meaning is None:
        with pytest.raises(SelectorSyntaxError):
            parse(text)
    else:
        assert parse(text).matches(labels) is meaning(labels)


@given(naive.selectors(), LABELS)
def test_a_selector_means_what_the_grammar_says(text: str, labels: dict[str, str]) -> None:
    meaning = naive.meaning(text)
    assert meaning is not None
    assert parse(text).matches(labels) is meaning(labels)


@given(st.text())
def test_any_text_is_a_selector_or_is_refused_within_its_bounds(text: str) -> None:
    column = 1
    try:
        parse(text)
    except SelectorSyntaxError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1

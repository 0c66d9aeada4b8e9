"""Which labels an expression looks at."""

import pytest

from dnsguard.selector import labels_in, parse

ROWS = [
    # selector, labels
    ("a == 'x'", {"a"}),
    ("a != 'x'", {"a"}),
    ("a in {'x'}", {"a"}),
    ("a not in {'x'}", {"a"}),
    ("has(a)", {"a"}),
    ("a contains 'x'", {"a"}),
    ("a starts with 'x'", {"a"}),
    ("a ends with 'x'", {"a"}),
    ("!has(a)", {"a"}),
    ("(a == 'x' || !has(b)) && (c == 'y' || a == 'z')", {"a", "b", "c"}),
    ("all()", set()),
    ("global() || has(a)", {"a"}),
]


@pytest.mark.parametrize(("text", "labels"), ROWS)
def test_labels(text: str, labels: set[str]) -> None:
    expression = parse(text)
    assert expression is not None
    assert labels_in(expression) == labels

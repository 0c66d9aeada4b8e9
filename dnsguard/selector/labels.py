"""Which labels an expression looks at."""

from dnsguard.selector.expression import (
    And,
    Contains,
    EndsWith,
    Equals,
    Expression,
    Has,
    In,
    Not,
    NotEquals,
    NotIn,
    Or,
    StartsWith,
)


def labels_in(expression: Expression) -> frozenset[str]:
    """The names of these labels: others make no difference to what it matches."""
    match expression:
        case And(operands) | Or(operands):
            return frozenset[str]().union(*map(labels_in, operands))
        case Not(operand):
            return labels_in(operand)
        case Equals() | NotEquals() | In() | NotIn() | Has() | Contains() | StartsWith() | EndsWith():
            return frozenset({expression.label})
        case _:
            return frozenset()

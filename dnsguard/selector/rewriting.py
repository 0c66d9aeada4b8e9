"""Expressions made from expressions: how selectors are scoped."""

from dataclasses import replace

from dnsguard.selector.expression import (
    All,
    And,
    Contains,
    EndsWith,
    Equals,
    Expression,
    Global,
    Has,
    In,
    Not,
    NotEquals,
    NotIn,
    Or,
    StartsWith,
)


def prefixed(expression: Expression, prefix: str) -> Expression:
    """The same condition on labels whose names begin with prefix."""
    match expression:
        case And(operands):
            return And(tuple(prefixed(operand, prefix) for operand in operands))
        case Or(operands):
            return Or(tuple(prefixed(operand, prefix) for operand in operands))
        case Not(operand):
            return Not(prefixed(operand, prefix))
        case Equals() | NotEquals() | In() | NotIn() | Has() | Contains() | StartsWith() | EndsWith():
            return replace(expression, label=prefix + expression.label)
        case _:
            return expression


def replaced(expression: Expression, kind: type[All | Global], by: Expression) -> Expression:
    """The expression with every node of that kind replaced, at any depth."""
    match expression:
        case And(operands):
            return And(tuple(replaced(operand, kind, by) for operand in operands))
        case Or(operands):
            return Or(tuple(replaced(operand, kind, by) for operand in operands))
        case Not(operand):
            return Not(replaced(operand, kind, by))
        case _:
            return by if isinstance(expression, kind) else expression


def conjunction(*expressions: Expression) -> Expression:
    """What all of them match: one node that keeps each operand as it is; of one expression, itself; of none, `All`."""
    match expressions:
        case ():
            return All()
        case (only,):
            return only
        case _:
            return And(expressions)

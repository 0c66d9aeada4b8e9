"""Selector text to expression.

::

    selector  = [ or-expr ]                          (* empty = all() *)
    or-expr   = and-expr { "||" and-expr }
    and-expr  = operation { "&&" operation }
    operation = { "!" } primary
    primary   = "has(" label ")" | "all()" | "global()" | "(" or-expr ")"
              | label ("==" | "!=" | "contains" | "starts with" | "ends with") string
              | label ("in" | "not in") "{" [ string { "," string } [ "," ] ] "}"
"""

from collections.abc import Callable

from dnsguard.selector.errors import SelectorSyntaxError
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
from dnsguard.selector.tokens import Token, TokenKind, tokens

MAX_DEPTH = 64
"""Parentheses within parentheses. Nobody writes so many, and a bound keeps hostile text off the interpreter's stack."""

_COMPARISONS: dict[TokenKind, Callable[[str, str], Expression]] = {
    TokenKind.EQUALS: Equals,
    TokenKind.NOT_EQUALS: NotEquals,
    TokenKind.CONTAINS: Contains,
    TokenKind.STARTS_WITH: StartsWith,
    TokenKind.ENDS_WITH: EndsWith,
}

_MEMBERSHIPS: dict[TokenKind, Callable[[str, frozenset[str]], Expression]] = {
    TokenKind.IN: In,
    TokenKind.NOT_IN: NotIn,
}


def parse(text: str) -> Expression:
    """The expression that a selector stands for; of an empty text, `All`. Raises SelectorSyntaxError."""
    return _Parser(text).selector()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._next = next(self._tokens)
        self._depth = 0

    def selector(self) -> Expression:
        if self._at(TokenKind.END):
            return All()
        expression = self._disjunction()
        if not self._at(TokenKind.END):
            raise self._unexpected("&&, || or the end")
        return expression

    def _disjunction(self) -> Expression:
        operands = [self._conjunction()]
        while self._at(TokenKind.OR):
            self._take()
            operands.append(self._conjunction())
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _conjunction(self) -> Expression:
        operands = [self._operation()]
        while self._at(TokenKind.AND):
            self._take()
            operands.append(self._operation())
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _operation(self) -> Expression:
        negated = False
        while self._at(TokenKind.NOT):
            self._take()
            negated = not negated
        primary = self._primary()
        return Not(primary) if negated else primary

    def _primary(self) -> Expression:
        token = self._next
        match token.kind:
            case TokenKind.HAS:
                self._take()
                return Has(token.value)
            case TokenKind.ALL:
                self._take()
                return All()
            case TokenKind.GLOBAL:
                self._take()
                return Global()
            case TokenKind.OPEN_PARENTHESIS:
                return self._parenthesised()
            case TokenKind.LABEL:
                return self._condition(self._take().value)
            case _:
                raise self._unexpected("a label, has(…), all(), global(), ! or (")

    def _parenthesised(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SelectorSyntaxError(self._text, self._next.column, f"more than {MAX_DEPTH} nested parentheses")
        self._take()
        expression = self._disjunction()
        self._expect(TokenKind.CLOSE_PARENTHESIS, "&&, || or )")
        self._depth -= 1
        return expression

    def _condition(self, label: str) -> Expression:
        operator = self._next.kind
        if comparison := _COMPARISONS.get(operator):
            self._take()
            return comparison(label, self._expect(TokenKind.STRING).value)
        if membership := _MEMBERSHIPS.get(operator):
            self._take()
            return membership(label, self._members())
        raise self._unexpected(f"==, !=, in, not in, contains, starts with or ends with after the label {label!r}")

    def _members(self) -> frozenset[str]:
        self._expect(TokenKind.OPEN_BRACE)
        members: set[str] = set()
        while not self._at(TokenKind.CLOSE_BRACE):
            members.add(self._expect(TokenKind.STRING, "a quoted string or }").value)
            if not self._at(TokenKind.COMMA):
                break
            self._take()
        self._expect(TokenKind.CLOSE_BRACE, "a comma or }")
        return frozenset(members)

    def _at(self, kind: TokenKind) -> bool:
        return self._next.kind is kind

    def _take(self) -> Token:
        token, self._next = self._next, next(self._tokens)
        return token

    def _expect(self, kind: TokenKind, wanted: str = "") -> Token:
        if not self._at(kind):
            raise self._unexpected(wanted or kind.value)
        return self._take()

    def _unexpected(self, wanted: str) -> SelectorSyntaxError:
        token = self._next
        found = f"the label {token.value!r}" if token.kind is TokenKind.LABEL else token.kind.value
        return SelectorSyntaxError(self._text, token.column, f"expected {wanted}, found {found}")

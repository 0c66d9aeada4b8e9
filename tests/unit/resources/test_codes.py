"""Every code that a check names is explained, and none is explained that no check names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import dnsguard.domains
import dnsguard.resources
from dnsguard.resources.codes import CODES

_NUMBERED = re.compile(r"[ADV]-[0-9]{2}[a-g]?")
_IN_TEXT = re.compile(r"\(([ADV]-[0-9]{2}[a-g]?)\)")
_PACKAGES = (dnsguard.resources, dnsguard.domains)
_CODE_ARGUMENT = {"refused": 0, "Problem": 1, "Cause": 2, "NameRule": 0}


def sources() -> Iterator[ast.Module]:
    """What checks objects, but for the list of codes itself."""
    for package in _PACKAGES:
        for path in Path(package.__path__[0]).glob("*.py"):
            if path.name != "codes.py":
                yield ast.parse(path.read_text(encoding="utf-8"))


def codes_in(module: ast.Module) -> Iterator[str]:
    """Numbered codes that are values, codes that end a warning, and words that stand where a code belongs."""
    docstrings = {
        node.value for node in ast.walk(module) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            if _NUMBERED.fullmatch(node.value):
                yield node.value
            yield from _IN_TEXT.findall(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CODE_ARGUMENT:
            at = _CODE_ARGUMENT[node.func.id]
            code = node.args[at] if len(node.args) > at else None
            code = next((keyword.value for keyword in node.keywords if keyword.arg == "code"), code)
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value


NAMED_ELSEWHERE = {"required"}
"""In the words for what pydantic finds."""


def test_every_code_is_explained_and_every_explanation_has_its_code() -> None:
    named = {code for module in sources() for code in codes_in(module)} | NAMED_ELSEWHERE
    assert named == set(CODES)


def test_an_explanation_is_one_sentence_that_is_no_longer_than_a_line() -> None:
    for code, text in CODES.items():
        assert re.fullmatch(r"[A-Za-z].*\.", text), code
        assert len(text) <= 120, code

"""What `make compiled` makes machine code of must mean the same there: traps of mypyc that type checkers do not see."""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
CHOSEN = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["dnsguard"]["compiled"]
MODULES = sorted(
    {str(path.relative_to(TOP)) for pattern in CHOSEN["modules"] for path in TOP.glob(pattern)} - {*CHOSEN["except"]}
)


def caught(function: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that its ``except`` clauses give, each with the types it stands for."""
    for node in ast.walk(function):
        if isinstance(node, ast.ExceptHandler) and node.name and node.type is not None:
            yield node.name, ast.unparse(node.type)


def test_there_are_modules_to_look_at() -> None:
    assert "dnsguard/forwarder/committer.py" in MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_caught_error_has_one_type_in_a_function(module: str) -> None:
    """Compiled, a variable has the type that it has first: the second clause would end in a TypeError."""
    for function in ast.walk(ast.parse((TOP / module).read_text())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            types: defaultdict[str, set[str]] = defaultdict(set)
            for name, kind in caught(function):
                types[name].add(kind)
            assert {name for name, kinds in types.items() if len(kinds) > 1} == set(), function.name


@pytest.mark.parametrize("module", MODULES)
def test_steps_are_made_one_by_one(module: str) -> None:
    """Compiled, a generator expression is a list: all its steps would be made before the first is handed on."""
    tree = ast.parse((TOP / module).read_text())
    at_once = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.YieldFrom) and isinstance(node.value, ast.GeneratorExp)
    ]
    assert at_once == []


@pytest.mark.parametrize("module", MODULES)
def test_no_named_tuple_says_by_itself_whether_it_is_true(module: str) -> None:
    """Compiled, it is as true as any tuple: nobody asks ``__bool__``."""
    odd = [
        node.name
        for node in ast.walk(ast.parse((TOP / module).read_text()))
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base) == "NamedTuple" for base in node.bases)
        and any(isinstance(each, ast.FunctionDef) and each.name in ("__bool__", "__len__") for each in node.body)
    ]
    assert odd == []

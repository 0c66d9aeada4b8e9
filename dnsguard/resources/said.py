"""What a model says of its fields: the docstrings below them."""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache

from dnsguard.resources.model import Model


def descriptions(model: type[Model]) -> dict[str, str]:
    """Attribute → what stands below it, where it stands or where it is inherited from."""
    found: dict[str, str] = {}
    for each in model.__mro__:
        if issubclass(each, Model):
            found = _of_module(each.__module__).get(each.__name__, {}) | found
    return found


@cache
def _of_module(module: str) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_below_fields(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _below_fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(node.body, node.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)

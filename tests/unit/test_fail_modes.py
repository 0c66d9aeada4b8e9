"""The document of fail modes: every row is shown by tests that exist, and names metrics that there are."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from dnsguard.forwarder.metrics import DNS, FORWARDER

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "deploy" / "fail-modes.md"
COLUMNS = 7
REFERENCE = re.compile(r"`([\w/]+\.py)::(\w+)`")


def rows() -> list[list[str]]:
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@cache
def functions(path: Path) -> frozenset[str]:
    found = ast.walk(ast.parse(path.read_text()))
    return frozenset(each.name for each in found if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:40])
def test_every_row_says_everything_and_names_tests_that_exist(row: list[str]) -> None:
    assert len(row) == COLUMNS
    assert all(row)
    shown = row[-1]
    references = REFERENCE.findall(shown)
    assert references
    assert REFERENCE.sub("", shown).strip() == "", "nothing else stands there"
    for file, name in references:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert name in functions(path), f"{file} has no {name}"


def test_metrics_that_it_names_are_there() -> None:
    known = {f"dnsguard_dns_{name}_total" for name in DNS} | {f"dnsguard_forwarder_{name}_total" for name in FORWARDER}
    for source in (ROOT / "dnsguard").rglob("*.py"):
        known.update(re.findall(r'"(dnsguard_\w+)"', source.read_text()))
    named = set(re.findall(r"`(dnsguard_\w+)`", DOCUMENT.read_text()))
    assert named
    assert named <= known


def test_the_readme_leads_there() -> None:
    assert "deploy/fail-modes.md" in (ROOT / "README.md").read_text()

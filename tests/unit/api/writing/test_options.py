"""What the query of a change says."""

import pytest
from starlette.datastructures import QueryParams

from dnsguard.api.failures import Failure
from dnsguard.api.writing.options import FieldValidation, WriteOptions, write_options


def options(query: str, agent: str = "kubectl/v1.32.4 (linux/amd64)", *, applying: bool = False) -> WriteOptions:
    return write_options(QueryParams(query), agent, applying=applying, dry_run=False)


@pytest.mark.parametrize(
    ("query", "agent", "manager"),
    [
        ("fieldManager=argocd", "x/1", "argocd"),
        ("", "kubectl/v1.32.4 (linux/amd64)", "kubectl"),
        ("fieldManager=", "curl/8", "curl"),
        ("", "", "unknown"),
        ("", "a\u0001b/1", "unknown"),
        ("", "x" * 500, "x" * 128),
    ],
)
def test_the_manager_is_named_or_is_the_program(query: str, agent: str, manager: str) -> None:
    assert options(query, agent).manager == manager


def test_fields_are_read_strictly_unless_less_is_asked_for() -> None:
    assert options("").validation is FieldValidation.STRICT
    assert not options("fieldValidation=Strict").lenient
    assert options("fieldValidation=Warn").lenient
    assert options("fieldValidation=Ignore").lenient


def test_an_apply_may_be_forced() -> None:
    assert options("fieldManager=a&force=true", applying=True).force
    assert not options("fieldManager=a", applying=True).force


@pytest.mark.parametrize(
    ("query", "applying", "field"),
    [
        ("", True, "fieldManager"),
        ("fieldManager=" + "x" * 129, False, "fieldManager"),
        ("fieldManager=a%00b", False, "fieldManager"),
        ("fieldValidation=strict", False, "fieldValidation"),
        ("force=true", False, "force"),
    ],
)
def test_what_makes_no_sense_is_refused(query: str, applying: bool, field: str) -> None:
    with pytest.raises(Failure) as caught:
        options(query, applying=applying)
    assert (caught.value.code, caught.value.causes[0].field) == (422, field)

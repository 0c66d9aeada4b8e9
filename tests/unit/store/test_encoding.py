"""Stored text, and what is made of it."""

import json
from typing import Any

import pytest

from dnsguard.store.encoding import decoded, encoded, with_revision


@pytest.mark.parametrize(
    "value",
    [
        {"apiVersion": "v1", "kind": "X", "metadata": {"name": "a", "resourceVersion": "1"}, "spec": {"x": []}},
        {"kind": "X", "metadata": {}},
        {"kind": "X"},
        {"kind": '"metadata":{', "metadata": {"name": "a", "annotations": {"x": '"metadata":{'}}},
        {"kind": "\ud800 ü", "metadata": {"name": "a"}, "spec": {"metadata": {"name": "b"}}},
    ],
)
def test_text_with_its_revision_is_the_object_with_its_revision(value: dict[str, Any]) -> None:
    text = encoded(value)
    assert json.loads(with_revision(text, 7)) == decoded(text, 7)
    assert with_revision(text, 7).isascii()

"""JSON patch and merge patch."""

import copy
from typing import Any

import pytest

from dnsguard.api.failures import Failure
from dnsguard.api.writing.patches import json_patch, merge_patch, strategic_patch

DOCUMENT = {"spec": {"nets": ["a", "b"]}, "metadata": {"labels": {"x/y": "1"}}}


def patched(*operations: dict[str, Any]) -> Any:
    return json_patch(list(operations))(copy.deepcopy(DOCUMENT))


@pytest.mark.parametrize(
    ("operation", "nets"),
    [
        ({"op": "add", "path": "/spec/nets/-", "value": "c"}, ["a", "b", "c"]),
        ({"op": "add", "path": "/spec/nets/0", "value": "c"}, ["c", "a", "b"]),
        ({"op": "replace", "path": "/spec/nets/1", "value": "c"}, ["a", "c"]),
        ({"op": "remove", "path": "/spec/nets/0"}, ["b"]),
        ({"op": "move", "from": "/spec/nets/0", "path": "/spec/nets/1"}, ["b", "a"]),
        ({"op": "copy", "from": "/spec/nets/0", "path": "/spec/nets/-"}, ["a", "b", "a"]),
        ({"op": "test", "path": "/metadata/labels/x~1y", "value": "1"}, ["a", "b"]),
    ],
)
def test_operations(operation: dict[str, Any], nets: list[str]) -> None:
    assert patched(operation)["spec"]["nets"] == nets


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "test", "path": "/spec/nets/0", "value": "b"}, 422),
        ({"op": "remove", "path": "/spec/nets/2"}, 422),
        ({"op": "replace", "path": "/spec/nets/x", "value": 1}, 422),
        ({"op": "add", "path": "/no/where", "value": 1}, 422),
        ({"op": "add", "path": "/spec/nets/0/x", "value": 1}, 422),
        ({"op": "move", "from": "/spec", "path": "/spec/nets"}, 422),
        ({"op": "copy", "path": "/x"}, 422),
        ({"op": "copy", "from": 5, "path": "/x"}, 422),
        ({"op": "nonsense", "path": "/x"}, 400),
        ({"op": "add", "path": "/x"}, 400),
        ({"op": "add", "path": 5, "value": 1}, 400),
        ({"op": [], "path": "/x"}, 400),
        ({"path": "/x"}, 400),
        ({}, 400),
    ],
)
def test_operations_that_fail_say_which(operation: dict[str, Any], code: int) -> None:
    with pytest.raises(Failure) as caught:
        patched({"op": "test", "path": "/spec/nets/0", "value": "a"}, operation)
    assert caught.value.code == code
    assert caught.value.causes[0].field == "patch[1]"


def test_a_test_that_fails_says_so_and_not_what_is_there() -> None:
    with pytest.raises(Failure, match="operation 0: /spec/nets/0 is not what the test expects"):
        patched({"op": "test", "path": "/spec/nets/0", "value": "b"})


def test_copies_do_not_explode() -> None:
    doubling = {"op": "copy", "from": "/spec", "path": "/spec/more"}
    with pytest.raises(Failure, match="copies more than") as caught:
        patched({"op": "add", "path": "/spec/text", "value": "x" * 1000}, *[doubling] * 100)
    assert caught.value.code == 422


def test_moves_do_not_nest_without_end() -> None:
    """Every operation is shallow, and so is the body; what they build is not."""
    build: list[dict[str, Any]] = [{"op": "add", "path": "/spec/a", "value": {}}]
    for _ in range(1_500):
        build.append({"op": "move", "from": "/spec/a", "path": "/spec/b"})
        build.append({"op": "add", "path": "/spec/a", "value": {}})
        build.append({"op": "move", "from": "/spec/b", "path": "/spec/a/a"})
    for last in ([], [{"op": "copy", "from": "/spec", "path": "/x"}], [{"op": "test", "path": "/spec", "value": 1}]):
        with pytest.raises(Failure, match="nested deeper than 64 levels") as caught:
            patched(*build, *last)
        assert caught.value.code == 422


def test_patches_are_bounded() -> None:
    with pytest.raises(Failure) as caught:
        json_patch([{"op": "test", "path": "/spec/nets/0", "value": "a"}] * 10_001)
    assert caught.value.code == 413


@pytest.mark.parametrize("value", [{}, "x", None, [1], [[]]])
def test_a_json_patch_is_a_list_of_mappings(value: Any) -> None:
    with pytest.raises(Failure, match="list of operations"):
        json_patch(value)


@pytest.mark.parametrize(
    ("target", "patch", "result"),  # RFC 7386, appendix A
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(patch)(target) == result
    assert strategic_patch(patch)(target) == result


@pytest.mark.parametrize(
    ("patch", "result"),
    [
        ({"metadata": {"$setElementOrder/finalizers": ["x"], "labels": {"a": "b"}}}, {"x/y": "1", "a": "b"}),
        ({"metadata": {"labels": {"$patch": "replace", "a": "b"}}}, {"a": "b"}),
        ({"metadata": {"labels": {"$patch": "merge", "a": "b"}}}, {"x/y": "1", "a": "b"}),
        ({"metadata": {"labels": {"$patch": "delete"}}}, {}),
        ({"metadata": {"labels": {"$retainKeys": ["a"], "a": "b"}}}, {"a": "b"}),
    ],
)
def test_strategic_directives_on_mappings(patch: dict[str, Any], result: dict[str, str]) -> None:
    assert strategic_patch(patch)(copy.deepcopy(DOCUMENT))["metadata"]["labels"] == result


def test_a_strategic_patch_takes_from_a_list_of_strings() -> None:
    patch = {"spec": {"$deleteFromPrimitiveList/nets": ["a", "z"], "$deleteFromPrimitiveList/none": ["a"]}}
    assert strategic_patch(patch)(copy.deepcopy(DOCUMENT))["spec"] == {"nets": ["b"]}


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        ({"spec": {"$nonsense": []}}, "nonsense is not supported"),
        ({"spec": {"$patch": "explode"}}, "is replace, delete or merge"),
        ({"spec": {"$patch": []}}, "is replace, delete or merge"),
        ({"spec": {"$retainKeys": "a"}}, "retainKeys is a list"),
        ({"spec": {"$deleteFromPrimitiveList/nets": {}}}, "is a list"),
        ({"spec": {"$deleteFromPrimitiveList/nets": [{}]}}, "is a list of single values"),
        ({"spec": {"egress": [{"$patch": "delete"}]}}, "send the list"),
        ([], "is a mapping"),
    ],
)
def test_strategic_directives_that_cannot_be_followed_are_refused(patch: Any, says: str) -> None:
    with pytest.raises(Failure, match=says) as caught:
        strategic_patch(patch)
    assert caught.value.code == 400

"""Protobuf bodies: what the real ``kubectl`` 1.32.4 sent, and what nobody should."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.api.failures import Failure
from dnsguard.api.writing.protobuf import MAGIC, decoded
from dnsguard.api.writing.protofields import MESSAGES, Field, Message, Scalar

META = b'"\x00*\x002\x008\x00B\x00'
"""Of an object that a typed client makes: selfLink, uid, resourceVersion, generation, creationTimestamp, all empty."""

NAMESPACE = (
    b"k8s\x00\n\x0f\n\x02v1\x12\tNamespace\x12\x1c\n\x14\n\x04shop\x12\x00\x1a\x00"
    + META
    + b'\x12\x00\x1a\x02\n\x00\x1a\x00"\x00'
)
ROLE = (
    b"k8s\x00\n$\n\x1crbac.authorization.k8s.io/v1\x12\x04Role\x12F\n\x15\n\x01r\x12\x00\x1a\x04shop"
    + META
    + b'\x12-\n\x03get\n\x04list\x12\x19rbac.authorization.k8s.io\x1a\x05roles\x1a\x00"\x00'
)
BINDING = (
    b"k8s\x00\n+\n\x1crbac.authorization.k8s.io/v1\x12\x0bRoleBinding\x12\xaf\x01\n\x16\n\x02rb\x12\x00\x1a\x04shop"
    + META
    + b'\x12(\n\x04User\x12\x19rbac.authorization.k8s.io\x1a\x03bob"\x00'
    b"\x12'\n\x05Group\x12\x19rbac.authorization.k8s.io\x1a\x01g\"\x00"
    b'\x12\x1c\n\x0eServiceAccount\x12\x00\x1a\x02sa"\x04shop'
    b'\x1a$\n\x19rbac.authorization.k8s.io\x12\x04Role\x1a\x01r\x1a\x00"\x00'
)
CAN_I = (
    b"k8s\x00\n2\n\x17authorization.k8s.io/v1\x12\x17SelfSubjectAccessReview\x12V\n\x10\n\x00\x12\x00\x1a\x00"
    + META
    + b'\x128\n6\n\x07default\x12\x03get\x1a\x19rbac.authorization.k8s.io"\x00*\x05roles2\x00:\x00'
    b'\x1a\x08\x08\x00\x12\x00\x1a\x00 \x00\x1a\x00"\x00'
)
WHO_AM_I = (
    b"k8s\x00\n-\n\x18authentication.k8s.io/v1\x12\x11SelfSubjectReview\x12\x1a\n\x10\n\x00\x12\x00\x1a\x00"
    + META
    + b'\x12\x06\n\x04\n\x00\x12\x00\x1a\x00"\x00'
)
SENT = (NAMESPACE, ROLE, BINDING, CAN_I, WHO_AM_I)

RBAC = "rbac.authorization.k8s.io"


def test_create_namespace() -> None:
    assert decoded(NAMESPACE) == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "spec": {}}


def test_create_role() -> None:
    assert decoded(ROLE) == {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role",
        "metadata": {"name": "r", "namespace": "shop"},
        "rules": [{"verbs": ["get", "list"], "apiGroups": [RBAC], "resources": ["roles"]}],
    }


def test_create_rolebinding() -> None:
    value = decoded(BINDING)
    assert value["subjects"] == [
        {"kind": "User", "apiGroup": RBAC, "name": "bob"},
        {"kind": "Group", "apiGroup": RBAC, "name": "g"},
        {"kind": "ServiceAccount", "name": "sa", "namespace": "shop"},
    ]
    assert value["roleRef"] == {"apiGroup": RBAC, "kind": "Role", "name": "r"}


def test_auth_can_i_and_whoami() -> None:
    attributes = {"namespace": "default", "verb": "get", "group": RBAC, "resource": "roles"}
    assert decoded(CAN_I)["spec"] == {"resourceAttributes": attributes}
    assert decoded(WHO_AM_I)["kind"] == "SelfSubjectReview"


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def part(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def wrapped(api_version: str, kind: str, raw: bytes, *more: bytes) -> bytes:
    return MAGIC + part(1, part(1, api_version) + part(2, kind)) + part(2, raw) + b"".join(more)


def policy(raw_spec: bytes, name: str = "p") -> bytes:
    return wrapped("networking.k8s.io/v1", "NetworkPolicy", part(1, part(1, name)) + part(2, raw_spec))


def test_a_policy_keeps_what_is_there_and_empty() -> None:
    """An empty selector chooses all, none chooses nothing: it must not be lost."""
    peer = part(2, part(1, part(1, "env") + part(2, "")))
    block = part(3, part(1, "192.0.2.0/24") + part(2, "192.0.2.9/32"))
    ports = part(1, part(1, "TCP") + part(2, part(1, 0) + part(2, 443) + part(3, "")) + part(3, 450))
    named = part(1, part(2, part(1, 1) + part(2, 0) + part(3, "http")))
    spec = part(1, b"") + part(2, ports + named + part(2, peer) + part(2, block)) + part(3, b"") + part(4, "Ingress")
    assert decoded(policy(spec))["spec"] == {
        "podSelector": {},
        "ingress": [
            {
                "ports": [{"protocol": "TCP", "port": 443, "endPort": 450}, {"port": "http"}],
                "from": [
                    {"namespaceSelector": {"matchLabels": {"env": ""}}},
                    {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.9/32"]}},
                ],
            }
        ],
        "egress": [{}],
        "policyTypes": ["Ingress"],
    }


def test_options_of_a_deletion_may_come_from_any_group() -> None:
    raw = part(1, -1) + part(2, part(1, "uid-1")) + part(3, 1) + part(5, "All")
    assert decoded(wrapped("projectcalico.org/v3", "DeleteOptions", raw)) == {
        "apiVersion": "projectcalico.org/v3",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": -1,
        "preconditions": {"uid": "uid-1"},
        "orphanDependents": True,
        "dryRun": ["All"],
    }


def test_metadata_with_everything() -> None:
    managed = part(1, "m") + part(4, part(1, 1_767_323_045)) + part(7, part(1, '{"f:spec":{}}'))
    meta = part(1, "a") + part(7, 3) + part(8, part(1, 1_767_323_045)) + part(14, "f") + part(17, managed)
    value = decoded(wrapped("v1", "Namespace", part(1, meta)))
    assert value["metadata"] == {
        "name": "a",
        "generation": 3,
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "finalizers": ["f"],
        "managedFields": [{"manager": "m", "time": "2026-01-02T03:04:05Z", "fieldsV1": {"f:spec": {}}}],
    }


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "does not begin with"),
        (b"{}", "does not begin with"),
        (MAGIC, "raw is not there once"),
        (wrapped("v1", "Namespace", b"", part(2, b"")), "raw is not there once"),
        (wrapped("v1", "Namespace", b"", part(3, "gzip")), "is compressed"),
        (wrapped("v1", "Namespace", b"", part(4, "application/json")), "is compressed"),
        (wrapped("v1", "Namespace", part(9, "x")), "Namespace has no field 9"),
        (wrapped("v1", "Namespace", part(1, 5)), "Namespace.metadata has the wrong wire type"),
        (wrapped("v1", "Namespace", part(1, part(1, 5))), "Namespace.metadata.name has the wrong wire type"),
        (wrapped("v1", "Namespace", part(1, part(7, "x"))), "metadata.generation has the wrong wire type"),
        (wrapped("v1", "Namespace", part(1, part(1, "a") + part(1, "b"))), "metadata.name is there twice"),
        (wrapped("v1", "Namespace", part(1, part(1, b"\xff"))), "metadata.name is not UTF-8"),
        (wrapped("v1", "Namespace", part(1, part(11, part(1, "a")) * 2)), "metadata.labels has a key twice"),
        (wrapped("v1", "Namespace", part(1, part(8, part(1, 1 << 62)))), "creationTimestamp is no time"),
        (wrapped("v1", "Namespace", part(1, part(17, part(7, part(1, "["))))), "fieldsV1 holds no JSON"),
        (wrapped("v1", "Namespace", part(1, part(17, part(7, part(1, "[" * 99_999))))), "fieldsV1 holds no JSON"),
        (wrapped("v1", "Namespace", b"\x0a\x05a"), "ends early"),
        (wrapped("v1", "Namespace", b"\x0a"), "ends early"),
        (wrapped("v1", "Namespace", b"\x0a" + b"\xff" * 11), "more than ten bytes"),
        (wrapped("v1", "Namespace", b"\x0d1234"), "of wire type 5"),
    ],
)
def test_what_is_no_such_message_is_refused_and_says_where(body: bytes, says: str) -> None:
    with pytest.raises(Failure) as caught:
        decoded(body)
    assert caught.value.code == 400
    assert says in caught.value.message


def test_a_kind_that_is_not_in_the_table_asks_for_json() -> None:
    with pytest.raises(Failure, match=r"Tier is not read as .*: send JSON") as caught:
        decoded(wrapped("projectcalico.org/v3", "Tier", b""))
    assert caught.value.code == 415


def read_or_refused(body: bytes) -> None:
    try:
        assert isinstance(decoded(body), dict)
    except Failure as failure:
        assert failure.code in (400, 415)  # noqa: PT017 - any other error is a mistake of ours


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_or_refused(data)
    read_or_refused(MAGIC + data)
    for api_version, kind in MESSAGES:
        read_or_refused(wrapped(api_version, kind, data))


@given(st.randoms(use_true_random=False), st.sampled_from(SENT))
def test_changed_messages_are_read_or_refused(dice: random.Random, body: bytes) -> None:
    changed = bytearray(body)
    for _ in range(dice.randint(1, 4)):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    read_or_refused(bytes(changed))
    read_or_refused(bytes(changed[: dice.randrange(len(changed))]))


def depth(message: Message) -> int:
    return 1 + max((depth(field.shape) for field in message.values() if not isinstance(field.shape, Scalar)), default=0)


def fields_of(message: Message) -> list[Field]:
    inner = [
        each for field in message.values() if not isinstance(field.shape, Scalar) for each in fields_of(field.shape)
    ]
    return [*message.values(), *inner]


@pytest.mark.parametrize("message", MESSAGES.values(), ids=["/".join(key) for key in MESSAGES])
def test_no_message_stands_in_itself_and_names_are_used_once(message: Any) -> None:
    assert depth(message) < 10
    assert len({field.name for field in message.values()}) == len(message)
    assert all(not (field.repeated and field.mapping) for field in fields_of(message))

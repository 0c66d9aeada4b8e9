"""What a client of the API, with a token or without, can do to the whole program by what it sends."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.support.lab import topology
from tests.support.lab.guard import API, Guard, collection
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.support.lab.running import running, tell_everything
from tests.support.localapi import local_client

pytestmark = [pytest.mark.xdist_group("attack on the API"), pytest.mark.timeout(300)]

Running = tuple[Lab, Guard]

V3 = "/apis/projectcalico.org/v3"
POLICIES = collection("GlobalNetworkPolicy")
SETS = collection("NetworkSet", "prod-x")
YAML, JSON = "application/yaml", "application/json"
APPLY, STRATEGIC = "application/apply-patch+yaml", "application/strategic-merge-patch+json"
PROTOBUF = "application/vnd.kubernetes.protobuf"
JSON_PATCH, MERGE = "application/json-patch+json", "application/merge-patch+json"
PATIENCE = 10.0
"""Seconds for any answer, on a machine that is busy with other tests."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Running]:
    """At the end the kernel's rules are what they were."""
    with running() as (built, guard):
        tell_everything(built, guard)
        before = rules()
        yield built, guard
        guard.answer("DELETE", SETS)
        guard.await_enforced()
        assert rules() == before


@pytest.fixture
def untouched(lab: Running) -> Iterator[None]:
    """What is stored and what is enforced are the same before and after."""
    _, guard = lab
    guard.await_enforced()
    before = revisions(guard)
    yield
    assert revisions(guard) == before
    assert "Traceback" not in guard.log.read_text()


def rules() -> str:
    return run(topology.NODE, "nft -s list table inet dnsguard")


def revisions(guard: Guard) -> tuple[int, int]:
    status = guard.status()
    return status["storeRevision"], status["enforcedRevision"]


def send(
    lab: Running, method: str, path: str, body: bytes | str | None = None, content: str = JSON, **headers: str
) -> httpx.Response:
    _, guard = lab
    every = {"Content-Type": content}
    every.update({name.replace("_", "-"): value for name, value in headers.items()})
    with local_client(guard.socket, PATIENCE) as client:
        return client.request(method, path, content=body, headers=every)


def policy(spec: str) -> str:
    return '{"metadata":{"name":"attack"},"spec":' + spec + "}"


def egress(rule: str) -> str:
    return policy('{"types":["Egress"],"egress":[{"action":"Allow",' + rule + "}]}")


def domains(text: str) -> str:
    return policy('{"egress":[{"action":"Allow","destination":{"domains":[' + json.dumps(text) + "]}}]}")


def alias_bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]" for n in range(12)]
    return "\n".join(lines)


HUGE = 10**30
BODIES: dict[str, tuple[str | bytes, str, int, str]] = {
    # what it is: body, content type, HTTP status, what the answer says
    "no YAML": ("kind: [unclosed", YAML, 400, "is no YAML, column"),
    "empty": ("", JSON, 400, "the body is empty"),
    "two documents": ("a: 1\n---\nb: 2\n", YAML, 400, "one document"),
    "not UTF-8": (b'{"a": "\xff"}', JSON, 400, "is not UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), JSON, 400, "is not UTF-8"),
    "deep JSON": ('{"a":' * 50_000 + "1" + "}" * 50_000, JSON, 400, "nested deeper than 64"),
    "open JSON": ("[" * 100_000, JSON, 400, "nested deeper than 64"),
    "deep YAML": ("- " * 500_000, YAML, 400, "nested deeper than 64"),
    "deep YAML keys": ("? " * 500_000, YAML, 400, "a key must be a single value"),
    "aliases of aliases": (alias_bomb(), YAML, 400, "aliases repeat more than"),
    "aliases by the thousand": ("a: &a 1\nb: [" + "*a, " * 200_000 + "]", YAML, 400, "aliases repeat more than"),
    "an alias of itself": ("a: &a [*a]", YAML, 400, "stands inside what it refers to"),
    "doubled YAML key": ("metadata: {name: a}\nmetadata: {name: b}\n", YAML, 400, "duplicate key 'metadata'"),
    "doubled JSON key": ('{"metadata":{},"metadata":{}}', JSON, 400, "duplicate key 'metadata'"),
    "doubled among 200 000": (
        "{" + "".join(f'"k{n}":1,' for n in range(200_000)) + '"k199999":1}',
        JSON,
        400,
        "duplicate key 'k199999'",
    ),
    "a foreign tag": ("metadata: !!python/object:os.system {}", YAML, 400, "tag"),
    "order NaN": ("metadata: {name: a}\nspec: {order: .nan}", YAML, 422, "spec.order"),
    "order beyond floats": (policy('{"order":1e999}'), JSON, 422, "spec.order"),
    "order of 5 000 digits": (policy('{"order":' + "9" * 5_000 + "}"), JSON, 422, "spec.order"),
    "a huge port": (egress(f'"protocol":"TCP","destination":{{"ports":[{HUGE}]}}'), JSON, 422, "ports[0]"),
    "a port that is true": (egress('"protocol":"TCP","destination":{"ports":[true]}'), JSON, 422, "ports[0]"),
    "a huge protocol": (egress(f'"protocol":{HUGE}'), JSON, 422, "protocol"),
    "a huge ICMP type": (egress(f'"protocol":"ICMP","icmp":{{"type":{HUGE}}}'), JSON, 422, "icmp.type"),
    "a label of 1 MB": (
        json.dumps({"metadata": {"name": "a", "labels": {"a": "x" * 1_000_000}}}),
        JSON,
        422,
        "metadata.labels.a",
    ),
    "annotations of 1 MB": (
        json.dumps({"metadata": {"name": "a", "annotations": {"a": "x" * 1_000_000}}}),
        JSON,
        422,
        "metadata.annotations",
    ),
    "a selector of parentheses": (
        policy(json.dumps({"selector": "(" * 500 + "all()" + ")" * 500})),
        JSON,
        422,
        "column",
    ),
    "a selector of 1 MB": (policy('{"selector":"' + "!" * 1_000_000 + '"}'), JSON, 422, "spec.selector"),
    "a name with NUL": ('{"metadata":{"name":"a\\u0000b"}}', JSON, 422, "metadata.name"),
    "a name without UTF-8": ('{"metadata":{"name":"a\\ud800"}}', JSON, 422, "metadata.name"),
    "a name that climbs": ('{"metadata":{"name":"../../etc"}}', JSON, 422, "metadata.name"),
    "no name": ('{"metadata":{"name":""}}', JSON, 422, "metadata.name"),
    "a field without UTF-8": (policy('{"\\ud800":1}'), JSON, 422, "unknown field"),
    "a domain with NUL": (domains("evil\0.example.com"), JSON, 422, "domains[0]"),
    "a domain with an escaped dot": (domains("evil\\.example.com"), JSON, 422, "domains[0]"),
    "a domain with another dot": (domains("evil\u3002com"), JSON, 422, "domains[0]"),
    "a domain that turns round": (domains("\u202emoc.example"), JSON, 422, "domains[0]"),
    "a domain without UTF-8": (domains("a\ud800.com"), JSON, 422, "domains[0]"),
    "a domain of 256 octets": (domains(".".join(["a" * 63] * 4) + ".com"), JSON, 422, "domains[0]"),
    "a wildcard alone": (domains("*"), JSON, 422, "domains[0]"),
    "an address as domain": (domains("169.254.169.254"), JSON, 422, "domains[0]"),
    "a URL as domain": (domains("http://example.com"), JSON, 422, "domains[0]"),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("wrong", BODIES)
def test_a_crafted_body_is_refused_in_time_and_changes_nothing(lab: Running, wrong: str) -> None:
    body, content, status, said = BODIES[wrong]
    response = send(lab, "POST", POLICIES, body, content)
    assert response.status_code == status
    assert said in response.json()["message"]


KUBERNETES = "/apis/networking.k8s.io/v1/namespaces/prod-x/networkpolicies"
STAGED = f"{V3}/namespaces/prod-x/stagednetworkpolicies"
CONFIGURATIONS = f"{V3}/felixconfigurations"


def typed(api_version: str, kind: str, spec: str = "{}") -> str:
    return f'{{"apiVersion":"{api_version}","kind":"{kind}",{policy(spec)[1:]}'


def multiplied() -> str:
    """Peers and ports that come to 8 million rules."""
    ports = ",".join(f'{{"port":{number}}}' for number in range(1, 20_001))
    peers = ",".join(['{"podSelector":{}}'] * 20_000)
    return policy('{"podSelector":{},"ingress":[{"from":[' + peers + '],"ports":[' + ports + "]}]}")


def configuration(spec: str) -> str:
    return policy(spec).replace('"attack"', '"default"')


OTHER_KINDS: dict[str, tuple[str, str, int, str]] = {
    # what it is: path, body, HTTP status, what the answer says
    "Calico's policy as Kubernetes'": (
        KUBERNETES,
        typed("projectcalico.org/v3", "NetworkPolicy"),
        400,
        "; send that to",
    ),
    "Kubernetes' policy as Calico's": (
        f"{V3}/namespaces/prod-x/networkpolicies",
        typed("networking.k8s.io/v1", "NetworkPolicy"),
        400,
        "; send that to /apis/networking.k8s.io/v1/",
    ),
    "an enforced policy as staged": (STAGED, typed("projectcalico.org/v3", "NetworkPolicy"), 400, "; send that to"),
    "a Calico rule in Kubernetes' policy": (KUBERNETES, policy('{"egress":[{"action":"Allow"}]}'), 422, "action"),
    "peers times ports": (KUBERNETES, multiplied(), 422, "comes to 8000000 rules"),
    "labels by the thousand": (
        KUBERNETES,
        policy('{"podSelector":{"matchLabels":{' + ",".join(f'"k{n}":"v"' for n in range(20_000)) + "}}}"),
        422,
        "at most 1024",
    ),
    "4 MB staged": (STAGED, policy('{"selector":"' + "x" * 4_000_000 + '"}'), 413, "is larger than"),
    "5 000 staged rules": (
        STAGED,
        policy('{"egress":[' + ",".join(['{"action":"Deny"}'] * 5_000) + "]}"),
        422,
        "at most 1024",
    ),
    "a staged deletion of rules": (
        STAGED,
        policy('{"stagedAction":"Delete","egress":[{"action":"Deny"}]}'),
        422,
        "V-16",
    ),
    "a staged action of its own": (STAGED, policy('{"stagedAction":"Enforce"}'), 422, "Enforce"),
    "a configuration of nobody": (CONFIGURATIONS, policy("{}"), 422, "metadata.name"),
    "one key in two spellings": (
        CONFIGURATIONS,
        configuration('{"dnsPolicyMode":"Inline","DNSPolicyMode":"NoDelay"}'),
        422,
        "written twice",
    ),
    "a trusted server that is none": (
        CONFIGURATIONS,
        configuration('{"dnsTrustedServers":["::::"]}'),
        422,
        "dnsTrustedServers",
    ),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("wrong", OTHER_KINDS)
def test_a_crafted_object_of_another_kind_is_refused_in_time(lab: Running, wrong: str) -> None:
    path, body, status, said = OTHER_KINDS[wrong]
    response = send(lab, "POST", path, body)
    assert response.status_code == status
    assert said in response.text


REQUESTS: dict[str, tuple[str, str, dict[str, str], int]] = {
    # what it is: method, path, headers, HTTP status
    "packed": ("POST", POLICIES, {"Content_Encoding": "gzip"}, 415),
    "no token": ("POST", POLICIES, {"Authorization": ""}, 401),
    "a token too long": ("POST", POLICIES, {"Authorization": "Bearer " + "x" * 30_000}, 431),
    "an answer in PNG": ("POST", POLICIES, {"Accept": "image/png"}, 406),
    "a path that climbs": ("DELETE", f"{POLICIES}/%2e%2e", {}, 404),
    "a slash in a name": ("DELETE", f"{POLICIES}/a%2fb", {}, 404),
    "a name of NUL": ("DELETE", f"{POLICIES}/%00", {}, 404),
    "an empty namespace": ("POST", f"{V3}/namespaces//networksets", {}, 404),
    "all namespaces": ("DELETE", f"{V3}/networksets", {}, 405),
    "a tier in a namespace": ("POST", f"{V3}/namespaces/prod-x/tiers", {}, 404),
    "a built-in tier": ("DELETE", f"{V3}/tiers/default", {}, 403),
    "a built-in profile": ("DELETE", f"{V3}/profiles/projectcalico-default-allow", {}, 403),
    "a tier with policies": ("DELETE", f"{V3}/tiers/application", {}, 409),
    "all tiers": ("DELETE", f"{V3}/tiers", {}, 409),
    "another dry run": ("DELETE", f"{POLICIES}/ip-protect?dryRun=maybe", {}, 400),
    "a negative revision": ("GET", f"{POLICIES}?watch=1&resourceVersion=-1", {}, 400),
    "a revision of 5 000 digits": ("GET", f"{POLICIES}?watch=1&resourceVersion={'9' * 5_000}", {}, 400),
    "Arabic digits": ("GET", f"{POLICIES}?watch=1&resourceVersion=%D9%A1", {}, 400),
    "no time": ("GET", f"{POLICIES}?watch=1&timeoutSeconds=nan", {}, 400),
    "a bad label selector": ("GET", f"{POLICIES}?labelSelector={'(' * 5_000}", {}, 400),
    "a bad field selector": ("GET", f"{POLICIES}?fieldSelector={'!' * 5_000}", {}, 400),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("wrong", REQUESTS)
def test_a_crafted_request_is_refused_and_changes_nothing(lab: Running, wrong: str) -> None:
    method, path, headers, status = REQUESTS[wrong]
    body = policy("{}") if method == "POST" else None
    assert send(lab, method, path, body, **headers).status_code == status


@pytest.mark.usefixtures("untouched")
def test_a_watch_from_the_future_ends_with_an_error(lab: Running) -> None:
    response = send(lab, "GET", f"{POLICIES}?watch=1&resourceVersion={10**17}")
    assert response.json()["object"]["reason"] == "Expired"


def stacked() -> str:
    """Moves that put what they find a level deeper each."""
    steps: list[dict[str, Any]] = [{"op": "add", "path": "/spec/a", "value": {}}]
    for _ in range(1_500):
        steps.append({"op": "move", "from": "/spec/a", "path": "/spec/b"})
        steps.append({"op": "add", "path": "/spec/a", "value": {}})
        steps.append({"op": "move", "from": "/spec/b", "path": "/spec/a/a"})
    return json.dumps([*steps, {"op": "copy", "from": "/spec", "path": "/x"}])


def step(**words: Any) -> str:
    return json.dumps([{name.rstrip("_"): value for name, value in words.items()}])


PATCHES: dict[str, tuple[str, str, int]] = {
    # what it does: patch, content type, HTTP status
    "everything away": (step(op="remove", path=""), JSON_PATCH, 422),
    "everything null": (step(op="replace", path="", value=None), JSON_PATCH, 422),
    "another name": (step(op="replace", path="/metadata/name", value="b"), JSON_PATCH, 400),
    "another namespace": (step(op="replace", path="/metadata/namespace", value="shop"), JSON_PATCH, 400),
    "another kind": (step(op="replace", path="/kind", value="Tier"), JSON_PATCH, 400),
    "a list as kind": (step(op="replace", path="/kind", value=["x"]), JSON_PATCH, 400),
    "an old revision": (step(op="replace", path="/metadata/resourceVersion", value="1"), JSON_PATCH, 409),
    "a number as revision": (step(op="replace", path="/metadata/resourceVersion", value=1), JSON_PATCH, 400),
    "a number as merged revision": ('{"metadata":{"resourceVersion":1}}', MERGE, 400),
    "into itself": (step(op="move", from_="/spec", path="/spec/a"), JSON_PATCH, 422),
    "a far index": (step(op="add", path=f"/spec/nets/{'9' * 5_000}", value="1.1.1.1/32"), JSON_PATCH, 422),
    "a path that is none": (step(op="add", path=1, value=1), JSON_PATCH, 400),
    "an operation that is none": (step(op={}, path="/x"), JSON_PATCH, 400),
    "no list": ('{"op": "add"}', JSON_PATCH, 400),
    "doubling forty times": (
        json.dumps([{"op": "copy", "from": "/spec", "path": "/spec/nets/-"}] * 40),
        JSON_PATCH,
        422,
    ),
    "levels without end": (stacked(), JSON_PATCH, 422),
    "no name": ('{"metadata":{"name":null}}', MERGE, 422),
    "no list of nets": ('{"spec":[]}', MERGE, 422),
    "a directive that is none": ('{"spec":{"$patch":"explode"}}', STRATEGIC, 400),
    "a directive in a list": ('{"spec":{"nets":[{"$patch":"delete"}]}}', STRATEGIC, 400),
    "an object that is gone": ('{"$patch":"delete"}', STRATEGIC, 422),
    "apply by nobody": ("spec: {}", APPLY, 422),
    "apply in CBOR": ("spec: {}", "application/apply-patch+cbor", 415),
}


@pytest.fixture(scope="module")
def victim(lab: Running) -> str:
    made = send(lab, "POST", SETS, '{"metadata":{"name":"victim"},"spec":{"nets":["192.0.2.0/24"]}}')
    assert made.status_code == 201
    lab[1].await_enforced()
    return f"{SETS}/victim"


@pytest.mark.usefixtures("victim", "untouched")
@pytest.mark.parametrize("wrong", PATCHES)
def test_a_crafted_patch_is_refused_and_changes_nothing(lab: Running, wrong: str, victim: str) -> None:
    body, content, status = PATCHES[wrong]
    assert send(lab, "PATCH", victim, body, content).status_code == status


APPLIES: dict[str, tuple[str, str, int, str]] = {
    # what it is: query, body, HTTP status, what the answer says
    "aliases of aliases": ("", alias_bomb(), 400, "aliases repeat more than"),
    "deep YAML": ("", "- " * 500_000, 400, "nested deeper than 64"),
    "deep JSON": ("", '{"a":' * 50_000 + "1" + "}" * 50_000, 400, "nested deeper than 64"),
    "a doubled key": ("", "spec: {}\nspec: {nets: []}", 400, "duplicate key 'spec'"),
    "a list": ("", "[]", 400, "an apply patch is an object"),
    "a label of 1 MB": ("", json.dumps({"metadata": {"labels": {"a": "x" * 1_000_000}}}), 422, "metadata.labels.a"),
    "owners": ("", '{"metadata":{"managedFields":[{"manager":"x"}]}}', 400, "must be nil"),
    "null for nets": ("", "spec: {nets: null}", 422, "spec.nets: is null"),
    "unknown fields by the thousand": (
        "",
        json.dumps({"spec": {f"net{n}": 1 for n in range(50_000)}}),
        422,
        "did you mean nets",
    ),
    "rules by the thousand, each mistyped": (
        "",
        json.dumps({"spec": {"allowedEgressDomains": [{"a": 1}] * 50_000}}),
        422,
        "spec.allowedEgressDomains",
    ),
    "a manager of 200 characters": ("&fieldManager=" + "x" * 200, "spec: {}", 422, "at most 128 characters"),
    "a validation that is none": ("&fieldValidation=No", "spec: {}", 422, "Strict, Warn, Ignore"),
    "force of a kind": ("&force=perhaps", "spec: {}", 400, "neither true nor false"),
    "what is wrong beside what is dropped": (
        "&fieldValidation=Ignore",
        '{"spec":{"foo":1,"nets":["nonsense"]}}',
        422,
        "spec.nets[0]",
    ),
}


@pytest.mark.usefixtures("victim", "untouched")
@pytest.mark.parametrize("wrong", APPLIES)
def test_a_crafted_apply_is_refused_in_time_and_changes_nothing(lab: Running, wrong: str, victim: str) -> None:
    query, body, status, said = APPLIES[wrong]
    path = f"{victim}?force=true&fieldManager=attack{query}"
    response = send(lab, "PATCH", path, body, APPLY)
    assert response.status_code == status
    assert said in response.json()["message"]


def enveloped(raw: bytes, kind: bytes = b"Namespace") -> bytes:
    """A body of Kubernetes' protobuf, for core v1."""
    types = b"\x0a\x02v1\x12" + bytes([len(kind)]) + kind
    return b"k8s\x00\x0a" + bytes([len(types)]) + types + b"\x12" + length(raw) + raw


def length(raw: bytes) -> bytes:
    size, text = len(raw), b""
    while size > 0x7F:
        text += bytes([size & 0x7F | 0x80])
        size >>= 7
    return text + bytes([size])


def field(number: int, raw: bytes) -> bytes:
    return bytes([number << 3 | 2]) + length(raw) + raw


LABEL = field(11, field(1, b"a") + field(2, b"x" * 1_000_000))
MESSAGES: dict[str, tuple[bytes, int, str]] = {
    # what it is: body, HTTP status, what the answer says
    "nothing": (b"", 400, "does not begin with"),
    "JSON": (b"{}", 400, "does not begin with"),
    "a length of 4 GB": (b"k8s\x00\x0a\xff\xff\xff\xff\x0f", 400, "ends early"),
    "a number without end": (b"k8s\x00" + b"\xff" * 1_000_000, 400, "more than ten bytes"),
    "another kind": (enveloped(b"", b"Pod"), 415, "v1 Pod is not read as"),
    "a policy where a namespace belongs": (enveloped(b"", b"DeleteOptions"), 400, "this path takes"),
    "messages in messages": (enveloped(field(1, b"\x0a" * 200_000)), 400, "Namespace.metadata"),
    "a million empty fields": (enveloped(b"\x0a\x00" * 1_000_000), 400, "is there twice"),
    "a label of 1 MB": (enveloped(field(1, field(1, b"a") + LABEL)), 422, "metadata.labels.a"),
    "a doubled label": (enveloped(field(1, field(11, b"") * 2)), 400, "has a key twice"),
    "a name that climbs": (enveloped(field(1, field(1, b"../../etc"))), 422, "metadata.name"),
    "a name with NUL": (enveloped(field(1, field(1, b"a\0b"))), 422, "metadata.name"),
    "a name without UTF-8": (enveloped(field(1, field(1, b"\xff"))), 400, "is not UTF-8"),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("wrong", MESSAGES)
def test_a_crafted_message_is_refused_in_time_and_changes_nothing(lab: Running, wrong: str) -> None:
    body, status, said = MESSAGES[wrong]
    response = send(lab, "POST", "/api/v1/namespaces", body, PROTOBUF)
    assert response.status_code == status
    assert said in response.json()["message"]


def test_writers_that_meet_lose_nothing(lab: Running) -> None:
    path = f"{SETS}/shared"
    assert send(lab, "POST", SETS, '{"metadata":{"name":"shared"},"spec":{"nets":[]}}').status_code == 201

    def write(writer: int) -> None:
        for number in range(5):
            change = {"op": "add", "path": "/spec/nets/-", "value": f"10.{writer}.{number}.0/24"}
            while (response := send(lab, "PATCH", path, json.dumps([change]), JSON_PATCH)).status_code != 200:
                assert response.status_code == 409

    with ThreadPoolExecutor(6) as writers:
        list(writers.map(write, range(6)))
    assert len(send(lab, "GET", path).json()["spec"]["nets"]) == 30


def raw(lab: Running, text: bytes) -> bytes:
    """The beginning of what is answered to octets that are no good HTTP."""
    _, guard = lab
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(guard.socket))
        connection.sendall(text)
        return connection.recv(200)


NO_HTTP: dict[str, Callable[[], bytes]] = {
    "noise": lambda: bytes(100),
    "TLS": lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a header of 200 kB": lambda: b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 200_000,
    "two lengths": lambda: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a length below 0": lambda: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("wrong", NO_HTTP)
def test_what_is_no_http_is_refused(lab: Running, wrong: str) -> None:
    assert raw(lab, NO_HTTP[wrong]()).startswith(b"HTTP/1.1 400 ")


@pytest.mark.usefixtures("untouched")
def test_many_half_requests_keep_nobody_out(lab: Running) -> None:
    built, _ = lab
    host, port = API.split(":")
    with built.in_node():
        held = [socket.create_connection((host, int(port))) for _ in range(500)]
    for connection in held:
        with suppress(OSError):  # most of them are turned away: one address has 64 places for strangers
            connection.sendall(b"POST /apis HTTP/1.1\r\nHost: a\r\n")
    started = time.monotonic()
    assert send(lab, "GET", POLICIES).status_code == 200
    assert time.monotonic() - started < PATIENCE
    for connection in held:
        connection.close()

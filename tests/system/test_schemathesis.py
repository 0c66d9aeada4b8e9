"""The whole API against its own description: requests drawn from it, good ones and bad ones, to a running controller.

Nothing may be answered that the description does not tell of, nothing may be a mistake of ours, and what the
description forbids must be refused. A good request may be refused all the same: rules between fields, selectors and
names of things that are not there are no schema's matter.
"""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from dnsguard.api.queries import SWITCHES
from dnsguard.locations import CA_FILE
from dnsguard.resources import KINDS, Kind
from tests.support.netns import namespace
from tests.support.samples import SAMPLES
from tests.system.controller import API, Controller, until

URL = f"https://{API}"
CHECKS: list[Any] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
UNENDING = ("watch", "follow")
"""Parameters whose answers do not end by themselves: tests of their own see to them."""

FAULTY = frozenset({500, 501, 502, 504})
"""503 is said of what cannot be known: here no forwarder runs."""

EXAMPLES = {GenerationMode.POSITIVE: 1, GenerationMode.NEGATIVE: 1}
"""Of each operation and round; rounds are many with --soak."""


class Server:
    """A running controller, as a client of its description sees it."""

    def __init__(self, controller: Controller) -> None:
        state = controller.directory / "state"
        self.session = requests.Session()
        self.session.trust_env = False
        self.authority = str(state / CA_FILE)
        self.token = (state / "token").read_text().strip()
        self.session.headers["Authorization"] = f"Bearer {self.token}"
        self.answers: Counter[int] = Counter()
        self.findings: dict[tuple[str, str, int], str] = {}
        self.schema = schemathesis.openapi.from_dict(self.get("/openapi.json").json())
        self.schema.config.generation.update(with_security_parameters=False)

    def get(self, path: str) -> requests.Response:
        return self.session.get(URL + path, verify=self.authority, timeout=20)

    def ensure(self, kind: Kind) -> None:
        """That the sample of a kind is there."""
        scope = f"namespaces/{NAMESPACE}/" if kind.namespaced else ""
        root = f"apis/{kind.api_version}" if kind.group else f"api/{kind.api_version}"
        made = self.session.post(f"{URL}/{root}/{scope}{kind.plural}", json=SAMPLES[kind.collection],
                                 verify=self.authority, timeout=20)  # fmt: skip
        assert made.status_code in (201, 409), made.text

    def send(self, case: Case[Any]) -> None:
        """Send it and note what is wrong with the answer."""
        query = case.query or {}
        for name in UNENDING:
            said = query.get(name)
            if any(SWITCHES.get(str(each)) for each in (said if isinstance(said, list) else [said])):
                del query[name]
        if "" in query.values():
            return  # as if the parameter were not there, which the description says in words alone
        answer = case.call(base_url=URL, session=self.session, verify=self.authority, timeout=20)
        self.answers[answer.status_code] += 1
        if answer.status_code in FAULTY:
            self._note(case, "mistake", answer, "a mistake of ours")
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                self._note(case, type(failure).__name__, answer, str(failure)[:1_000])

    def _note(self, case: Case[Any], what: str, answer: Any, said: str) -> None:
        key = (what, case.operation.label, answer.status_code)
        self.findings.setdefault(key, f"{said}\n{case.as_curl_command()[:1_500]}\n{answer.text[:500]}")


NAMESPACE = "default"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with namespace() as node, node.entered():
        controller = Controller(node, tmp_path)
        try:
            controller.start()
            until(lambda: answers(controller), 60)
            yield Server(controller)
        finally:
            controller.close()


def answers(controller: Controller) -> bool:
    try:
        return bool(controller.status())
    except (httpx.TransportError, AssertionError):
        return False


def kinds_by_path() -> dict[str, Kind]:
    """Plural of a path → kind: `networkpolicies` below its group."""
    return {f"{kind.api_version}/{kind.plural}": kind for kind in KINDS}


def existing(operation: Any, by_path: dict[str, Kind]) -> tuple[Kind | None, dict[str, str]]:
    """The kind that an operation is about, and parameters of a path at which something is."""
    plain = operation.path.replace("namespaces/{namespace}/", "").removesuffix("/{name}")
    kind = by_path.get(plain.removeprefix("/apis/").removeprefix("/api/"))
    found = {"namespace": NAMESPACE} if "{namespace}" in operation.path else {}
    if kind is not None and "{name}" in operation.path:
        found["name"] = SAMPLES[kind.collection]["metadata"]["name"]
    return kind, found


def one_of_each(operations: list[Any], by_path: dict[str, Kind]) -> list[Any]:
    """All that are about no kind, and of those that differ in nothing but the kind one, each time of another kind."""
    alike: dict[tuple[str, ...], list[Any]] = {}
    for operation in operations:
        kind, _ = existing(operation, by_path)
        path = operation.path if kind is None else operation.path.replace(kind.api_version, "").replace(kind.plural, "")
        alike.setdefault((operation.method, path), []).append(operation)
    return [group[place % len(group)] for place, group in enumerate(alike.values())]


@pytest.mark.timeout(0)
def test_the_api_is_as_it_is_described(server: Server, soak: float, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    operations: list[Any] = []
    for found in server.schema.get_all_operations():
        assert isinstance(found, Ok), found
        operations.append(found.ok())
    by_path = kinds_by_path()
    if not soak:
        operations = one_of_each(operations, by_path)
    rounds = 0
    while rounds == 0 or time.monotonic() - began < soak:
        rounds += 1
        for operation in operations:
            kind, path = existing(operation, by_path)
            for mode, examples in EXAMPLES.items():
                if kind is not None and mode is GenerationMode.POSITIVE:
                    server.ensure(kind)
                    strategy = operation.as_strategy(generation_mode=mode, path_parameters=path or None)
                else:
                    strategy = operation.as_strategy(generation_mode=mode)
                draw = settings(
                    max_examples=examples,
                    database=None,
                    deadline=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                try:
                    seed(rounds)(draw(given(case=strategy)(server.send)))()
                except Unsatisfiable:
                    continue  # nothing that could be wrong in it
    seconds = time.monotonic() - began
    with capsys.disabled():
        print(
            f"\nschemathesis: {len(operations)} operations, {server.answers.total()} requests in {seconds:.0f} s, "
            f"{rounds} rounds: {dict(sorted(server.answers.items()))}; {len(server.findings)} findings"
        )
    told = "\n\n".join(f"{key}: {said}" for key, said in server.findings.items())
    assert not server.findings, f"seeds 1 to {rounds}\n{told}"

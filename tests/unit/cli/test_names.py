"""Endpoints that may be meant by a name that none has."""

from collections.abc import Callable

import pytest

from tests.unit.cli.conftest import Run

ENDPOINTS = """
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: nobody-1.net.0123456789ab, namespace: docker}
spec: {node: n1, interfaceName: veth1, ipNetworks: [192.0.2.1]}
"""
NEARLY = ENDPOINTS.replace("nobody-1.net.0123456789ab, namespace: docker", "nobdy, namespace: shop")


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    ("manifest", "meant"),
    [
        (ENDPOINTS, "; did you mean docker/nobody-1.net.0123456789ab?\n"),
        (NEARLY, "; did you mean shop/nobdy?\n"),
        (ENDPOINTS.replace("nobody", "other"), "'shop/nobody'\n"),
    ],
)
def test_they_are_named(run: Run, write: Callable[[str, str], str], manifest: str, meant: str) -> None:
    assert run("apply", "-f", write("endpoints.yaml", manifest))[0] == 0
    for words in (["effective"], ["leases"], ["denied", "--client"], ["log", "--client"]):
        code, _, said = run(*words, "shop/nobody")
        assert (code, said.endswith(meant)) == (1, True), said


@pytest.mark.usefixtures("api")
def test_what_is_wrong_with_something_else_names_none(run: Run, write: Callable[[str, str], str]) -> None:
    assert run("apply", "-f", write("endpoints.yaml", ENDPOINTS))[0] == 0
    assert "did you mean" not in run("leases", "nobody-1", "--name", "..")[2]

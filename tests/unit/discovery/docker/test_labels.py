"""Docker's labels as labels of an endpoint."""

import pytest

from dnsguard.discovery.docker.labels import MOST_BYTES, Labels, taken
from dnsguard.resources.metadata import read_labels
from dnsguard.selector.parser import parse


@pytest.mark.parametrize(
    ("key", "text", "is_taken"),
    [
        ("com.docker.compose.service", "billing", True),
        ("com.docker.compose.container-number", "1", True),
        ("com.docker.compose.oneoff", "False", True),
        ("com.docker.compose.config-hash", "0" * 64, False),
        ("com.docker.compose.project.config_files", "/srv/compose.yml", False),
        ("com.docker.compose.depends_on", "db:service_started:false", False),
        ("org.opencontainers.image.title", "a title", False),
        ("example.org/role", "", True),
        ("Example.org/role", "web", False),
        ("", "x", False),
        ("role", "wéb", False),
        ("rôle", "web", False),
        ("role", "web\n", False),
        ("role\0", "web", False),
        ("role", "\ud800", False),
        ("a" * 64, "x", False),
        ("dnsguard.io/docker-network", "other", False),
    ],
)
def test_what_is_a_label_here(key: str, text: str, is_taken: bool) -> None:
    assert taken({key: text}) == (Labels({key: text}, ()) if is_taken else Labels({}, (key,)))


def test_what_compose_says_of_a_service_can_be_selected() -> None:
    assert parse("com.docker.compose.service == 'billing'").matches(
        taken({"com.docker.compose.service": "billing"}).taken
    )


def test_too_many_are_cut_off_in_the_order_of_their_keys_and_the_rest_is_a_valid_object() -> None:
    labels = {f"key{number:06}": "x" * 60 for number in range(100_000)}
    found = taken(labels)
    assert found == taken(dict(reversed(labels.items())))
    assert len(found.taken) == MOST_BYTES // 69
    assert set(found.taken) | set(found.left_out) == labels.keys()
    assert read_labels(dict(found.taken)) == found.taken

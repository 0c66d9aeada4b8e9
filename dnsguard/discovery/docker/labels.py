"""Docker's labels as labels of an endpoint: Docker takes any text, policy takes what Kubernetes does. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from dnsguard.resources.metadata import label_key_fault, label_value_fault

CONTAINER: Final = "dnsguard.io/docker-container"
NETWORK: Final = "dnsguard.io/docker-network"
OWN: Final = "dnsguard.io/"
"""Labels that begin so are ours to give: a container must not say that it is in another network."""

MOST_BYTES: Final = 64 * 1024
"""Of keys and values together, a quarter of what an object may have; those whose keys sort last are left out."""


class Labels(NamedTuple):
    """The labels of one container."""

    taken: Mapping[str, str]
    left_out: tuple[str, ...]
    """Keys, sorted."""


def taken(labels: Mapping[str, str]) -> Labels:
    """Those that are labels of Kubernetes, unchanged. A text that is not is never made into one that is: two different
    ones must not look alike to a policy."""
    good: dict[str, str] = {}
    bad: list[str] = []
    size = 0
    for key, text in sorted(labels.items()):
        if key.startswith(OWN) or label_key_fault(key) or label_value_fault(text):
            bad.append(key)
            continue
        size += len(key) + len(text)
        if size > MOST_BYTES:
            bad.append(key)
        else:
            good[key] = text
    return Labels(good, tuple(bad))

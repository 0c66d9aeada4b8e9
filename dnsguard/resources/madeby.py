"""Objects that dnsguard makes by itself and keeps right: how they are told from those of users."""

from collections.abc import Mapping
from typing import Any, Final

MADE_BY: Final = "dnsguard.io/made-by"
"""The annotation that says who in dnsguard makes the object. Only dnsguard writes it."""

HOST_ENDPOINTS: Final = "auto-host-endpoint"
DOCKER: Final = "docker-discovery"

FOLLOWS: Mapping[str, str] = {
    HOST_ENDPOINTS: "it follows the addresses and labels of the node: set node_labels, or auto_host_endpoint: Off",
    DOCKER: "it follows the container: start that with other labels or networks, or set docker_networks",
}
"""Who makes objects → what to change instead of one of them."""


def maker(value: Mapping[str, Any]) -> str:
    """Who in dnsguard makes an object, given in its JSON shape; empty for one of users."""
    metadata = value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return str(annotations.get(MADE_BY, "")) if isinstance(annotations, Mapping) else ""

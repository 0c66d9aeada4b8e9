"""The endpoints that Docker's containers are, from what is known of them. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dnsguard.discovery.docker.answers import Attachment, Container, Network
from dnsguard.discovery.docker.labels import CONTAINER, NETWORK, taken
from dnsguard.resources.endpoint import is_mac
from dnsguard.resources.madeby import DOCKER, MADE_BY
from dnsguard.resources.metadata import label_value_fault

Object = dict[str, Any]
"""A resource in its JSON shape."""

Ports = Mapping[str, Mapping[str, Sequence[str]]]
"""Path of a network namespace → bridge → its ports that lead there."""

LEFT_OUT: Final = "dnsguard.io/docker-labels-left-out"
"""The annotation that names labels which are none here."""

_LONGEST_LEFT_OUT: Final = 2_000
_LONGEST_PART: Final = 63
_SHORT: Final = 12
"""Digits of an id that Docker itself shows."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What Docker's present state makes."""

    objects: Mapping[str, Object]
    """By name, without what the store fills in."""

    unsettled: Mapping[str, frozenset[str]]
    """Containers that are not looked into yet → their addresses: endpoints that they had stay as far as these go."""

    missing: tuple[str, ...]
    """Of which containers no port was found, for people."""

    labels_left_out: int


@dataclass(frozen=True, slots=True)
class Known:
    """All that was asked."""

    containers: Sequence[Container]
    networks: Mapping[str, Network]
    sandboxes: Mapping[tuple[str, ...], str]
    """``Container.run`` → path of the network namespace, as far as it is known."""

    ports: Ports
    failed: Mapping[str, str]
    """Path of a namespace that cannot be looked at → why."""


def wanted(known: Known, only: Sequence[str], node: str, namespace: str) -> Wanted:
    """``only``: names or ids of the networks that count; all where there are none."""
    objects: dict[str, Object] = {}
    unsettled: dict[str, frozenset[str]] = {}
    missing: list[str] = []
    left_out = 0
    for container in known.containers:
        places = [
            (each, network)
            for each in container.attachments
            if (network := known.networks.get(each.network)) is not None
            and network.bridge
            and (not only or network.name in only or network.id in only)
        ]
        if not places:
            continue
        if container.run not in known.sandboxes:
            unsettled[container.id] = frozenset(map(str, container.addresses))
            continue
        labels = taken(container.labels)
        left_out += len(labels.left_out)
        path = known.sandboxes[container.run]
        for (attachment, network), name in zip(places, _names(container, places), strict=True):
            ports = known.ports.get(path, {}).get(network.bridge, ())
            if len(ports) == 1:
                objects[name] = _object(
                    container, attachment, network, ports[0], labels.taken, labels.left_out, (name, namespace, node)
                )
            else:
                found = known.failed.get(path) or f"{len(ports) or 'no'} ports of {network.bridge} lead into it"
                missing.append(
                    f"container {_shown(container)} in network {network.name[:64]!r} has no endpoint: {found}"
                )
    return Wanted(objects, unsettled, tuple(missing), left_out)


def _shown(container: Container) -> str:
    return container.name[:64] or container.id[:_SHORT]


def _names(container: Container, places: Sequence[tuple[Attachment, Network]]) -> Iterator[str]:
    """``container.network.id``: with the id, so that who takes over the name of another container takes over nothing
    else of it."""
    parts = [_name_part(network.name) for _, network in places]
    often = Counter(parts)
    for part, (_, network) in zip(parts, places, strict=True):
        unique = part if part and often[part] == 1 else f"{part[:40]}-{network.id[:_SHORT]}".lstrip("-")
        yield ".".join(filter(None, (_name_part(container.name), unique, container.id[:_SHORT])))


def _name_part(text: str) -> str:
    """Any text as a label of a DNS name; may be empty."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST_PART].strip("-")


def _object(
    container: Container,
    attachment: Attachment,
    network: Network,
    port: str,
    labels: Mapping[str, str],
    left_out: Sequence[str],
    place: tuple[str, str, str],
) -> Object:
    name, namespace, node = place
    own = {key: text for key, text in ((CONTAINER, container.name), (NETWORK, network.name)) if _is_value(text)}
    annotations = {MADE_BY: DOCKER}
    if left_out:
        annotations[LEFT_OUT] = _listed(left_out)
    spec: dict[str, Any] = {
        "orchestrator": "docker",
        "node": node,
        "containerID": container.id,
        "interfaceName": port,
        "ipNetworks": [f"{each}/{each.max_prefixlen}" for each in attachment.addresses],
        "profiles": [f"kns.{namespace}"],
    }
    if workload := _name_part(container.name):
        spec["workload"] = workload
    if is_mac(attachment.mac):
        spec["mac"] = attachment.mac
    metadata = {"name": name, "namespace": namespace, "labels": {**labels, **own}, "annotations": annotations}
    return {"apiVersion": "projectcalico.org/v3", "kind": "WorkloadEndpoint", "metadata": metadata, "spec": spec}


def _is_value(text: str) -> bool:
    return label_value_fault(text) is None


def _listed(keys: Sequence[str]) -> str:
    """Keys in ASCII, as many as there is room for, and the number of the rest."""
    shown: list[str] = []
    room = _LONGEST_LEFT_OUT
    for key in keys:
        text = ascii(key[:100])[1:-1]
        if len(text) + 2 > room:
            break
        room -= len(text) + 2
        shown.append(text)
    more = len(keys) - len(shown)
    return ", ".join([*shown, *([f"and {more} more"] if more else [])])

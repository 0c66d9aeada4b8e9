"""What Docker's API answers, read at the door: what is not understood of it is passed over or refused. Pure.

Fields are those of ``GET /containers/json``, ``/networks`` and ``/containers/{id}/json``, which every version has.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from dnsguard.discovery.docker.errors import DockerUnavailable

Address = IPv4Address | IPv6Address

_ID = re.compile(r"[0-9a-f]{64}")
_DEPTH = "is nested too deeply"
_PRESENT = ("running", "paused")
"""States in which a container has a network. One that is ``restarting`` has none until it runs again."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A container's place in one network."""

    network: str
    """The network's id."""

    name: str
    """As the container knows the network."""

    endpoint: str
    """Docker's id of this very attachment: another one after each start of the container."""

    addresses: tuple[Address, ...]
    mac: str


@dataclass(frozen=True, slots=True)
class Container:
    """One that runs, or is paused."""

    id: str
    name: str
    labels: Mapping[str, str]
    """As Docker has them, which is any text."""

    shares: str
    """Whose network it uses: ``host``, the id of another container, or empty: its own."""

    attachments: tuple[Attachment, ...]

    @property
    def run(self) -> tuple[str, ...]:
        """Stands for this container as it is attached now: another one after each start."""
        return _run(self.id, self.attachments)

    @property
    def addresses(self) -> frozenset[Address]:
        """In all networks."""
        return frozenset(address for each in self.attachments for address in each.addresses)


@dataclass(frozen=True, slots=True)
class Network:
    """One that Docker made a bridge for, or not."""

    id: str
    name: str
    driver: str
    bridge: str
    """Empty for what is no bridge of this machine."""


def read_containers(body: bytes) -> tuple[Container, ...]:
    """Those that have a network now. Raises DockerUnavailable: of a list that is not understood nothing is taken, for
    what seems to be missing would be removed."""
    return tuple(_containers(_list(body, "its containers")))


def read_networks(body: bytes) -> dict[str, Network]:
    """By id. Raises DockerUnavailable."""
    found = (_network(each) for each in _list(body, "its networks"))
    return {each.id: each for each in found}


def read_sandbox(body: bytes) -> tuple[tuple[str, ...], str]:
    """``Container.run``, and the path of its network namespace; empty where it has none. Raises DockerUnavailable."""
    value = _json(body, "a container")
    settings = value.get("NetworkSettings") if isinstance(value, dict) else None
    path = settings.get("SandboxKey") if isinstance(settings, dict) else None
    if not isinstance(path, str):
        raise DockerUnavailable("it says of a container no NetworkSettings.SandboxKey")
    identity = str(value.get("Id"))
    run = _run(identity, tuple(_attachments(identity, value)))
    return run, path if path.startswith("/") and "\0" not in path else ""


def _run(identity: str, attachments: Iterable[Attachment]) -> tuple[str, ...]:
    return (identity, *sorted(each.endpoint for each in attachments))


def _json(body: bytes, what: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        said = _DEPTH if isinstance(error, RecursionError) else f"is no JSON: {error}"
        raise DockerUnavailable(f"what it says of {what} {said}") from None


def _list(body: bytes, what: str) -> list[dict[str, Any]]:
    value = _json(body, what)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise DockerUnavailable(f"what it says of {what} is no list of objects")
    return value


def _containers(values: list[dict[str, Any]]) -> Iterator[Container]:
    for value in values:
        identity = value.get("Id")
        if not isinstance(identity, str) or not _ID.fullmatch(identity):
            raise DockerUnavailable(f"it lists a container with the Id {str(identity)[:70]!r}, which is none")
        if value.get("State") in _PRESENT:
            yield Container(
                identity, _name(value), dict(_labels(value)), _shares(value), tuple(_attachments(identity, value))
            )


def _name(value: Mapping[str, Any]) -> str:
    """The name that is its own: links of other containers have a slash in the middle."""
    names = value.get("Names")
    own = [name[1:] for name in names or () if isinstance(name, str) and name.startswith("/")]
    return min((name for name in own if "/" not in name), default="")


def _labels(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    labels = value.get("Labels")
    for key, text in labels.items() if isinstance(labels, dict) else ():
        if isinstance(text, str):
            yield key, text


def _shares(value: Mapping[str, Any]) -> str:
    config = value.get("HostConfig")
    mode = config.get("NetworkMode") if isinstance(config, dict) else ""
    if mode == "host":
        return "host"
    return mode.removeprefix("container:") if isinstance(mode, str) and mode.startswith("container:") else ""


def _attachments(identity: str, value: Mapping[str, Any]) -> Iterator[Attachment]:
    settings = value.get("NetworkSettings")
    networks = settings.get("Networks") if isinstance(settings, dict) else None
    if not isinstance(networks, dict):
        raise DockerUnavailable(f"it lists container {identity[:12]} without NetworkSettings.Networks")
    for name, each in sorted(networks.items()):
        if not isinstance(each, dict):
            raise DockerUnavailable(f"it says of container {identity[:12]} in network {name[:64]!r} what is no object")
        texts = [each.get(field) or "" for field in ("NetworkID", "EndpointID", "MacAddress")]
        network, endpoint, mac = (text if isinstance(text, str) else "" for text in texts)
        addresses = tuple(_addresses(each))
        if network and endpoint and addresses:
            yield Attachment(network, name, endpoint, addresses, mac)


def _addresses(value: Mapping[str, Any]) -> Iterator[Address]:
    for field in "IPAddress", "GlobalIPv6Address":
        text = value.get(field)
        if isinstance(text, str) and text:
            try:
                address = ip_address(text)
            except ValueError:
                raise DockerUnavailable(f"it says {field} is {text[:50]!r}, which is no address") from None
            if "%" not in text:
                yield address


def _network(value: Mapping[str, Any]) -> Network:
    identity, name, driver = (value.get(field) for field in ("Id", "Name", "Driver"))
    if not isinstance(identity, str) or not isinstance(name, str) or not isinstance(driver, str):
        raise DockerUnavailable("it lists a network without Id, Name and Driver")
    options = value.get("Options")
    named = options.get("com.docker.network.bridge.name") if isinstance(options, dict) else None
    bridge = ""
    if driver == "bridge":
        bridge = named if isinstance(named, str) and named else f"br-{identity[:12]}"
    return Network(identity, name, driver, bridge)

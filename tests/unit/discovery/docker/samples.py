"""Answers of Docker, as its engines give them."""

import json
from typing import Any

PAY, WEB = "a" * 64, "b" * 64
BRIDGE, BACK, MACVLAN = "1" * 64, "2" * 64, "3" * 64


def place(network: str, endpoint: str, address: str, address6: str = "") -> dict[str, Any]:
    return {"NetworkID": network, "EndpointID": endpoint, "IPAddress": address, "IPPrefixLen": 16, "Gateway": "",
            "GlobalIPv6Address": address6, "MacAddress": "02:42:ac:11:00:02", "DriverOpts": None}  # fmt: skip


def container(
    identity: str = PAY, name: str = "pay", state: str = "running", mode: str = "bridge", **networks: Any
) -> dict[str, Any]:
    return {"Id": identity, "Names": [f"/{name}"], "Labels": {"role": name}, "State": state,
            "HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"Networks": networks}}  # fmt: skip


NETWORKS: list[dict[str, Any]] = [
    {"Id": BRIDGE, "Name": "bridge", "Driver": "bridge", "Options": {"com.docker.network.bridge.name": "docker0"}},
    {"Id": BACK, "Name": "shop_back", "Driver": "bridge", "Options": None},
    {"Id": MACVLAN, "Name": "lan", "Driver": "macvlan", "Options": {"parent": "eth0"}},
]


def text(value: Any) -> bytes:
    return json.dumps(value).encode()

import socket
from ipaddress import ip_address

import pytest

from dnsguard.controller.apiserver import ApiAddressError, bind
from dnsguard.settings import SocketAddress


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_listener_of_either_family(address: str) -> None:
    with (
        bind(SocketAddress(ip_address(address), 0)) as listener,
        socket.create_connection((address, listener.getsockname()[1]), timeout=5),
    ):
        assert listener.proto == socket.IPPROTO_TCP  # asyncio looks at it before it sets TCP_NODELAY


def test_an_address_in_use_is_named() -> None:
    with bind(SocketAddress(ip_address("127.0.0.1"), 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(ApiAddressError, match=rf"api_listen: cannot listen on 127.0.0.1:{port}: Address"):
            bind(SocketAddress(ip_address("127.0.0.1"), port))

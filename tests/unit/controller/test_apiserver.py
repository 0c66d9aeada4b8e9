import inspect
import logging
import resource
import socket
from ipaddress import ip_address

import pytest
from uvicorn.protocols.http import h11_impl

from dnsguard.controller.apiserver import ApiAddressError, bind, is_news, room
from dnsguard.controller.serving.crowd import CONNECTIONS
from dnsguard.settings import SocketAddress


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_listener_of_either_family(address: str) -> None:
    with (
        bind(SocketAddress(ip_address(address), 0)) as listener,
        socket.create_connection((address, listener.getsockname()[1]), timeout=5),
    ):
        assert listener.proto == socket.IPPROTO_TCP  # asyncio looks at it before it sets TCP_NODELAY


def test_there_is_room_for_as_many_connections_as_files_allow() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        assert room() == min(CONNECTIONS, before[1] // 2)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 2 * room()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_answers_that_are_left_without_an_end_are_no_news() -> None:
    message = "ASGI callable returned without completing response."
    assert message in inspect.getsource(h11_impl)  # as that version says it
    said = [logging.makeLogRecord({"msg": text}) for text in (message, "Exception in ASGI application\n")]
    assert list(map(is_news, said)) == [False, True]


def test_an_address_in_use_is_named() -> None:
    with bind(SocketAddress(ip_address("127.0.0.1"), 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(ApiAddressError, match=rf"api_listen: cannot listen on 127.0.0.1:{port}: Address"):
            bind(SocketAddress(ip_address("127.0.0.1"), port))

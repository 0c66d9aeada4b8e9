"""``socket.getaddrinfo``, or aiodns by ``getaddrinfo`` or ``query_dns``: the first argument says. See ``__init__``."""

import asyncio
import errno
import socket
import sys
from collections.abc import Awaitable, Callable

import aiodns

Find = Callable[[str, int], Awaitable[list[str]]]

FAMILIES = {0: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


async def getaddrinfo(name: str, family: int) -> list[str]:
    found = socket.getaddrinfo(name, None, FAMILIES[family], socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def ares(name: str, family: int) -> list[str]:
    found = await aiodns.DNSResolver().getaddrinfo(name, FAMILIES[family], type=socket.SOCK_STREAM)
    return [node.addr[0].decode() for node in found.nodes]


async def query(name: str, family: int) -> list[str]:
    resolver = aiodns.DNSResolver()
    kinds = {0: ("A", "AAAA"), 4: ("A",), 6: ("AAAA",)}[family]
    answers = await asyncio.gather(*(resolver.query_dns(name, kind) for kind in kinds), return_exceptions=True)
    records = [record for each in answers if not isinstance(each, BaseException) for record in each.answer]
    for problem in answers:
        if isinstance(problem, BaseException) and not records:
            raise problem
    return [record.data.addr for record in records if hasattr(record.data, "addr")]


def attempt(address: str, port: int, wait: float) -> str:
    try:
        with socket.create_connection((address, port), wait) as connection:
            return "answered" if connection.recv(256) else "closed"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))


async def main(how: str, family: str, port: str, wait: str, *names: str) -> None:
    find: Find = {"getaddrinfo": getaddrinfo, "ares": ares, "query": query}[how]
    for name in names:
        try:
            addresses = await find(name, int(family))
        except (socket.gaierror, aiodns.error.DNSError) as error:
            print(name, "-", error.args[1], sep="\t")
            continue
        for address in addresses:
            print(name, address, attempt(address, int(port), int(wait) / 1000), sep="\t")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

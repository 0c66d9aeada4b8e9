"""A name server of every trick: what it answers stands in the first label that it is asked for.

Started by path inside a namespace of the lab, with the address to serve; standard library only.
"""

import ipaddress
import socket
import struct
import sys
import threading
from collections.abc import Callable

A, CNAME, AAAA, HTTPS = 1, 5, 28, 65
ASKED = b"\xc0\x0c"
"""A pointer to the name in the question."""

FORBIDDEN_4 = (
    "169.254.169.254",
    "127.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "10.0.0.100",
    "10.96.0.10",
)
FORBIDDEN_6 = (
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "2001::5601:5601",
    "2001:0:c000:204:8000:63bf:5601:5601",
    "::ffff:0:a9fe:a9fe",
    "::1",
    "::",
    "fe80::1",
    "ff02::1",
    "fd00:0:0:1::100",
    "::ffff:10.0.0.100",
)


def record(owner: bytes, kind: int, data: bytes, ttl: int = 300, of_class: int = 1) -> bytes:
    return owner + struct.pack("!HHIH", kind, of_class, ttl, len(data)) + data


def address(text: str, owner: bytes = ASKED, of_class: int = 1) -> bytes:
    packed = ipaddress.ip_address(text).packed
    return record(owner, A if len(packed) == 4 else AAAA, packed, of_class=of_class)


def alias(owner: str, target: str) -> bytes:
    return record(wire(owner), CNAME, wire(target))


def wire(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


TRICKS: dict[str, Callable[[], list[bytes]]] = {
    "forbidden": lambda: [address(text) for text in (*FORBIDDEN_4, "198.51.100.71")],
    "forbidden6": lambda: [address(text) for text in (*FORBIDDEN_6, "2001:db8::71")],
    "loop": lambda: [
        alias("loop.example.com", "loop2.example.com"),
        alias("loop2.example.com", "loop.example.com"),
        address("198.51.100.72"),
    ],
    "itself": lambda: [record(ASKED, CNAME, ASKED), address("198.51.100.73")],
    "forty": lambda: [address(f"198.51.100.{100 + number}") for number in range(40)],
    "unrelated": lambda: [address("198.51.100.74"), address("198.51.100.75", wire("victim.example.com"))],
    "class": lambda: [address("198.51.100.76", of_class=3), address("198.51.100.77")],
    "deep": lambda: (
        [alias(f"d{n}.example.com" if n else "deep.example.com", f"d{n + 1}.example.com") for n in range(60)]
        + [address("198.51.100.78", wire("d60.example.com"))]
    ),
    "hints": lambda: [
        record(
            ASKED,
            HTTPS,
            struct.pack("!HBHH", 1, 0, 4, 8) + bytes([198, 51, 100, 79]) + bytes([169, 254, 169, 254]),
        )
    ],
    "thousands": lambda: [address(f"10.10.{number >> 8}.{number & 255}") for number in range(3_500)],
    "forward": lambda: [address("198.51.100.80", b"\xc0\xff")],
    "forged": lambda: [address("198.51.100.81")],
}


def question_of(query: bytes) -> bytes:
    end = 12
    while query[end]:
        end += query[end] + 1
    return query[12 : end + 5]


def answer(query: bytes) -> bytes:
    question = question_of(query)
    trick = bytes(question[1 : 1 + question[0]]).lower().decode("latin-1")
    records = TRICKS.get(trick, lambda: [address("198.51.100.90")])()
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) + question + b"".join(records)


def forgeries(query: bytes) -> list[bytes]:
    """What an attacker off the path, who knows our port, would try before the right answer arrives."""
    if b"\x06forged" not in query.lower():
        return []
    question = question_of(query)
    lie = address("198.51.100.82")

    def forged(identifier: bytes, asked: bytes, flags: int = 0x8180) -> bytes:
        return identifier + struct.pack("!HHHHH", flags, 1, 1, 0, 0) + asked + lie

    number = int.from_bytes(query[:2], "big")
    guesses = [forged(struct.pack("!H", number ^ guess), question) for guess in range(1, 200)]
    others = [
        forged(query[:2], wire("other.example.com") + question[-4:]),
        forged(query[:2], question[:-4] + b"\0\x1c\0\1"),
        forged(query[:2], question[:-4] + b"\0\1\0\3"),
        forged(query[:2], question, flags=0x0100),
        b"",
        b"\0",
        query,
        b"\xff" * 500,
    ]
    return guesses + others


def serve_stream(listener: socket.socket) -> None:
    def converse(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as incoming:
            while len(length := incoming.read(2)) == 2:
                whole = answer(incoming.read(int.from_bytes(length, "big")))
                connection.sendall(struct.pack("!H", len(whole)) + whole)

    while True:
        threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()


def main(own: str) -> None:
    stream = socket.create_server((own, 53))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((own, 53))
    threading.Thread(target=serve_stream, args=(stream,), daemon=True).start()
    print("ready", flush=True)
    while True:
        query, peer = datagrams.recvfrom(4096)
        whole = answer(query)
        if len(whole) > 1232:
            whole = whole[:2] + b"\x83\x80\0\1\0\0\0\0\0\0" + question_of(query)
        for each in (*forgeries(query), whole):
            datagrams.sendto(each, peer)


if __name__ == "__main__":
    main(sys.argv[1])

"""What one watch of the load test hears, however its answer is cut."""

import asyncio
import json

import pytest

from loadtest.listeners import Heard, Listener

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
BOOKMARK = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1"}}}\n'


def change(number: int) -> bytes:
    value = {"type": "MODIFIED", "object": {"metadata": {"labels": {"number": str(number)}}}}
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks if chunk)


async def test_a_change_is_heard_wherever_chunks_and_reads_cut_it() -> None:
    lines = change(7) + change(12)
    for cut in range(len(lines) + 1):
        answer = HEAD + chunked(lines[:cut], lines[cut:], BOOKMARK)
        for read in (1, 16, 50, len(answer)):
            heard = Heard(1, 20)
            listener = Listener(heard, b"")
            for start in range(0, len(answer), read):
                listener.data_received(answer[start : start + read])
            assert (heard.counts[7], heard.counts[12], sum(heard.counts), heard.problems) == (1, 1, 2, []), (cut, read)
            assert listener.is_open.done()


@pytest.mark.parametrize("read", [1, 1_000])
async def test_a_refusal_is_said(read: int) -> None:
    answer = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\n\r\n{}"
    heard = Heard(1, 1)
    listener = Listener(heard, b"")
    for start in range(0, len(answer), read):
        listener.data_received(answer[start : start + read])
    await asyncio.wait_for(listener.is_open, 1)
    assert heard.problems[0].startswith("HTTP/1.1 429")

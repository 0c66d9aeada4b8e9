"""Logs over HTTP: the newest records, or one JSON object a line as they come."""

from collections.abc import AsyncIterator, Mapping
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Send

from api.failures import bad_request

LINES: Final = "application/x-ndjson"
USUAL: Final = 100
MOST: Final = 1_024
"""Records that are asked for at a time, and about as many as are kept."""


class Following(StreamingResponse):
    """Lines as they come. Its head waits for the empty line that says that following has begun."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        super().__init__(_encoded(lines), media_type=LINES)

    async def stream_response(self, send: Send) -> None:
        await anext(aiter(self.body_iterator), None)
        await super().stream_response(send)


async def _encoded(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        yield line + "\n"


def last_asked(query: Mapping[str, str]) -> int:
    """How many of the newest records ``last`` asks for. Raises Failure."""
    last = query.get("last", str(USUAL))
    if not (last.isascii() and last.isdigit() and len(last) < 6 and int(last) <= MOST):
        raise bad_request(f"last: {last!r} is no number of records: write 0 to {MOST}")
    return int(last)

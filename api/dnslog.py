"""The DNS log over HTTP: the newest records, or one JSON object a line as they come."""

from collections.abc import AsyncIterator, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from api.failures import bad_request
from api.queries import is_true
from api.services import DnsLog, DnsLogQuestion
from dnsguard.domains import DomainPattern, DomainPatternError

LINES: Final = "application/x-ndjson"
USUAL: Final = 100
MOST: Final = 1_024
"""Records that are asked for at a time, and about as many as a forwarder keeps."""


async def answer_dns_log(log: DnsLog, request: Request) -> Response:
    """One JSON object a line. ``?last=`` so many; ``client=``, ``name=`` (a domain pattern) and ``denied=true`` choose;
    ``follow=true`` goes on with what comes, and nothing is missed once the head of the response is there."""
    query = request.query_params
    question = _question(query)
    if is_true(query, "follow"):
        return _Following(_encoded(await log.follow(question)), media_type=LINES)
    return Response("".join(f"{line}\n" for line in await log.recent(question)), media_type=LINES)


class _Following(StreamingResponse):
    """Its head waits for the empty line that says that following has begun."""

    async def stream_response(self, send: Send) -> None:
        await anext(aiter(self.body_iterator), None)
        await super().stream_response(send)


async def _encoded(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        yield line + "\n"


def _question(query: Mapping[str, str]) -> DnsLogQuestion:
    if unknown := query.keys() - {"last", "client", "name", "denied", "follow"}:
        raise bad_request(f"{min(unknown)}: there are last, client, name, denied and follow")
    last = query.get("last", str(USUAL))
    if not (last.isascii() and last.isdigit() and len(last) < 6 and int(last) <= MOST):
        raise bad_request(f"last: {last!r} is no number of records: write 0 to {MOST}")
    name = query.get("name", "")
    try:
        if name:
            DomainPattern.parse(name)
    except DomainPatternError as error:
        raise bad_request(f"name: {error}") from None
    return DnsLogQuestion(int(last), query.get("client", ""), name, is_true(query, "denied"))

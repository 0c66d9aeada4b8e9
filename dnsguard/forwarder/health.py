"""``/healthz``, ``/readyz`` and ``/metrics`` over HTTP/1.0: three answers, no web framework beside the DNS sockets."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

_PATIENCE = 5.0
_LINE = 4096
_CONNECTIONS = 32
"""At a time; one more, and the one that has been silent for longest is closed."""

_REASONS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Unavailable"}


class HealthServer:
    """Serves what the two callables say; each request costs one call."""

    def __init__(
        self, unready: Callable[[], list[str]], metrics: Callable[[], str], ready: Callable[[], str] = lambda: ""
    ) -> None:
        """``unready``: why the process is not ready, empty when it is; ``metrics``: what a scrape is answered with;
        ``ready``: what is said when all is well, empty for ok."""
        self._unready = unready
        self._metrics = metrics
        self._ready = ready
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, None] = {}
        """The oldest first."""

    async def start(self, address: str, port: int) -> int:
        """Listen; the port in use. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, address, port, limit=_LINE)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = None
        if len(self._open) > _CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.transport.abort()
        try:
            async with asyncio.timeout(_PATIENCE):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(*self._answer(request)))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.debug("health request: %s", error)
        finally:
            self._open.pop(writer, None)
            writer.close()

    def _answer(self, request: bytes) -> tuple[int, str]:
        words = request.split(b"\r\n", 1)[0].split()
        if len(words) != 3:
            return 400, "no HTTP request\n"
        if words[0] not in (b"GET", b"HEAD"):
            return 405, "only GET\n"
        match words[1].split(b"?")[0]:
            case b"/healthz":
                return 200, "ok\n"
            case b"/readyz":
                reasons = self._unready()
                if reasons:
                    return 503, "".join(f"{reason}\n" for reason in reasons)
                return 200, f"{self._ready() or 'ok'}\n"
            case b"/metrics":
                return 200, self._metrics()
            case _:
                return 404, "there are /healthz, /readyz and /metrics\n"


def _response(status: int, text: str) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.0 {status} {_REASONS[status]}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body

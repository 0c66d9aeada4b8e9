"""The program that plays every web server of the trial's internet: it says which name it was asked by, and who asked;
of `/ticks` it sends a line now and then.

It is started by path and uses the standard library only: ``internet.py CERTIFICATE KEY``. Prints a line once it serves.
"""

import contextlib
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PLAIN = (80, 1010)
TLS = (443, 6443)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/ticks":
            self.tick()
            return
        body = f"{self.headers.get('Host', '')} greets {self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def tick(self) -> None:
        """A connection that lives: a line every fifth of a second, for a minute."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(300):
                self.wfile.write(b"tick\n")
                time.sleep(0.2)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 the base's name
        """Nobody reads it."""


def main() -> None:
    certificate, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    for port in (*PLAIN, *TLS):
        server = ThreadingHTTPServer(("0.0.0.0", port), Handler)
        if port in TLS:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever).start()
    print("serving", flush=True)


if __name__ == "__main__":
    main()

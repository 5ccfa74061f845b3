"""A web server of images, with redirects and refusals, for tests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class ImageWeb:
    """A running web server.

    Attributes:
        url: Its address.
        images: The content at each path.
        redirects: Where each path points.
        lengths: The `Content-Length` sent instead of the real one, by path.
        requests: The path and the headers of each request.
        stuck: Paths that send no content.
    """

    url: str = ""
    images: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    stuck: set[str] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def serve_images() -> Iterator[ImageWeb]:
    """Start a web server on a free port."""
    web = ImageWeb()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.requests.append((self.path, dict(self.headers)))
            if location := web.redirects.get(self.path):
                self._answer(302, b"", {"Location": location})
            elif self.path in web.images:
                self._answer(200, web.images[self.path], {})
            else:
                self._answer(404, b"", {})

        def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(web.lengths.get(self.path, len(content))))
            self.send_header("Set-Cookie", "session=1")
            self.end_headers()
            if self.path in web.stuck:
                web.released.wait(10)
            with contextlib.suppress(OSError):
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield web
    finally:
        web.released.set()
        server.shutdown()
        server.server_close()

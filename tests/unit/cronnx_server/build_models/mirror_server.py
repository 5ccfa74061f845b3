"""A mirror on this machine that can lose connections, ignore ranges, or have other files than it should."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Mirror:
    """A running mirror.

    Attributes:
        url: The address of its folder.
        files: Its files by name.
        cuts: The bytes after which the next answers end, one for each answer; later answers are whole.
        ranges: Whether it honours Range headers.
        asked: The requests so far: the name of the file and the Range header.
    """

    url: str
    files: dict[str, bytes]
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def mirror_of(files: Mapping[str, bytes]) -> Iterator[Mirror]:
    """Serve `files` inside the `with` block."""
    mirror = Mirror("", dict(files))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, mirror)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        mirror.url = f"http://127.0.0.1:{server.server_port}/folder"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield mirror
        finally:
            server.shutdown()
            thread.join()


def _answer(request: BaseHTTPRequestHandler, mirror: Mirror) -> None:
    name = request.path.removeprefix("/folder/")
    mirror.asked.append((name, request.headers["Range"]))
    if name not in mirror.files:
        return request.send_error(404)
    content, start = mirror.files[name], _start(request.headers["Range"]) if mirror.ranges else 0
    request.send_response(206 if start else 200)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    request.send_header("Content-Length", str(len(content) - start))
    request.end_headers()
    request.wfile.write(content[start:][: mirror.cuts.pop(0) if mirror.cuts else None])
    return None


def _start(header: str | None) -> int:
    found = re.fullmatch(r"bytes=(\d+)-", header or "")
    return int(found[1]) if found else 0

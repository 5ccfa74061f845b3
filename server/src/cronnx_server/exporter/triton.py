"""What a Triton tells of itself over HTTP."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from urllib.parse import quote

from cronnx_server.exporter.models import Server, read_batches, read_index, read_steps
from cronnx_server.key import HEADER

DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a sidecar's server is beside it


class Triton:
    """A server, asked anew each time."""

    def __init__(self, url: str, *, timeout_s: float, key: str = "") -> None:
        """Name it by the address of its HTTP service, how long an answer may take, and the key it asks for."""
        self._url, self._timeout_s = url.rstrip("/"), timeout_s
        self._headers = {HEADER: key} if key else {}

    def server(self) -> Server:
        """The server now; one that cannot be asked, or ends meanwhile, is not ready and has no models."""
        try:
            ready = read_index(json.loads(self._ask("/v2/repository/index", body=b"{}")))
            batches = read_batches(json.loads(self._ask("/v2/models/stats")))
            names = sorted({model.name for model, is_ready in ready.items() if is_ready})
            return Server(self._is_ready(), ready, batches, {name: self._steps(name) for name in names})
        except (OSError, http.client.HTTPException, ValueError):
            return Server()

    def _is_ready(self) -> bool:
        """Whether it would take requests; one that is reachable may say no because of one model."""
        try:
            self._ask("/v2/health/ready")
        except urllib.error.HTTPError:
            return False
        return True

    def _steps(self, name: str) -> list[str]:
        """The steps of a model, none where it was unloaded since it was listed."""
        try:
            return read_steps(json.loads(self._ask(f"/v2/models/{quote(name)}/config")))
        except urllib.error.HTTPError:
            return []

    def _ask(self, path: str, *, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self._url}{path}", body, self._headers)  # noqa: S310 - of the user's own choice
        with DIRECTLY.open(request, timeout=self._timeout_s) as answer:
            return bytes(answer.read())

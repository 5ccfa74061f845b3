"""The bodies of requests, of a bounded size."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 64_000_000  # as the proxy of deploy/haproxy; `preprocess` refuses an image of 20 MiB in its own words


async def body(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        HTTPException: It is too large.
    """
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MOST_BYTES:
            most = f"{MOST_BYTES // 1_000_000} MB"
            raise HTTPException(413, f"body: expected at most {most}, got more; send a smaller image")
    return bytes(received)

"""A web service that takes a photo as the body of a request and answers with its classes.

    pip install ./client starlette uvicorn
    uvicorn --app-dir examples web_handler:app --port 8080
    curl --data-binary @photo.jpg http://127.0.0.1:8080/classify

One `AsyncClient` serves all requests. It keeps connections open, retries what is safe to retry, and holds requests back
while the server's queue is full. CRONNX_URL names the server.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from cronnx import AsyncClient, CronnxError, DeadlineExceeded, InvalidInput, Overloaded

LARGEST_PHOTO = 20 * 1024 * 1024
TIMEOUT_S = 5.0
STATUSES: list[tuple[type[CronnxError], int]] = [(InvalidInput, 400), (Overloaded, 503), (DeadlineExceeded, 504)]


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the client in the event loop of the service, and close it at the end."""
    async with AsyncClient(os.environ.get("CRONNX_URL", "grpc://127.0.0.1:8001"), timeout_s=TIMEOUT_S) as client:
        app.state.client = client
        yield


async def classify(request: Request) -> JSONResponse:
    """Answer one photo."""
    photo = b""
    async for chunk in request.stream():
        photo += chunk
        if len(photo) > LARGEST_PHOTO:
            return JSONResponse({"error": f"expected a photo of at most {LARGEST_PHOTO} bytes"}, status_code=413)
    try:
        answer = await request.app.state.client.classify(photo)
    except CronnxError as error:
        status = next((status for kind, status in STATUSES if isinstance(error, kind)), 502)
        return JSONResponse({"error": str(error)}, status_code=status)
    return JSONResponse(answer.to_dict())


app = Starlette(routes=[Route("/classify", classify, methods=["POST"])], lifespan=lifespan)

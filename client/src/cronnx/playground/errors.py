"""Errors as JSON: `{"error": {"type": ..., "message": ...}}`, in the client's own words."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from cronnx import (
    ConnectionFailed,
    CronnxError,
    DeadlineExceeded,
    InvalidInput,
    ModelNotFound,
    NotReady,
    Overloaded,
)

_STATUS: dict[type[CronnxError], int] = {
    InvalidInput: 400,
    ModelNotFound: 404,
    NotReady: 503,
    Overloaded: 503,
    DeadlineExceeded: 504,
    ConnectionFailed: 502,
}
_OTHER_FAULT = 502


def error_response(status: int, kind: str, message: str) -> JSONResponse:
    """Return the answer for an error.

    Args:
        status: The HTTP status.
        kind: The error's type, such as `InvalidInput`.
        message: What is wrong, and what to do.
    """
    return JSONResponse({"error": {"type": kind, "message": message}}, status)


async def client_error(_: Request, error: Exception) -> JSONResponse:
    """Return the answer for an error of the client."""
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), _OTHER_FAULT)
    return error_response(status, type(error).__name__, str(error))


async def http_error(_: Request, error: Exception) -> JSONResponse:
    """Return the answer for a request that no route takes, or that one refuses."""
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
    return error_response(status, "HttpError", detail)


async def fault(_: Request, error: Exception) -> JSONResponse:
    """Return the answer for a fault of the playground; the terminal shows the traceback."""
    return error_response(
        500, "PlaygroundFault", f"the playground failed ({type(error).__name__}); its terminal says why"
    )

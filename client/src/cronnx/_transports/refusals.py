"""Failed requests as errors: the table of statuses and of the phrases with which Triton refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from cronnx._errors import (
    ConnectionFailed,
    CronnxError,
    DeadlineExceeded,
    InvalidInput,
    ModelNotFound,
    NotReady,
    Overloaded,
    ServerFault,
)

E = TypeVar("E", bound=CronnxError)

# By gRPC's names of the statuses. Any other status is a ServerFault.
_BY_STATUS: dict[str, type[CronnxError]] = {
    "CANCELLED": ConnectionFailed,  # this client was closed, or the server went away
    "INVALID_ARGUMENT": InvalidInput,
    "NOT_FOUND": ModelNotFound,
    "PERMISSION_DENIED": InvalidInput,
    "RESOURCE_EXHAUSTED": Overloaded,
    "UNAUTHENTICATED": InvalidInput,
    "UNAVAILABLE": NotReady,
}

UNKNOWN_OUTPUT = "unexpected inference output"
"""In the message for an output that the model does not have."""

# Triton uses one status for several conditions. These phrases of its messages tell the conditions apart.
_BY_PHRASE: dict[str, type[CronnxError]] = {
    "has no available versions": NotReady,  # the model exists, and is being loaded or unloaded
    "is not healthy": NotReady,  # a Python process of the model crashed; another server, or this one soon, has one
    "Request for unknown model": ModelNotFound,
    "requested model": ModelNotFound,  # unknown model or version, in answers about statistics
    "failed to poll from model repository": ModelNotFound,  # a load of a name that the repository does not have
    "load failed for model": ServerFault,  # Triton reports it as an invalid argument
    "Exceeds maximum queue size": Overloaded,
    "Request timeout expired": Overloaded,  # the request waited in the queue longer than the model allows
    "is restricted, expecting header": InvalidInput,
    "explicit model load / unload is not allowed": InvalidInput,
    "message larger than max": InvalidInput,  # gRPC itself refuses to send it
}

# What to do, where Triton's message does not say it.
_ADVICE: dict[str, str] = {
    "explicit model load / unload is not allowed": "start the server with --model-control-mode=explicit",
    "is restricted, expecting header": "give its key (`key` of Client; CRONNX_KEY of the command line)",
}


@dataclass(frozen=True)
class RequestContext:
    """Makes the error of one failed request.

    Attributes:
        url: The server's address.
        timeout_s: The longest wait for the answer, in seconds.
        model_name: The model asked for, or None.
        request_id: The request's id in the server's logs, or None.
    """

    url: str
    timeout_s: float
    model_name: str | None = None
    request_id: str | None = None

    def refused(self, status: str, message: str | None) -> CronnxError:
        """Return the error for an answer with a status other than OK."""
        if status == "DEADLINE_EXCEEDED":
            return self.timed_out(message)
        matching = (kind for phrase, kind in _BY_PHRASE.items() if phrase in (message or ""))
        kind = next(matching, _BY_STATUS.get(status, ServerFault))
        advice = (f": {advice}" for phrase, advice in _ADVICE.items() if phrase in (message or ""))
        text = message or f"{self.url} answered {status} without a message"
        return self._error(kind, text + next(advice, ""), message)

    def timed_out(self, message: str | None = None) -> CronnxError:
        """Return the error for a passed deadline."""
        return self._error(
            DeadlineExceeded, f"no answer from {self.url} within {round(self.timeout_s, 3):g} s", message
        )

    def unreachable(self, reason: object, *, request_sent: bool) -> CronnxError:
        """Return the error for a missing or broken connection."""
        error = self._error(ConnectionFailed, f"cannot reach {self.url}: {reason}. Is the server running?")
        error.request_sent = request_sent
        return error

    def closed(self) -> CronnxError:
        """Return the error for a client that was closed before the answer came."""
        return self._error(ConnectionFailed, "the client was closed before the answer came")

    def unreadable(self, reason: BaseException) -> CronnxError:
        """Return the error for an answer that breaks the protocol, or a name that the protocol cannot carry."""
        if isinstance(reason, UnicodeEncodeError):
            character = reason.object[reason.start : reason.start + 1]
            return self._error(InvalidInput, f"expected names that UTF-8 can express, got one with {character!r}")
        # Not the repr: aiohttp's shows the headers that were sent, keys included.
        return self._error(ServerFault, f"cannot read the answer of {self.url}: {type(reason).__name__}: {reason}")

    def _error(self, kind: type[E], text: str, message: str | None = None) -> E:
        return kind(text, model_name=self.model_name, request_id=self.request_id, server_message=message)

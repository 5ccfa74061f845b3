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
from cronnx._transports.causes import likely_cause, shortened

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

BATCH_TOO_LARGE = "batch-size must be <="
"""In the message for more images than the model's largest batch."""

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
    "Request for unknown model": "`cronnx models` lists what the server has",
    "requested model": "`cronnx models` lists what the server has",
    "failed to poll from model repository": "`cronnx models` lists what the server has",
    "Method Not Allowed": "is this Triton's HTTP port?",
}

# How tritonclient's message begins if a refusal is not in Triton's JSON: it comes from a proxy or another server.
_FOREIGN = "an exception occurred in the client while decoding the response"


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
        """Return the error for an answer with a status other than OK.

        Args:
            status: gRPC's name of the status; over HTTP, the name that fits the number, or `HTTP <number>`.
            message: The server's text; None or empty if it gave none.
        """
        if status == "DEADLINE_EXCEEDED":
            return self.timed_out(message)
        if message and message.startswith(_FOREIGN):
            return self._refused_by_another(status, message.partition("\nresponse: ")[2])
        matching = (kind for phrase, kind in _BY_PHRASE.items() if phrase in (message or ""))
        kind = next(matching, _BY_STATUS.get(status, ServerFault))
        advice = (f"; {advice}" for phrase, advice in _ADVICE.items() if phrase in (message or ""))
        text = message or f"{self.url} answered {status} without a message"
        return self._error(kind, text + next(advice, ""), message)

    def timed_out(self, message: str | None = None) -> CronnxError:
        """Return the error for a passed deadline."""
        return self._error(
            DeadlineExceeded, f"no answer from {self.url} within {round(self.timeout_s, 3):g} s", message
        )

    def unreachable(self, reason: object, *, request_sent: bool) -> CronnxError:
        """Return the error for a missing or broken connection.

        Args:
            reason: The words of the library that failed.
            request_sent: Whether the server may have got the request.
        """
        error = self._error(ConnectionFailed, f"cannot reach {self.url}: {likely_cause(str(reason), self._scheme)}")
        error.request_sent = request_sent
        return error

    def redirected(self, location: str) -> CronnxError:
        """Return the error for an answer that points to another address."""
        return self._error(ServerFault, f"{self.url} redirects to {location[:100]!r}: give the client that address")

    def closed(self) -> CronnxError:
        """Return the error for a client that was closed before the answer came."""
        return self._error(ConnectionFailed, "the client was closed before the answer came")

    def unreadable(self, reason: BaseException) -> CronnxError:
        """Return the error for an answer that breaks the protocol, or a name that the protocol cannot carry."""
        if isinstance(reason, UnicodeEncodeError):
            character = reason.object[reason.start : reason.start + 1]
            return self._error(InvalidInput, f"expected names that UTF-8 can express, got one with {character!r}")
        # Not the repr: aiohttp's shows the headers that were sent, keys included.
        text = shortened(f"{type(reason).__name__}: {reason}")
        return self._error(ServerFault, f"cannot read the answer of {self.url}: {text}; is this {self._port}?")

    def not_http(self, reason: object) -> CronnxError:
        """Return the error for an answer that is not HTTP."""
        return self._error(
            ServerFault, f"{self.url} does not answer in HTTP: {likely_cause(str(reason), self._scheme)}"
        )

    @property
    def _scheme(self) -> str:
        return self.url.partition(":")[0]

    @property
    def _port(self) -> str:
        return f"Triton's {'gRPC' if self._scheme.startswith('grpc') else 'HTTP'} port"

    def _refused_by_another(self, status: str, body: str) -> CronnxError:
        """Return the error for a refusal that is not in Triton's words."""
        kind = _BY_STATUS.get(status, ServerFault)
        text = f"{self.url} answered {status}: {shortened(body) or 'nothing'}"
        if kind in (ModelNotFound, ServerFault):  # a proxy has no models
            return self._error(ServerFault, f"{text}; is this {self._port}?", body)
        return self._error(kind, text, body)

    def _error(self, kind: type[E], text: str, message: str | None = None) -> E:
        return kind(text, model_name=self.model_name, request_id=self.request_id, server_message=message)

"""One call to a server, and the errors it can end in: the same for every protocol."""

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

# By gRPC's names of the statuses; what is not here is a ServerFault.
_BY_STATUS: dict[str, type[CronnxError]] = {
    "CANCELLED": ConnectionFailed,  # cut off: this client was closed, or the server went away
    "INVALID_ARGUMENT": InvalidInput,
    "NOT_FOUND": ModelNotFound,
    "PERMISSION_DENIED": InvalidInput,
    "RESOURCE_EXHAUSTED": Overloaded,
    "UNAUTHENTICATED": InvalidInput,
    "UNAVAILABLE": NotReady,
}

# Triton gives several conditions one status; its message tells them apart.
_BY_MESSAGE: dict[str, type[CronnxError]] = {
    "has no available versions": NotReady,  # the model is known: it is being loaded or unloaded, or waits for it
    "is not healthy": NotReady,  # a Python process of the model died: another server, or this one soon, has one
    "Request for unknown model": ModelNotFound,
    "requested model": ModelNotFound,  # and its version; of statistics
    "failed to poll from model repository": ModelNotFound,  # there is none of this name to load
    "load failed for model": ServerFault,  # told as an invalid argument
    "Exceeds maximum queue size": Overloaded,
    "Request timeout expired": Overloaded,  # it waited in the queue for longer than the model allows
    "is restricted, expecting header": InvalidInput,
    "explicit model load / unload is not allowed": InvalidInput,  # the server was not started for it
    "message larger than max": InvalidInput,  # gRPC's own refusal
}

# Where Triton's message does not say what to do, or the wrong thing: it speaks of polling also where nothing polls.
_ADVICE: dict[str, str] = {
    "explicit model load / unload is not allowed": "start the server with --model-control-mode=explicit",
    "is restricted, expecting header": "give its key (`key` of Client; CRONNX_KEY of the command line)",
}


@dataclass(frozen=True)
class Call:
    """What an error says of the call that it ended."""

    url: str
    timeout_s: float
    model_name: str | None = None
    request_id: str | None = None

    def refused(self, status: str, message: str | None) -> CronnxError:
        """The server answered with a status other than OK."""
        if status == "DEADLINE_EXCEEDED":
            return self.timed_out(message)
        by_message = (kind for phrase, kind in _BY_MESSAGE.items() if phrase in (message or ""))
        kind = next(by_message, _BY_STATUS.get(status, ServerFault))
        advice = (f": {advice}" for phrase, advice in _ADVICE.items() if phrase in (message or ""))
        text = message or f"{self.url} answered {status} without a message"
        return self._error(kind, text + next(advice, ""), message)

    def timed_out(self, message: str | None = None) -> CronnxError:
        """The deadline passed."""
        return self._error(
            DeadlineExceeded, f"no answer from {self.url} within {round(self.timeout_s, 3):g} s", message
        )

    def unreachable(self, reason: object, *, request_sent: bool) -> CronnxError:
        """There is no connection, or it broke."""
        error = self._error(ConnectionFailed, f"cannot reach {self.url}: {reason}. Is the server running?")
        error.request_sent = request_sent
        return error

    def closed(self) -> CronnxError:
        """The client was closed meanwhile."""
        return self._error(ConnectionFailed, "the client was closed before the answer came")

    def unreadable(self, reason: BaseException) -> CronnxError:
        """The answer breaks the protocol."""
        # Not the repr: that of an HTTP library's error shows the headers sent, keys included.
        return self._error(ServerFault, f"cannot read the answer of {self.url}: {type(reason).__name__}: {reason}")

    def _error(self, kind: type[E], text: str, message: str | None = None) -> E:
        return kind(text, model_name=self.model_name, request_id=self.request_id, server_message=message)

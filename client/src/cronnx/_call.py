"""One call to a server, and the errors it can end in: the same for every protocol."""

from __future__ import annotations

from dataclasses import dataclass

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

# By gRPC's names of the statuses; what is not here is a ServerFault.
_BY_STATUS: dict[str, type[CronnxError]] = {
    "CANCELLED": ConnectionFailed,  # cut off: this client was closed, or the server went away
    "INVALID_ARGUMENT": InvalidInput,
    "NOT_FOUND": ModelNotFound,
    "RESOURCE_EXHAUSTED": Overloaded,
    "UNAVAILABLE": NotReady,
}

# Triton gives several conditions one status; its message tells them apart.
_BY_MESSAGE: dict[str, type[CronnxError]] = {
    "Request for unknown model": ModelNotFound,
    "Exceeds maximum queue size": Overloaded,
    "Request timeout expired": Overloaded,  # it waited in the queue for longer than the model allows
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
        return self._error(kind, message or f"{self.url} answered {status} without a message", message)

    def timed_out(self, message: str | None = None) -> CronnxError:
        """The deadline passed."""
        return self._error(DeadlineExceeded, f"no answer from {self.url} within {self.timeout_s:g} s", message)

    def unreachable(self, reason: object) -> CronnxError:
        """There is no connection, or it broke."""
        return self._error(ConnectionFailed, f"cannot reach {self.url}: {reason}. Is the server running?")

    def unreadable(self, reason: BaseException) -> CronnxError:
        """The answer breaks the protocol."""
        return self._error(ServerFault, f"cannot read the answer of {self.url}: {reason!r}")

    def _error(self, kind: type[CronnxError], text: str, message: str | None = None) -> CronnxError:
        return kind(text, model_name=self.model_name, request_id=self.request_id, server_message=message)

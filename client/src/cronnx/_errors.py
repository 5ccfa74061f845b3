# ruff: noqa: N818 - the base is named Error; what derives from it is named for what happened
"""What can go wrong, by what a caller can do about it.

CronnxError
├── InvalidInput       change the request: the server or the client refuses it (also a ValueError)
├── ModelNotFound      ask for another model
├── NotReady           wait: the server or the model is starting or stopping
├── Overloaded         slow down and retry
├── DeadlineExceeded   retry, or allow more time
├── ConnectionFailed   check the address, or try another server
└── ServerFault        look into the server
"""

from __future__ import annotations


class CronnxError(Exception):
    """Base of every error of this package.

    Attributes:
        model_name: The model asked for, or None where there was none.
        request_id: The id that the server's logs have for the request, or None.
        server_message: What the server said, word for word, or None where it said nothing.
        images: Positions of the failed request's images in the list given to `Client.classify`: those before
            were answered, those after were not sent. None where no list was given.
    """

    def __init__(
        self,
        message: str,
        *,
        model_name: str | None = None,
        request_id: str | None = None,
        server_message: str | None = None,
    ) -> None:
        super().__init__(message)
        self.model_name = model_name
        self.request_id = request_id
        self.server_message = server_message
        self.images: range | None = None

    def __str__(self) -> str:
        message = super().__str__()
        if self.images is None:
            return message
        first, last = self.images[0], self.images[-1]
        return f"{message} (in the request with images {first} to {last} of the list)"


class InvalidInput(CronnxError, ValueError):
    """The request cannot be answered as it is."""


class ModelNotFound(CronnxError):
    """The server has no model of this name."""


class NotReady(CronnxError):
    """The server or the model is not ready to answer."""


class Overloaded(CronnxError):
    """The server has more requests than it can take."""


class DeadlineExceeded(CronnxError):
    """No answer came in the time allowed."""


class ConnectionFailed(CronnxError):
    """The server could not be reached, or the connection broke.

    Attributes:
        request_sent: False where the server certainly has not seen the request; True where it may have.
    """

    request_sent: bool = True


class ServerFault(CronnxError):
    """The server failed, or gave an answer that cannot be read."""

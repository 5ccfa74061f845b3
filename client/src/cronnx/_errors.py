# ruff: noqa: N818 - the base is named Error; its subclasses are named after what happened
"""The errors of this package, by what a caller can do about them.

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
        model_name: The model asked for, or None.
        request_id: The request's id in the server's logs, or None.
        server_message: The server's message, word for word, or None if there is none.
        images: For a method that takes a list of images, the positions of those in the failed request. Earlier images
            were answered, later ones were not sent. None if the call had no list.
    """

    model_name: str | None
    request_id: str | None
    server_message: str | None
    images: range | None

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
        self.images = None

    def __str__(self) -> str:
        message = super().__str__()
        if self.images is None:
            return message
        first, last = self.images[0], self.images[-1]
        return f"{message} (in the request with images {first} to {last} of the list)"


class InvalidInput(CronnxError, ValueError):
    """The request is invalid, or the server refuses it."""


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
        request_sent: False if the server certainly has not received the request; True if it may have.
    """

    request_sent: bool = True


class ServerFault(CronnxError):
    """The server failed, or its answer cannot be read."""

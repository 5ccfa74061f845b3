"""The synchronous client."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import overload

import numpy as np

from cronnx._errors import CronnxError, InvalidInput
from cronnx._images import ImageLike, image_file
from cronnx._results import MAX_TOP_K, OUTPUT_KINDS, Classification, classifications
from cronnx._transport import InferRequest, Transport, connect

DEFAULT_URL = "grpc://127.0.0.1:8001"
DEFAULT_MODEL_NAME = "efficientnet_lite0"
DEFAULT_TIMEOUT_S = 30.0


class Client:
    """Classifies images on one Triton server; connects with the first request.

    Thread-safe. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        transport: Transport | None = None,
    ) -> None:
        """Make a client.

        Args:
            url: `grpc://HOST:PORT` or `http://HOST:PORT`.
            timeout_s: Seconds a request may take, connecting included, where a call does not say otherwise.
            transport: What carries the requests, in place of a connection to `url`.

        Raises:
            InvalidInput: The URL or the timeout cannot be used.
        """
        self._timeout_s = _checked_timeout(timeout_s)
        self._transport = connect(url) if transport is None else transport
        self._max_batch_sizes: dict[str, int] = {}
        self._is_closed = False

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connections; requests under way in other threads fail."""
        if not self._is_closed:
            self._is_closed = True
            self._transport.close()

    @overload
    def classify(  # type: ignore[overload-overlap]  # a str is a sequence of str, and goes to this one first
        self, image: ImageLike, *, model_name: str = ..., top_k: int = ..., timeout_s: float | None = ...
    ) -> Classification: ...

    @overload
    def classify(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str = ...,
        top_k: int = ...,
        timeout_s: float | None = ...,
    ) -> list[Classification]: ...

    def classify(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str = DEFAULT_MODEL_NAME,
        top_k: int = MAX_TOP_K,
        timeout_s: float | None = None,
    ) -> Classification | list[Classification]:
        """Say what an image shows.

        Args:
            image: A path, the bytes of an image file or a PIL image; or a sequence of these, which is sent in
                batches as large as the model takes.
            model_name: The model to ask.
            top_k: How many classes to return for an image, 1 to 5.
            timeout_s: Seconds each request may take; the client's own where None.

        Returns:
            The answer, or for a sequence the answers in its order.

        Raises:
            InvalidInput: An image or an argument cannot be used.
            CronnxError: There is no answer: the subclass says why and, for a sequence, `images` to what.
        """
        if not 1 <= top_k <= MAX_TOP_K:
            raise InvalidInput(f"top_k is {top_k}, expected 1 to {MAX_TOP_K}, the number of classes a model scores")
        timeout_s = self._timeout_s if timeout_s is None else _checked_timeout(timeout_s)

        def classify_batch(images: Sequence[ImageLike]) -> list[Classification]:
            files = [image_file(each) for each in images]
            return self._classify_files(files, model_name=model_name, top_k=top_k, timeout_s=timeout_s)

        if isinstance(image, Sequence) and not isinstance(image, str | bytes | bytearray | memoryview):
            batch_size = self._batch_size(model_name, timeout_s=timeout_s)
            return _in_batches(image, batch_size, classify_batch)
        return classify_batch([image])[0]

    def is_server_live(self) -> bool:
        """Tell whether the server process answers; False when nobody does."""
        return _is_yes(self._open_transport().is_server_live, timeout_s=self._timeout_s)

    def is_server_ready(self) -> bool:
        """Tell whether the server and all its models can infer; False when nobody answers."""
        return _is_yes(self._open_transport().is_server_ready, timeout_s=self._timeout_s)

    def is_model_ready(self, model_name: str) -> bool:
        """Tell whether the model can infer; False when there is none of this name, or nobody answers."""
        return _is_yes(self._open_transport().is_model_ready, model_name, timeout_s=self._timeout_s)

    def _classify_files(
        self, files: Sequence[bytes], *, model_name: str, top_k: int, timeout_s: float
    ) -> list[Classification]:
        request = InferRequest(
            model_name=model_name,
            inputs={"image": np.array(files, dtype=object).reshape(-1, 1)},
            outputs=tuple(OUTPUT_KINDS),
            timeout_s=timeout_s,
        )
        return classifications(self._open_transport().infer(request), request=request, top_k=top_k)

    def _batch_size(self, model_name: str, *, timeout_s: float) -> int:
        if model_name not in self._max_batch_sizes:
            limit = self._open_transport().max_batch_size(model_name, timeout_s=timeout_s)
            self._max_batch_sizes[model_name] = max(1, limit)
        return self._max_batch_sizes[model_name]

    def _open_transport(self) -> Transport:
        if self._is_closed:
            raise CronnxError("the client is closed: make a new one")
        return self._transport


def _in_batches(
    images: Sequence[ImageLike],
    batch_size: int,
    classify_batch: Callable[[Sequence[ImageLike]], list[Classification]],
) -> list[Classification]:
    answers: list[Classification] = []
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        try:
            answers += classify_batch(batch)
        except CronnxError as error:
            error.images = range(start, start + len(batch))
            raise
    return answers


def _is_yes(question: Callable[..., bool], *args: str, timeout_s: float) -> bool:
    try:
        return question(*args, timeout_s=timeout_s)
    except CronnxError:
        return False


def _checked_timeout(timeout_s: float) -> float:
    if not 0 < timeout_s < math.inf:
        raise InvalidInput(f"timeout_s is {timeout_s}, expected a positive number of seconds")
    return timeout_s

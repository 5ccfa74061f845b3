"""The client: all that it does, for an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, overload

import numpy.typing as npt

from cronnx._async_model_control import AsyncModelControl
from cronnx._classifier import Classifier
from cronnx._connection import connect
from cronnx._errors import InvalidInput
from cronnx._images import ImageLike
from cronnx._many_images import ImageT, classified, flattened
from cronnx._models import (
    ModelInfo,
    ModelStatistics,
    ModelStatus,
    checked_version,
    model_info,
    model_statistics,
    model_status,
)
from cronnx._outcome import Outcome
from cronnx._results import MAX_TOP_K, Classification
from cronnx._retry import Retry
from cronnx._session import Session
from cronnx._tensors import checked_tensors
from cronnx._tls import Tls
from cronnx._transport import InferRequest, Transport

DEFAULT_URL = "grpc://127.0.0.1:8001"
DEFAULT_MODEL_NAME = "efficientnet_lite0"
DEFAULT_TIMEOUT_S = 30.0
DEFAULT_CONCURRENCY = 16
DEFAULT_RETRY = Retry()


class AsyncClient(AsyncModelControl):
    """What `Client` is, for asyncio: the same arguments, answers and errors.

    It belongs to the event loop of its first request. A call whose task is cancelled gives its request up, at the
    server too. Close it, or use it as an asynchronous context manager.
    """

    def __init__(
        self,
        url: str | Sequence[str] = DEFAULT_URL,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retry: Retry = DEFAULT_RETRY,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        tls: Tls | None = None,
        shared_memory: bool = False,
        transport: Transport | None = None,
    ) -> None:
        """Make a client; see `Client` for the arguments. There need be no event loop yet.

        Raises:
            InvalidInput: An argument cannot be used.
        """
        if transport is None:
            transport = connect(url, key=key, headers=headers, tls=tls, shared_memory=shared_memory)
        super().__init__(Session(transport, timeout_s=timeout_s, retry=retry))
        self._max_batch_sizes: dict[str, int] = {}

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop the connections; requests under way fail with `ConnectionFailed`."""
        await self._session.close()

    @overload
    async def classify(  # type: ignore[overload-overlap]  # a str is a sequence of str, and goes to this one first
        self,
        image: ImageLike,
        *,
        model_name: str = ...,
        model_version: str = ...,
        top_k: int = ...,
        timeout_s: float | None = ...,
    ) -> Classification: ...

    @overload
    async def classify(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str = ...,
        model_version: str = ...,
        top_k: int = ...,
        timeout_s: float | None = ...,
    ) -> list[Classification]: ...

    async def classify(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str = "",
        top_k: int = MAX_TOP_K,
        timeout_s: float | None = None,
    ) -> Classification | list[Classification]:
        """Say what an image shows, or each of a list; see `Client.classify`.

        Raises:
            InvalidInput: An image or an argument cannot be used.
            CronnxError: There is no answer: the subclass says why and, for a sequence, `images` to what.
        """
        classifier = Classifier(self._session, model_name, model_version, top_k=top_k, timeout_s=timeout_s)
        if isinstance(image, Sequence) and not isinstance(image, str | bytes | bytearray | memoryview):
            return await classifier.all(image, batch_size=await self._batch_size(model_name, timeout_s))
        return await classifier.one(image)

    def classify_many(
        self,
        images: Iterable[ImageT] | AsyncIterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str = "",
        top_k: int = MAX_TOP_K,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Outcome[ImageT], None]:
        """Say what each of many images shows, many at a time; see `Client.classify_many`.

        The images may come from an asynchronous iterable too. Close the generator (`contextlib.aclosing`) to give
        up what is under way.

        Raises:
            InvalidInput: An argument cannot be used. Errors of single images are in their outcomes.
        """
        classifier = Classifier(self._session, model_name, model_version, top_k=top_k, timeout_s=timeout_s)
        return flattened(classified(images, classifier, concurrency=concurrency, ordered=ordered, progress=progress))

    async def infer(
        self,
        model_name: str,
        inputs: Mapping[str, npt.NDArray[Any]],
        *,
        outputs: Sequence[str] | None = None,
        model_version: str = "",
        timeout_s: float | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Run any model; see `Client.infer`.

        Raises:
            InvalidInput: An argument cannot be used, or the server refuses it.
            CronnxError: There is no answer: the subclass says why.
        """
        if outputs is not None and not outputs:
            raise InvalidInput("outputs is empty, expected names of outputs, or None for all")
        request = InferRequest(
            model_name=model_name,
            inputs=checked_tensors(inputs),
            outputs=None if outputs is None else tuple(outputs),
            timeout_s=self._session.timeout_s(timeout_s),
            model_version=checked_version(model_version),
        )
        return await self._session.infer(request)

    async def models(self) -> list[ModelStatus]:
        """List every version of every model in the server's repository, loaded or not.

        Raises:
            CronnxError: There is no answer: the subclass says why.
        """
        return [model_status(entry) for entry in await self._session.ask("get_model_repository_index")]

    async def model(self, model_name: str, *, model_version: str = "") -> ModelInfo:
        """Describe a model that is loaded.

        Raises:
            ModelNotFound: It is not, or there is none of this name.
            CronnxError: There is no answer: the subclass says why.
        """
        arguments = {"model_name": model_name, "model_version": checked_version(model_version)}
        metadata, config = await asyncio.gather(
            self._session.ask("get_model_metadata", arguments), self._session.ask("get_model_config", arguments)
        )
        return model_info(metadata, config)

    async def statistics(self, model_name: str = "") -> list[ModelStatistics]:
        """Tell what each version of a model, or of all that are loaded, has done since it was.

        Raises:
            ModelNotFound: There is no such model.
            CronnxError: There is no answer: the subclass says why.
        """
        answer = await self._session.ask("get_inference_statistics", {"model_name": model_name})
        return [model_statistics(entry) for entry in answer.get("model_stats", ())]

    async def is_server_live(self) -> bool:
        """Tell whether the server process answers; False when nobody does."""
        return await self._session.is_yes("is_server_live")

    async def is_server_ready(self) -> bool:
        """Tell whether the server and all its models can infer; False when nobody answers."""
        return await self._session.is_yes("is_server_ready")

    async def is_ready(self, model_name: str, *, model_version: str = "") -> bool:
        """Tell whether the model can infer; False when there is none of this name, or nobody answers."""
        version = checked_version(model_version)
        return await self._session.is_yes("is_model_ready", {"model_name": model_name, "model_version": version})

    async def _batch_size(self, model_name: str, timeout_s: float | None) -> int:
        if model_name not in self._max_batch_sizes:
            config = await self._session.ask("get_model_config", {"model_name": model_name}, timeout_s=timeout_s)
            self._max_batch_sizes[model_name] = max(1, int(config.get("max_batch_size", 0)))
        return self._max_batch_sizes[model_name]

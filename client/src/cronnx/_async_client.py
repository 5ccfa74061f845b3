"""The asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, overload

import numpy.typing as npt

from cronnx._classification import MAX_TOP_K, Classification, Classifier, Outcome
from cronnx._classify_many import ImageT, classify_many, flattened
from cronnx._config import DEFAULT_CONCURRENCY, DEFAULT_MODEL_NAME, DEFAULT_RETRY, DEFAULT_TIMEOUT_S, DEFAULT_URL, Tls
from cronnx._errors import InvalidInput
from cronnx._inputs import ImageLike, checked_tensors
from cronnx._models import (
    ModelInfo,
    ModelStatistics,
    ModelStatus,
    checked_version,
    model_info,
    model_statistics,
    model_status,
)
from cronnx._promotion import Promotion, promote, rollback
from cronnx._retry import Retry
from cronnx._session import Session
from cronnx._traffic_split import split
from cronnx._transports.base import InferRequest, Transport
from cronnx._transports.connection import connect


class AsyncClient:
    """`Client` for asyncio.

    Each method has the arguments, the answers and the errors of the `Client` method of the same name. A client belongs
    to the event loop of its first request. Cancelling a call's task abandons its request, and over gRPC cancels it at
    the server. Close the client, or use it as an asynchronous context manager.
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
        """Make a client; see `Client` for the arguments. It needs no running event loop.

        Raises:
            InvalidInput: An argument cannot be used.
        """
        if transport is None:
            transport = connect(url, key=key, headers=headers, tls=tls, shared_memory=shared_memory)
        self._session = Session(transport, timeout_s=timeout_s, retry=retry)
        self._max_batch_sizes: dict[str, int] = {}

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. Running requests fail with `ConnectionFailed`."""
        await self._session.close()

    @overload
    async def classify(  # type: ignore[overload-overlap]  # a str is also a Sequence[str]; this overload comes first
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
        """Classify an image, or each image of a sequence; see `Client.classify`."""
        classifier = Classifier(self._session, model_name, model_version, top_k=top_k, timeout_s=timeout_s)
        if isinstance(image, Sequence) and not isinstance(image, str | bytes | bytearray | memoryview):
            return await classifier.classify_all(image, batch_size=await self._batch_size(model_name, timeout_s))
        return await classifier.classify(image)

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
        """Classify many images, many at a time; see `Client.classify_many`.

        The images may also come from an asynchronous iterable. Close the generator, for instance with
        `contextlib.aclosing`, to abandon the running requests.
        """
        classifier = Classifier(self._session, model_name, model_version, top_k=top_k, timeout_s=timeout_s)
        return flattened(classify_many(images, classifier, concurrency=concurrency, ordered=ordered, progress=progress))

    async def infer(
        self,
        model_name: str,
        inputs: Mapping[str, npt.NDArray[Any]],
        *,
        outputs: Sequence[str] | None = None,
        model_version: str = "",
        timeout_s: float | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Run any model; see `Client.infer`."""
        if outputs is not None and not outputs:
            raise InvalidInput("outputs: expected names of outputs, or None for all; got an empty sequence")
        request = InferRequest(
            model_name=model_name,
            inputs=checked_tensors(inputs),
            outputs=None if outputs is None else tuple(outputs),
            timeout_s=self._session.timeout_s(timeout_s),
            model_version=checked_version(model_version),
        )
        return await self._session.infer(request)

    async def models(self) -> list[ModelStatus]:
        """List every version of every model in the repository; see `Client.models`."""
        return [model_status(entry) for entry in await self._session.repository_index()]

    async def model(self, model_name: str, *, model_version: str = "") -> ModelInfo:
        """Describe a loaded model; see `Client.model`."""
        version = checked_version(model_version)
        metadata, config = await asyncio.gather(
            self._session.model_metadata(model_name, version), self._session.model_config(model_name, version)
        )
        return model_info(metadata, config)

    async def statistics(self, model_name: str = "") -> list[ModelStatistics]:
        """Return the statistics of each loaded version; see `Client.statistics`."""
        answer = await self._session.model_statistics(model_name)
        return [model_statistics(entry) for entry in answer.get("model_stats", ())]

    async def is_server_live(self) -> bool:
        """Return whether the server process answers; see `Client.is_server_live`."""
        return await self._session.is_server_live()

    async def is_server_ready(self) -> bool:
        """Return whether the server and all its models can infer; see `Client.is_server_ready`."""
        return await self._session.is_server_ready()

    async def is_ready(self, model_name: str, *, model_version: str = "") -> bool:
        """Return whether a model can infer; see `Client.is_ready`."""
        return await self._session.is_model_ready(model_name, checked_version(model_version))

    async def load(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Load a model, or reload it; see `Client.load`."""
        await self._session.load_model(model_name, timeout_s=timeout_s)

    async def unload(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Unload a model; see `Client.unload`."""
        await self._session.unload_model(model_name, timeout_s=timeout_s)

    async def promote(self, model_name: str, model_version: str, *, timeout_s: float | None = None) -> Promotion:
        """Make an ensemble answer with another version; see `Client.promote`."""
        return await promote(self._session, model_name, checked_version(model_version), timeout_s=timeout_s)

    async def rollback(self, model_name: str, *, timeout_s: float | None = None) -> Promotion:
        """Undo an ensemble's last promotion; see `Client.rollback`."""
        return await rollback(self._session, model_name, timeout_s=timeout_s)

    async def split(
        self, model_name: str, weights: Mapping[str, float], *, timeout_s: float | None = None
    ) -> dict[str, float]:
        """Change how an ensemble's traffic is split between versions; see `Client.split`."""
        return await split(self._session, model_name, weights, timeout_s=timeout_s)

    async def _batch_size(self, model_name: str, timeout_s: float | None) -> int:
        if model_name not in self._max_batch_sizes:
            config = await self._session.model_config(model_name, timeout_s=timeout_s)
            self._max_batch_sizes[model_name] = max(1, int(config.get("max_batch_size", 0)))
        return self._max_batch_sizes[model_name]

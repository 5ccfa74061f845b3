"""The asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar, overload

import numpy.typing as npt

from cronnx._answers import Outcome
from cronnx._classification import MAX_TOP_K, Classification
from cronnx._config import DEFAULT_CONCURRENCY, DEFAULT_MODEL_NAME, DEFAULT_RETRY, DEFAULT_TIMEOUT_S, DEFAULT_URL, Tls
from cronnx._depth import Depth
from cronnx._detection import Detections
from cronnx._embedding import Embedding
from cronnx._errors import InvalidInput
from cronnx._image_model import ImageModel, KnownModels
from cronnx._inputs import ImageLike
from cronnx._loading import load, unload
from cronnx._models import (
    ModelInfo,
    ModelStatistics,
    ModelStatus,
    checked_version,
    model_info,
    model_statistics,
    model_status,
)
from cronnx._predict_many import ImageT, flattened, predict_many
from cronnx._promotion import Promotion, promote, rollback
from cronnx._reset import reset
from cronnx._retry import Retry
from cronnx._segmentation import Segmentation
from cronnx._session import Session
from cronnx._tasks import DETECT, EMBED, ESTIMATE_DEPTH, PREDICT, SEGMENT, Answer, Method, classify_method
from cronnx._tensors import checked_tensors
from cronnx._traffic_split import split
from cronnx._transports.base import InferRequest, Transport
from cronnx._transports.connection import connect

A = TypeVar("A")


class AsyncClient:
    """`Client` for asyncio.

    Each method has the arguments, the answers and the errors of the `Client` method of the same name. A client belongs
    to the event loop of its first request. Cancelling a call's task abandons its request, and over gRPC cancels it at
    the server; over HTTP Triton finishes it. Close the client, or use it as an asynchronous context manager.
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
            # Who does not retry wants to know at once that the queue is full, and must not wait for room in the client.
            bounded = retry.attempts > 1
            transport = connect(url, key=key, headers=headers, tls=tls, shared_memory=shared_memory, bounded=bounded)
        self._session = Session(transport, timeout_s=timeout_s, retry=retry)
        self._known_models = KnownModels(self._session)

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
        model_version: str | int = ...,
        top_k: int = ...,
        timeout_s: float | None = ...,
    ) -> Classification: ...

    @overload
    async def classify(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str = ...,
        model_version: str | int = ...,
        top_k: int = ...,
        timeout_s: float | None = ...,
    ) -> list[Classification]: ...

    async def classify(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str | int = "",
        top_k: int = MAX_TOP_K,
        timeout_s: float | None = None,
    ) -> Classification | list[Classification]:
        """Classify an image, or each image of a sequence; see `Client.classify`."""
        return await self._ask(classify_method(top_k), image, model_name, model_version, timeout_s)

    def classify_many(
        self,
        images: Iterable[ImageT] | AsyncIterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str | int = "",
        top_k: int = MAX_TOP_K,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Outcome[ImageT, Classification], None]:
        """Classify many images, many at a time; see `Client.classify_many`.

        The images may also come from an asynchronous iterable. Close the generator, for instance with
        `contextlib.aclosing`, to abandon the running requests.
        """
        model = self._model(classify_method(top_k), model_name, model_version, timeout_s)
        return flattened(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    @overload
    async def detect(  # type: ignore[overload-overlap]  # see `classify`
        self, image: ImageLike, *, model_name: str, model_version: str | int = ..., timeout_s: float | None = ...
    ) -> Detections: ...

    @overload
    async def detect(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = ...,
        timeout_s: float | None = ...,
    ) -> list[Detections]: ...

    async def detect(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Detections | list[Detections]:
        """Find the objects in an image, or in each image of a sequence; see `Client.detect`."""
        return await self._ask(DETECT, image, model_name, model_version, timeout_s)

    def detect_many(
        self,
        images: Iterable[ImageT] | AsyncIterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Outcome[ImageT, Detections], None]:
        """Find the objects in many images; see `Client.detect_many`."""
        model = self._model(DETECT, model_name, model_version, timeout_s)
        return flattened(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    @overload
    async def segment(  # type: ignore[overload-overlap]  # see `classify`
        self, image: ImageLike, *, model_name: str, model_version: str | int = ..., timeout_s: float | None = ...
    ) -> Segmentation | Detections: ...

    @overload
    async def segment(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = ...,
        timeout_s: float | None = ...,
    ) -> list[Segmentation | Detections]: ...

    async def segment(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Segmentation | Detections | list[Segmentation | Detections]:
        """Find what each pixel shows, in an image or in each image of a sequence; see `Client.segment`."""
        return await self._ask(SEGMENT, image, model_name, model_version, timeout_s)

    def segment_many(
        self,
        images: Iterable[ImageT] | AsyncIterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Outcome[ImageT, Segmentation | Detections], None]:
        """Segment many images; see `Client.segment_many`."""
        model = self._model(SEGMENT, model_name, model_version, timeout_s)
        return flattened(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    @overload
    async def embed(  # type: ignore[overload-overlap]  # see `classify`
        self, image: ImageLike, *, model_name: str, model_version: str | int = ..., timeout_s: float | None = ...
    ) -> Embedding: ...

    @overload
    async def embed(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = ...,
        timeout_s: float | None = ...,
    ) -> list[Embedding]: ...

    async def embed(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Embedding | list[Embedding]:
        """Turn an image, or each image of a sequence, into a vector; see `Client.embed`."""
        return await self._ask(EMBED, image, model_name, model_version, timeout_s)

    def embed_many(
        self,
        images: Iterable[ImageT] | AsyncIterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Outcome[ImageT, Embedding], None]:
        """Embed many images; see `Client.embed_many`."""
        model = self._model(EMBED, model_name, model_version, timeout_s)
        return flattened(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    @overload
    async def estimate_depth(  # type: ignore[overload-overlap]  # see `classify`
        self, image: ImageLike, *, model_name: str, model_version: str | int = ..., timeout_s: float | None = ...
    ) -> Depth: ...

    @overload
    async def estimate_depth(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = ...,
        timeout_s: float | None = ...,
    ) -> list[Depth]: ...

    async def estimate_depth(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Depth | list[Depth]:
        """Estimate the depth of each pixel, in an image or in each image of a sequence; see `Client.estimate_depth`."""
        return await self._ask(ESTIMATE_DEPTH, image, model_name, model_version, timeout_s)

    def estimate_depth_many(
        self,
        images: Iterable[ImageT] | AsyncIterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Outcome[ImageT, Depth], None]:
        """Estimate the depth of many images; see `Client.estimate_depth_many`."""
        model = self._model(ESTIMATE_DEPTH, model_name, model_version, timeout_s)
        return flattened(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    @overload
    async def predict(  # type: ignore[overload-overlap]  # see `classify`
        self, image: ImageLike, *, model_name: str = ..., model_version: str | int = ..., timeout_s: float | None = ...
    ) -> Answer: ...

    @overload
    async def predict(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str = ...,
        model_version: str | int = ...,
        timeout_s: float | None = ...,
    ) -> list[Answer]: ...

    async def predict(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Answer | list[Answer]:
        """Ask any image model about an image, or about each image of a sequence; see `Client.predict`."""
        return await self._ask(PREDICT, image, model_name, model_version, timeout_s)

    def predict_many(
        self,
        images: Iterable[ImageT] | AsyncIterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Outcome[ImageT, Answer], None]:
        """Ask any image model about many images; see `Client.predict_many`."""
        model = self._model(PREDICT, model_name, model_version, timeout_s)
        return flattened(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    async def infer(
        self,
        model_name: str,
        inputs: Mapping[str, npt.NDArray[Any]],
        *,
        outputs: Sequence[str] | None = None,
        model_version: str | int = "",
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

    async def model(self, model_name: str, *, model_version: str | int = "") -> ModelInfo:
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

    async def is_ready(self, model_name: str, *, model_version: str | int = "") -> bool:
        """Return whether a model can infer; see `Client.is_ready`."""
        return await self._session.is_model_ready(model_name, checked_version(model_version))

    async def load(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Load a model, or reload it; see `Client.load`."""
        await load(self._session, model_name, timeout_s=timeout_s)

    async def unload(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Unload a model; see `Client.unload`."""
        await unload(self._session, model_name, timeout_s=timeout_s)

    async def promote(self, model_name: str, model_version: str | int, *, timeout_s: float | None = None) -> Promotion:
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

    async def reset(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Undo every promotion and split of an ensemble; see `Client.reset`."""
        await reset(self._session, model_name, timeout_s=timeout_s)

    def _model(
        self, method: Method[A], model_name: str, model_version: str | int, timeout_s: float | None
    ) -> ImageModel[A]:
        return ImageModel(
            self._session,
            self._known_models,
            method,
            model_name=model_name,
            model_version=model_version,
            timeout_s=timeout_s,
        )

    async def _ask(
        self,
        method: Method[A],
        image: ImageLike | Sequence[ImageLike],
        model_name: str,
        model_version: str | int,
        timeout_s: float | None,
    ) -> A | list[A]:
        model = self._model(method, model_name, model_version, timeout_s)
        if isinstance(image, Sequence) and not isinstance(image, str | bytes | bytearray | memoryview):
            return await model.ask_all(image)
        return await model.ask(image)

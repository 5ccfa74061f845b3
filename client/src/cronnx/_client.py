"""The client."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar, overload

import numpy.typing as npt

from cronnx._answers import Outcome
from cronnx._async_client import AsyncClient
from cronnx._classification import MAX_TOP_K, Classification
from cronnx._config import DEFAULT_CONCURRENCY, DEFAULT_MODEL_NAME, DEFAULT_RETRY, DEFAULT_TIMEOUT_S, DEFAULT_URL, Tls
from cronnx._depth import Depth
from cronnx._detection import Detections
from cronnx._embedding import Embedding
from cronnx._errors import ConnectionFailed, CronnxError
from cronnx._event_loop import EventLoopThread
from cronnx._inputs import ImageLike, image_file, is_address
from cronnx._models import ModelInfo, ModelStatistics, ModelStatus
from cronnx._predict_many import ImageT, predict_many
from cronnx._promotion import Promotion
from cronnx._retry import Retry
from cronnx._segmentation import Segmentation
from cronnx._tasks import DETECT, EMBED, ESTIMATE_DEPTH, PREDICT, SEGMENT, Answer, Method, classify_method
from cronnx._transports.base import Transport

A = TypeVar("A")
C = TypeVar("C", bound="Client")
T = TypeVar("T")


class Client:
    """Asks a Triton server's models about images, runs any model, and manages the server's models.

    It runs an `AsyncClient` on an event loop in a thread, and connects with the first request. It is thread-safe. A
    forked process needs a client of its own. Close it, or use it as a context manager.
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
        """Make a client.

        Args:
            url: `grpc://HOST:PORT` or `http://HOST:PORT`; with TLS, `grpcs` or `https`. The default port is 8001 for
                gRPC, 8000 for HTTP and 443 with TLS. Without a scheme, port 8000 is HTTP and any other port gRPC.
                Several URLs take turns, and a server that is unreachable or silent is skipped for a while. Commands
                such as `load` go to all servers; questions about models go to one of them.
            timeout_s: The default time for one request, in seconds, connecting and all attempts included.
            retry: When a failed request is sent again.
            key: The key that `scripts/serve` requires from clients that change the server. It is sent with every
                request to every server, and never shown.
            headers: Headers for every request: what a proxy requires, or the keys of another Triton's restricted
                APIs, as `NAME: KEY` over HTTP and `triton-grpc-protocol-NAME: KEY` over gRPC. Their values are never
                shown.
            tls: The authorities to trust and the client's certificate, for `grpcs` and `https`.
            shared_memory: Whether to pass inputs to a server on this host through shared memory.
            transport: What carries the requests instead of connections to `url`, in tests for instance.

        Raises:
            InvalidInput: An argument cannot be used.
        """

        def open_client() -> AsyncClient:
            return AsyncClient(
                url,
                timeout_s=timeout_s,
                retry=retry,
                key=key,
                headers=headers,
                tls=tls,
                shared_memory=shared_memory,
                transport=transport,
            )

        self._event_loop = EventLoopThread("cronnx", open_client)
        self._client = self._event_loop.resource
        self._is_closed = False

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Running requests of other threads fail with `ConnectionFailed`."""
        self._is_closed = True
        self._event_loop.close()

    @overload
    def classify(  # type: ignore[overload-overlap]  # a str is also a Sequence[str]; this overload comes first
        self,
        image: ImageLike,
        *,
        model_name: str = ...,
        model_version: str | int = ...,
        top_k: int = ...,
        timeout_s: float | None = ...,
    ) -> Classification: ...

    @overload
    def classify(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str = ...,
        model_version: str | int = ...,
        top_k: int = ...,
        timeout_s: float | None = ...,
    ) -> list[Classification]: ...

    def classify(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str | int = "",
        top_k: int = MAX_TOP_K,
        timeout_s: float | None = None,
    ) -> Classification | list[Classification]:
        """Classify an image, or each image of a sequence.

        Args:
            image: A path, an http(s) address, the bytes of an image file, a file open for reading bytes, a numpy array
                (UINT8, RGB [height, width, 3] or grey [height, width]) or a PIL image; or a sequence of these, which is
                sent in batches of the model's largest size, one batch at a time. The client fetches an address itself,
                within `timeout_s`, 64 MiB and 5 redirects.
            model_name: The model to ask.
            model_version: The version to ask; empty for the server's choice. For an ensemble that pins a version of
                its network, it is the version of that network: nothing is promoted.
            top_k: The number of classes to return for an image, 1 to 5.
            timeout_s: The time for each request with all its attempts, in seconds; None for the client's default.

        Returns:
            The answer, or for a sequence the answers in its order.

        Raises:
            InvalidInput: An image or an argument cannot be used.
            CronnxError: There is no answer; the subclass says why. For a sequence, `images` says which images.
        """
        return self._ask(classify_method(top_k), image, model_name, model_version, timeout_s)

    def classify_many(
        self,
        images: Iterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str | int = "",
        top_k: int = MAX_TOP_K,
        timeout_s: float | None = None,
    ) -> Generator[Outcome[ImageT, Classification], None, None]:
        """Classify many images, many at a time, and yield one outcome for each: its answer or its error.

        Nothing happens before the first outcome is requested. A thread then takes images from the iterable as there is
        room for them, so that a blocking iterable delays no outcome. At most `concurrency` requests run at a time, and
        at most five times as many images are taken ahead of the last outcome. Closing the generator abandons the
        running requests.

        Args:
            images: Images as `classify` takes them, in any number; or the path of a folder of images, with everything
                below it, or a pattern such as `photos/**/*.jpg`. What the iterable raises is raised after the outcomes
                of the images before.
            concurrency: The number of requests at a time. A server gets at most 128 of them at a time.
            ordered: Whether the outcomes have the order of the images; otherwise each comes as soon as it is ready.
            progress: Whether to show a progress bar on standard error.
            model_name: The model to ask.
            model_version: The version to ask; empty for the server's choice.
            top_k: The number of classes to return for an image, 1 to 5.
            timeout_s: The time for each request with all its attempts, in seconds; None for the client's default.

        Raises:
            InvalidInput: An argument cannot be used. Errors of single images are in their outcomes.
        """
        model = self._client._model(classify_method(top_k), model_name, model_version, timeout_s)
        return self._iterate(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    @overload
    def detect(  # type: ignore[overload-overlap]  # see `classify`
        self, image: ImageLike, *, model_name: str, model_version: str | int = ..., timeout_s: float | None = ...
    ) -> Detections: ...

    @overload
    def detect(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = ...,
        timeout_s: float | None = ...,
    ) -> list[Detections]: ...

    def detect(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Detections | list[Detections]:
        """Find the objects in an image, or in each image of a sequence.

        The model's task is detection, pose, oriented boxes or instance segmentation: the objects have boxes, and
        keypoints, corners or masks where the task has them.

        The arguments and errors are those of `classify`.
        """
        return self._ask(DETECT, image, model_name, model_version, timeout_s)

    def detect_many(
        self,
        images: Iterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Generator[Outcome[ImageT, Detections], None, None]:
        """Find the objects in many images; see `detect` and `classify_many`."""
        model = self._client._model(DETECT, model_name, model_version, timeout_s)
        return self._iterate(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    @overload
    def segment(  # type: ignore[overload-overlap]  # see `classify`
        self, image: ImageLike, *, model_name: str, model_version: str | int = ..., timeout_s: float | None = ...
    ) -> Segmentation | Detections: ...

    @overload
    def segment(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = ...,
        timeout_s: float | None = ...,
    ) -> list[Segmentation | Detections]: ...

    def segment(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Segmentation | Detections | list[Segmentation | Detections]:
        """Find what each pixel shows, in an image or in each image of a sequence.

        A model of semantic segmentation gives a `Segmentation`; one of instance segmentation gives `Detections` with
        masks.

        The arguments and errors are those of `classify`.
        """
        return self._ask(SEGMENT, image, model_name, model_version, timeout_s)

    def segment_many(
        self,
        images: Iterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Generator[Outcome[ImageT, Segmentation | Detections], None, None]:
        """Segment many images; see `segment` and `classify_many`."""
        model = self._client._model(SEGMENT, model_name, model_version, timeout_s)
        return self._iterate(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    @overload
    def embed(  # type: ignore[overload-overlap]  # see `classify`
        self, image: ImageLike, *, model_name: str, model_version: str | int = ..., timeout_s: float | None = ...
    ) -> Embedding: ...

    @overload
    def embed(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = ...,
        timeout_s: float | None = ...,
    ) -> list[Embedding]: ...

    def embed(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Embedding | list[Embedding]:
        """Turn an image, or each image of a sequence, into a vector that can be compared with others.

        The arguments and errors are those of `classify`.
        """
        return self._ask(EMBED, image, model_name, model_version, timeout_s)

    def embed_many(
        self,
        images: Iterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Generator[Outcome[ImageT, Embedding], None, None]:
        """Embed many images; see `embed` and `classify_many`."""
        model = self._client._model(EMBED, model_name, model_version, timeout_s)
        return self._iterate(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    @overload
    def estimate_depth(  # type: ignore[overload-overlap]  # see `classify`
        self, image: ImageLike, *, model_name: str, model_version: str | int = ..., timeout_s: float | None = ...
    ) -> Depth: ...

    @overload
    def estimate_depth(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = ...,
        timeout_s: float | None = ...,
    ) -> list[Depth]: ...

    def estimate_depth(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Depth | list[Depth]:
        """Estimate the depth of each pixel, in an image or in each image of a sequence.

        The arguments and errors are those of `classify`.
        """
        return self._ask(ESTIMATE_DEPTH, image, model_name, model_version, timeout_s)

    def estimate_depth_many(
        self,
        images: Iterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Generator[Outcome[ImageT, Depth], None, None]:
        """Estimate the depth of many images; see `estimate_depth` and `classify_many`."""
        model = self._client._model(ESTIMATE_DEPTH, model_name, model_version, timeout_s)
        return self._iterate(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    @overload
    def predict(  # type: ignore[overload-overlap]  # see `classify`
        self, image: ImageLike, *, model_name: str = ..., model_version: str | int = ..., timeout_s: float | None = ...
    ) -> Answer: ...

    @overload
    def predict(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str = ...,
        model_version: str | int = ...,
        timeout_s: float | None = ...,
    ) -> list[Answer]: ...

    def predict(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Answer | list[Answer]:
        """Ask any image model about an image, or about each image of a sequence.

        The answer's type follows the model's task: `Classification`, `Detections`, `Segmentation`, `Embedding` or
        `Depth`.

        The arguments and errors are those of `classify`.
        """
        return self._ask(PREDICT, image, model_name, model_version, timeout_s)

    def predict_many(
        self,
        images: Iterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> Generator[Outcome[ImageT, Answer], None, None]:
        """Ask any image model about many images; see `predict` and `classify_many`."""
        model = self._client._model(PREDICT, model_name, model_version, timeout_s)
        return self._iterate(predict_many(images, model, concurrency=concurrency, ordered=ordered, progress=progress))

    def infer(
        self,
        model_name: str,
        inputs: Mapping[str, npt.NDArray[Any]],
        *,
        outputs: Sequence[str] | None = None,
        model_version: str | int = "",
        timeout_s: float | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Run any model.

        Args:
            model_name: The model to run.
            inputs: The inputs by name, with the shapes and datatypes that `model` describes; batch first if the model
                batches. BYTES are arrays of bytes or str objects.
            outputs: Names of the outputs to return; None for all.
            model_version: The version to run; empty for the server's choice.
            timeout_s: The time for the request with all its attempts, in seconds; None for the client's default.

        Returns:
            The outputs by name; BYTES as arrays of bytes objects. The arrays may be read-only.

        Raises:
            InvalidInput: An argument cannot be used, or the server refuses it.
            CronnxError: There is no answer; the subclass says why.
        """
        return self._run(
            self._client.infer(model_name, inputs, outputs=outputs, model_version=model_version, timeout_s=timeout_s)
        )

    def models(self) -> list[ModelStatus]:
        """List every version of every model in the server's repository, loaded or not.

        Raises:
            CronnxError: There is no answer; the subclass says why.
        """
        return self._run(self._client.models())

    def model(self, model_name: str, *, model_version: str | int = "") -> ModelInfo:
        """Describe a loaded model: inputs and outputs with datatypes and shapes, batch size, an ensemble's steps.

        Args:
            model_name: The model to describe.
            model_version: The version to describe; empty for the server's choice.

        Raises:
            ModelNotFound: The server has no such model, or it is not loaded.
            CronnxError: There is no answer; the subclass says why.
        """
        return self._run(self._client.model(model_name, model_version=model_version))

    def statistics(self, model_name: str = "") -> list[ModelStatistics]:
        """Return the statistics of each loaded version of one model, or of all models, since it was loaded.

        Args:
            model_name: The model; empty for all models.

        Raises:
            ModelNotFound: The server has no such model.
            CronnxError: There is no answer; the subclass says why.
        """
        return self._run(self._client.statistics(model_name))

    def is_server_live(self) -> bool:
        """Return whether the server process answers. False if the server cannot be reached."""
        return self._run(self._client.is_server_live())

    def is_server_ready(self) -> bool:
        """Return whether the server and all its models can infer. False if the server cannot be reached."""
        return self._run(self._client.is_server_ready())

    def is_ready(self, model_name: str, *, model_version: str | int = "") -> bool:
        """Return whether a model can infer. False if there is no such model, or the server cannot be reached."""
        return self._run(self._client.is_ready(model_name, model_version=model_version))

    def load(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Load a model, or reload it, on one server after the other, and wait until it is ready.

        The server must run with `--model-control-mode=explicit`. A large model may need a larger `timeout_s`; the
        server continues to load after a timeout. While a model is reloaded, and if that fails, the former one answers.
        If a load fails, the servers after that one are not asked, and those before it unload the model again, unless
        it was loaded before.

        Args:
            model_name: The model to load.
            timeout_s: The time for each request involved, in seconds; None for the client's default.

        Raises:
            InvalidInput: The server does not run in explicit mode.
            ModelNotFound: A repository has no such model; nothing was loaded.
            NotReady: The model is loaded, but other models are no longer ready, because what they need is gone.
            ServerFault: The model cannot be loaded.
            CronnxError: There is no answer; the subclass says why.
        """
        self._run(self._client.load(model_name, timeout_s=timeout_s))

    def unload(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Unload a model on every server or on none, after its running requests. An ensemble's steps stay loaded.

        Args:
            model_name: The model to unload.
            timeout_s: The time for each request involved, in seconds; None for the client's default.

        Raises:
            InvalidInput: An ensemble or a router needs the model, or the server does not run in explicit mode.
            ModelNotFound: A repository has no such model.
            CronnxError: There is no answer; the subclass says why.
        """
        self._run(self._client.unload(model_name, timeout_s=timeout_s))

    def promote(self, model_name: str, model_version: str | int, *, timeout_s: float | None = None) -> Promotion:
        """Make an ensemble answer with another version of its network, without a failed request.

        The version must be loaded, and is tried with zeros first, on every server. Then the ensemble is reloaded with
        the version in the steps that pin one, those whose `model_version` is not -1. If that fails on a server, all
        return to what they served. The ensemble's `config.pbtxt` is unchanged; `scripts/serve` keeps the promotion over
        restarts until a `reset`.

        Args:
            model_name: An ensemble whose steps pin one version of one model.
            model_version: The version of that model.
            timeout_s: The time for each request involved, in seconds; None for the client's default.

        Raises:
            InvalidInput: The ensemble does not pin one version, or the server does not run in explicit mode.
            ModelNotFound: There is no such ensemble, or no such version of its network is loaded.
            NotReady: The version is still loading, or the ensemble is not ready with it.
            CronnxError: The version or the server does not answer; the subclass says why.
        """
        return self._run(self._client.promote(model_name, model_version, timeout_s=timeout_s))

    def rollback(self, model_name: str, *, timeout_s: float | None = None) -> Promotion:
        """Undo an ensemble's last promotion. Only one promotion can be undone.

        The server keeps the previous version in the ensemble's parameter `promoted_from`, so any client can roll back.

        Args:
            model_name: An ensemble that was promoted.
            timeout_s: The time for each request involved, in seconds; None for the client's default.

        Raises:
            InvalidInput: There was no promotion.
            CronnxError: As for `promote`.
        """
        return self._run(self._client.rollback(model_name, timeout_s=timeout_s))

    def split(
        self, model_name: str, weights: Mapping[str, float], *, timeout_s: float | None = None
    ) -> dict[str, float]:
        """Change how an ensemble's traffic is split between versions, without a failed request.

        The ensemble's router is reloaded with the weights in its parameter `arms`. If that fails on a server, all
        return to their former weights. The router's `config.pbtxt` is unchanged; `scripts/serve` keeps the split over
        restarts until a `reset`. Users stay with their arm, except for the few that the new weights must move.

        Args:
            model_name: An ensemble with a model of the backend `router`, or that model.
            weights: A weight for each arm. An arm is `MODEL/VERSION`, or a version of the first arm's model. If an arm
                fails, the first one answers. An arm that is not named gets no traffic.
            timeout_s: The time for each request involved, in seconds; None for the client's default.

        Returns:
            The weights, by `MODEL/VERSION`.

        Raises:
            InvalidInput: An arm or a weight is invalid, there is no such router, or the server does not run in
                explicit mode.
            ModelNotFound: There is no such model.
            NotReady: An arm is not loaded, or the ensemble is not ready with the new weights.
            CronnxError: There is no answer; the subclass says why.
        """
        return self._run(self._client.split(model_name, weights, timeout_s=timeout_s))

    def reset(self, model_name: str, *, timeout_s: float | None = None) -> None:
        """Undo every promotion and split of an ensemble: it serves what the files of the models say.

        Does nothing if that is so already.

        Args:
            model_name: An ensemble, or a model of the backend `router`.
            timeout_s: The time for each request involved, in seconds; None for the client's default.

        Raises:
            CronnxError: As for `promote` and `split`.
        """
        self._run(self._client.reset(model_name, timeout_s=timeout_s))

    def _check_live(self) -> bool:
        """Return whether the server process answers; other than `is_server_live`, it raises why there is no answer."""
        return self._run(self._client._session.check_live())

    def _ask(
        self,
        method: Method[A],
        image: ImageLike | Sequence[ImageLike],
        model_name: str,
        model_version: str | int,
        timeout_s: float | None,
    ) -> A | list[A]:
        if not isinstance(image, Sequence) or isinstance(image, str | bytes | bytearray | memoryview):
            # In this thread, which would wait for it anyway; an address is fetched in the loop.
            image = image if is_address(image) else image_file(image)
        return self._run(self._client._ask(method, image, model_name, model_version, timeout_s))

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._is_closed:
            coroutine.close()
            raise CronnxError("the client is closed: make a new one")
        try:
            return self._event_loop.run(coroutine)
        except concurrent.futures.CancelledError as error:
            raise ConnectionFailed("the client was closed before the answer came") from error

    def _iterate(self, batches: AsyncGenerator[Sequence[T], None]) -> Generator[T, None, None]:
        try:
            while batch := self._run(_next_batch(batches)):
                yield from batch
        finally:
            # Without waiting, because the garbage collector may close the generator in any thread.
            self._event_loop.call_soon(lambda: asyncio.ensure_future(_close(batches)))


async def _next_batch(batches: AsyncGenerator[Sequence[T], None]) -> Sequence[T]:
    return await anext(batches, [])


async def _close(batches: AsyncGenerator[Sequence[T], None]) -> None:
    with suppress(RuntimeError):  # the generator is running, and its cancellation closes it
        await batches.aclose()

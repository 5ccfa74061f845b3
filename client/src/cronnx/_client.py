"""The client for callers that are not asynchronous."""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Iterable, Mapping, Sequence
from typing import Any, overload

import numpy.typing as npt

from cronnx._async_client import DEFAULT_CONCURRENCY, DEFAULT_RETRY, AsyncClient
from cronnx._async_client import DEFAULT_MODEL_NAME as DEFAULT_MODEL_NAME
from cronnx._async_client import DEFAULT_TIMEOUT_S as DEFAULT_TIMEOUT_S
from cronnx._async_client import DEFAULT_URL as DEFAULT_URL
from cronnx._classifier import Classifier
from cronnx._images import ImageLike, image_file
from cronnx._many_images import ImageT, classified
from cronnx._model_control import ModelControl
from cronnx._models import ModelInfo, ModelStatistics, ModelStatus
from cronnx._outcome import Outcome
from cronnx._results import MAX_TOP_K, Classification
from cronnx._retry import Retry
from cronnx._tls import Tls
from cronnx._transport import Transport


class Client(ModelControl):
    """Asks a Triton server what images show, and about its models; connects with the first request.

    Thread-safe. Close it, or use it as a context manager.
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
            url: `grpc://HOST:PORT` or `http://HOST:PORT`; `grpcs` and `https` with TLS. Without a port, it is 8001
                or 8000, with TLS 443. Without a scheme, port 8000 is HTTP and anything else gRPC. Several URLs are
                used in turn, and a server that is away is left out for a while; commands, such as `load`, go to all
                of them, a question about models to any.
            timeout_s: Seconds a request may take, connecting and all its attempts included, where a call does not
                say otherwise.
            retry: When a request that failed is sent again.
            key: What `scripts/serve` asks of those who change a server. It goes with every request, to every one of
                the servers, and is never shown.
            headers: Sent with every request: what a proxy asks for, or keys that another Triton's restricted APIs
                do, as `NAME: KEY` over HTTP, as `triton-grpc-protocol-NAME: KEY` over gRPC. Their values are never
                shown.
            tls: For `grpcs` and `https`: whom to trust and who the client is.
            shared_memory: Give the inputs to a server on this host through memory, not over the connection.
            transport: What carries the requests, in place of connections to `url`.

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

        super().__init__(open_client)

    @overload
    def classify(  # type: ignore[overload-overlap]  # a str is a sequence of str, and goes to this one first
        self,
        image: ImageLike,
        *,
        model_name: str = ...,
        model_version: str = ...,
        top_k: int = ...,
        timeout_s: float | None = ...,
    ) -> Classification: ...

    @overload
    def classify(
        self,
        image: Sequence[ImageLike],
        *,
        model_name: str = ...,
        model_version: str = ...,
        top_k: int = ...,
        timeout_s: float | None = ...,
    ) -> list[Classification]: ...

    def classify(
        self,
        image: ImageLike | Sequence[ImageLike],
        *,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str = "",
        top_k: int = MAX_TOP_K,
        timeout_s: float | None = None,
    ) -> Classification | list[Classification]:
        """Say what an image shows.

        Args:
            image: A path, the bytes of an image file or a PIL image; or a sequence of these, which is sent in
                batches as large as the model takes, one after the other.
            model_name: The model to ask.
            model_version: The version to ask; empty for the server's choice.
            top_k: How many classes to return for an image, 1 to 5.
            timeout_s: Seconds each request may take, all its attempts included; the client's own where None.

        Returns:
            The answer, or for a sequence the answers in its order.

        Raises:
            InvalidInput: An image or an argument cannot be used.
            CronnxError: There is no answer: the subclass says why and, for a sequence, `images` to what.
        """
        if not isinstance(image, Sequence) or isinstance(image, str | bytes | bytearray | memoryview):
            image = image_file(image)  # in this thread, which would wait for it anyway
        call: Coroutine[Any, Any, Classification | list[Classification]] = self._client.classify(
            image, model_name=model_name, model_version=model_version, top_k=top_k, timeout_s=timeout_s
        )
        return self._run(call)

    def classify_many(
        self,
        images: Iterable[ImageT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: bool = False,
        model_name: str = DEFAULT_MODEL_NAME,
        model_version: str = "",
        top_k: int = MAX_TOP_K,
        timeout_s: float | None = None,
    ) -> Generator[Outcome[ImageT], None, None]:
        """Say what each of many images shows, many at a time: one outcome an image, its answer or its error.

        Nothing happens before the first outcome is asked for. The images are then taken from the iterable as there
        is room for them, in a thread of its own, so that one that blocks holds up no outcome: at most `concurrency`
        requests are under way, and at most five times as many images are taken ahead of the last outcome given.
        Closing the generator gives up what is under way.

        Args:
            images: Paths, bytes of image files or PIL images, as many as there are. What it raises is raised after
                the outcomes of the images before.
            concurrency: Requests at a time.
            ordered: Give the outcomes in the order of the images; else as they come.
            progress: Show a progress bar on standard error.
            model_name: The model to ask.
            model_version: The version to ask; empty for the server's choice.
            top_k: How many classes to return for an image, 1 to 5.
            timeout_s: Seconds each request may take, all its attempts included; the client's own where None.

        Raises:
            InvalidInput: An argument cannot be used.
        """
        classifier = Classifier(self._session, model_name, model_version, top_k=top_k, timeout_s=timeout_s)
        return self._iterate(
            classified(images, classifier, concurrency=concurrency, ordered=ordered, progress=progress)
        )

    def infer(
        self,
        model_name: str,
        inputs: Mapping[str, npt.NDArray[Any]],
        *,
        outputs: Sequence[str] | None = None,
        model_version: str = "",
        timeout_s: float | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Run any model.

        Args:
            model_name: The model to run.
            inputs: Its inputs by name, of the shapes and dtypes that `model` tells, with the batch first where the
                model batches. BYTES are arrays of bytes or str objects.
            outputs: Names of the outputs wanted; None for all.
            model_version: The version to run; empty for the server's choice.
            timeout_s: Seconds the request may take, all its attempts included; the client's own where None.

        Returns:
            The outputs by name; BYTES as arrays of bytes objects. The arrays may be read-only.

        Raises:
            InvalidInput: An argument cannot be used, or the server refuses it.
            CronnxError: There is no answer: the subclass says why.
        """
        return self._run(
            self._client.infer(model_name, inputs, outputs=outputs, model_version=model_version, timeout_s=timeout_s)
        )

    def models(self) -> list[ModelStatus]:
        """List every version of every model in the server's repository, loaded or not.

        Raises:
            CronnxError: There is no answer: the subclass says why.
        """
        return self._run(self._client.models())

    def model(self, model_name: str, *, model_version: str = "") -> ModelInfo:
        """Describe a model that is loaded: its inputs and outputs with datatypes and shapes.

        Raises:
            ModelNotFound: It is not, or there is none of this name.
            CronnxError: There is no answer: the subclass says why.
        """
        return self._run(self._client.model(model_name, model_version=model_version))

    def statistics(self, model_name: str = "") -> list[ModelStatistics]:
        """Tell what each version of a model, or of all that are loaded, has done since it was: counts and ns.

        Raises:
            ModelNotFound: There is no such model.
            CronnxError: There is no answer: the subclass says why.
        """
        return self._run(self._client.statistics(model_name))

    def is_server_live(self) -> bool:
        """Tell whether the server process answers; False when nobody does."""
        return self._run(self._client.is_server_live())

    def is_server_ready(self) -> bool:
        """Tell whether the server and all its models can infer; False when nobody answers."""
        return self._run(self._client.is_server_ready())

    def is_ready(self, model_name: str, *, model_version: str = "") -> bool:
        """Tell whether the model can infer; False when there is none of this name, or nobody answers."""
        return self._run(self._client.is_ready(model_name, model_version=model_version))

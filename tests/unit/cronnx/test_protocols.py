"""Behaviour that gRPC and HTTP share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from cronnx import (
    Client,
    ConnectionFailed,
    CronnxError,
    ModelInfo,
    ModelNotFound,
    ModelStatistics,
    ModelStatus,
    Retry,
    ServerFault,
    TensorInfo,
)
from tests.unit.cronnx.conftest import Served
from tests.unit.cronnx.grpc_triton import GrpcTriton

ONCE = Retry(attempts=1)
AT_ONCE = Retry(first_backoff_s=0.0, longest_backoff_s=0.0)


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.url, retry=ONCE) as client:
        yield client


def test_the_models_of_the_repository_are_listed(client: Client) -> None:
    assert client.models() == [
        ModelStatus("efficientnet_lite0", "1", "READY", ""),
        ModelStatus("mobilenet", "3", "UNAVAILABLE", "unloaded"),
        ModelStatus("resnet", "", "", ""),
    ]


def test_a_model_is_described(client: Client) -> None:
    assert client.model("efficientnet_lite0") == ModelInfo(
        name="efficientnet_lite0",
        versions=("1",),
        platform="ensemble",
        backend="python",
        max_batch_size=4,
        inputs=(TensorInfo("image", "BYTES", (-1, 1)),),
        outputs=(TensorInfo("score", "FP32", (-1, 5)),),
        task="classification",
    )


@pytest.mark.parametrize("model_name", ["", "efficientnet_lite0"])
def test_statistics_are_numbers(client: Client, model_name: str) -> None:
    assert client.statistics(model_name) == [
        ModelStatistics(
            name="efficientnet_lite0",
            version="1",
            inference_count=12,
            execution_count=7,
            last_inference_ms=1700000000123,
            success_count=10,
            success_ns=5_000_000_000,
            fail_count=2,
            fail_ns=300,
            queue_ns=40,
            compute_input_ns=50,
            compute_infer_ns=60,
            compute_output_ns=70,
            batch_sizes={1: 5, 4: 2},
        )
    ]


def test_an_unknown_model_is_not_found(client: Client) -> None:
    with pytest.raises(ModelNotFound, match="nonesuch") as caught:
        client.model("nonesuch")
    assert caught.value.model_name == "nonesuch"
    with pytest.raises(ModelNotFound, match="nonesuch"):
        client.statistics("nonesuch")


def test_models_are_loaded_and_unloaded(client: Client, served: Served) -> None:
    client.load("efficientnet_lite0")
    client.unload("efficientnet_lite0")
    assert served.triton.commands == ["load efficientnet_lite0", "unload efficientnet_lite0"]


def test_a_model_that_cannot_be_loaded_says_why(client: Client) -> None:
    with pytest.raises(ServerFault, match="failed to load 'mobilenet', no reason") as caught:
        client.load("mobilenet")
    assert caught.value.model_name == "mobilenet"


def test_headers_go_with_every_request(served: Served) -> None:
    with Client(served.url, headers={"X-Key": "k1", "triton-grpc-protocol-infer": "k2"}) as client:
        client.classify(b"cat")
        client.models()
    assert len(served.triton.headers) == 2
    for sent in served.triton.headers:
        names = {name.lower(): value for name, value in sent.items()}
        assert (names["x-key"], names["triton-grpc-protocol-infer"]) == ("k1", "k2")


def test_headers_are_never_shown(served: Served, deserted_address: str) -> None:
    for url in (served.url, served.url.split(":")[0] + f"://{deserted_address}"):
        with Client(url, headers={"x-key": "the secret"}, retry=ONCE) as client:
            with pytest.raises(CronnxError) as caught:
                client.classify(b"broken")
            assert "the secret" not in f"{caught.value!r} {caught.value} {caught.value.__cause__} {client!r}"


@pytest.mark.parametrize("ordered", [True, False])
def test_many_images_are_classified(client: Client, served: Served, ordered: bool) -> None:
    images = [f"image {position}".encode() for position in range(200)]
    outcomes = sorted(client.classify_many(images, ordered=ordered), key=lambda outcome: outcome.index)
    assert [outcome.image for outcome in outcomes] == images
    assert [outcome.answer and outcome.answer.label.encode() for outcome in outcomes] == images
    assert len(served.triton.requests) == 200


def test_a_request_the_server_has_no_room_for_is_sent_again(served: Served) -> None:
    refusals = iter([True, True, True, False])
    if isinstance(served.triton, GrpcTriton):
        import grpc
        from tritonclient.grpc import service_pb2

        answer = GrpcTriton.ModelInfer

        def infer(request: object, context: grpc.ServicerContext) -> service_pb2.ModelInferResponse:
            if next(refusals):
                context.abort(grpc.StatusCode.UNAVAILABLE, "Exceeds maximum queue size")
            return answer(GrpcTriton(), request, context)

        served.triton.infer = infer
    else:
        from tests.unit.cronnx.http_triton import HttpReply, HttpRequest, http_answer, refuse

        def reply(request: HttpRequest) -> HttpReply:
            return refuse(503, "Exceeds maximum queue size") if next(refusals) else http_answer(request)

        served.triton.infer = reply
    with Client(served.url, retry=AT_ONCE) as client:
        assert client.classify(b"cat").label == "cat"
    assert len(served.triton.requests) == 4


def test_an_unreachable_server_is_skipped(served: Served, deserted_address: str) -> None:
    scheme = served.url.split(":")[0]
    with Client([f"{scheme}://{deserted_address}", served.url], retry=ONCE) as client:
        assert [client.classify(b"cat").label for _ in range(10)] == ["cat"] * 10
        assert client.is_server_live()


def test_a_command_that_no_server_received_is_repeated(served: Served, deserted_address: str) -> None:
    scheme = served.url.split(":")[0]
    with Client(f"{scheme}://{deserted_address}", retry=AT_ONCE) as client, pytest.raises(ConnectionFailed) as caught:
        client.load("efficientnet_lite0")
    assert not caught.value.request_sent


@pytest.mark.parametrize(
    "array",
    [
        np.array([[b"cat"]], dtype=object),
        np.array([[b"cat"]]),
        np.array([["cat"]]),
        np.array([["cat"]], dtype=object),
    ],
    ids=["bytes objects", "bytes", "text", "text objects"],
)
def test_any_array_of_bytes_is_bytes(client: Client, array: np.ndarray[tuple[int, int], np.dtype[np.object_]]) -> None:
    outputs = client.infer("efficientnet_lite0", {"image": array}, outputs=["label", "score"])
    assert list(outputs) == ["label", "score"]
    assert outputs["label"].tolist() == [[b"cat", b"second", b"third", b"fourth", b"fifth"]]
    assert outputs["score"].dtype == np.float32

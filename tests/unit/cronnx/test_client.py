from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from cronnx import Classification, Client, ConnectionFailed, CronnxError, InvalidInput, Retry, ServerFault
from tests.unit.cronnx.fake_transport import FakeTransport


@pytest.fixture
def client(transport: FakeTransport) -> Iterator[Client]:
    with Client(transport=transport, timeout_s=7.0, retry=Retry(attempts=1)) as client:
        yield client


def sent_images(transport: FakeTransport) -> list[list[bytes]]:
    return [cast("np.ndarray[Any, Any]", request.inputs["image"])[:, 0].tolist() for request in transport.requests]


def test_one_image_gives_one_classification(client: Client) -> None:
    answer = client.classify(b"cat")
    assert isinstance(answer, Classification)
    assert (answer.label, answer.class_id, answer.score) == ("cat", 3, 0.5)
    assert answer.served_by == "efficientnet_lite0_onnx/1@abcd1234"
    assert answer.model_name == "efficientnet_lite0"


def test_a_request_carries_the_model_the_outputs_and_a_deadline(client: Client, transport: FakeTransport) -> None:
    client.classify(b"cat", model_name="mobilenet")
    (request,) = transport.requests
    assert request.model_name == "mobilenet"
    assert request.outputs == ("label", "class_id", "score", "served_by")
    assert request.timeout_s == 7.0
    assert cast("np.ndarray[Any, Any]", request.inputs["image"]).dtype == object
    assert request.inputs["image"].shape == (1, 1)


def test_a_call_may_set_its_own_deadline(client: Client, transport: FakeTransport) -> None:
    client.classify(b"cat", timeout_s=0.5)
    assert transport.requests[0].timeout_s == 0.5


def test_every_request_has_an_id_of_its_own(client: Client, transport: FakeTransport) -> None:
    client.classify(b"cat")
    client.classify(b"cat")
    ids = {request.request_id for request in transport.requests}
    assert len(ids) == 2
    assert all(len(request_id) == 32 for request_id in ids)


def test_an_image_may_be_a_path_bytes_or_a_pil_image(client: Client, transport: FakeTransport, tmp_path: Path) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"cat")
    picture = Image.new("RGB", (2, 1), (1, 2, 3))
    client.classify([str(path), path, b"cat", bytearray(b"cat")])
    client.classify(picture)
    files, (png,) = sent_images(transport)
    assert files == [b"cat"] * 4
    assert list(Image.open(io.BytesIO(png)).tobytes()) == [1, 2, 3, 1, 2, 3]


def test_trailing_zeros_of_an_image_are_sent(client: Client, transport: FakeTransport) -> None:
    client.classify([b"cat\0\0", b"\0"])
    assert sent_images(transport) == [[b"cat\0\0", b"\0"]]


def test_a_list_gives_the_answers_in_order_in_batches_the_model_takes(client: Client, transport: FakeTransport) -> None:
    images = [f"image {position}".encode() for position in range(10)]
    answers = client.classify(images)
    assert [answer.label.encode() for answer in answers] == images
    assert [len(batch) for batch in sent_images(transport)] == [4, 4, 2]


def test_any_sequence_is_a_list_of_images(client: Client) -> None:
    answers: list[Classification] = client.classify((b"cat", b"dog"))
    assert [answer.label for answer in answers] == ["cat", "dog"]


def test_an_empty_list_gives_an_empty_list(client: Client, transport: FakeTransport) -> None:
    assert client.classify([]) == []
    assert transport.requests == []


def test_a_models_config_is_read_once(client: Client, transport: FakeTransport) -> None:
    client.classify([b"cat"])
    client.classify([b"dog"])
    client.classify([b"dog"], model_name="mobilenet")
    assert transport.asked("model_config") == ["efficientnet_lite0", "mobilenet"]


def test_a_model_without_batching_gets_one_image_a_request(client: Client, transport: FakeTransport) -> None:
    transport.config["max_batch_size"] = 0
    client.classify([b"cat", b"dog"])
    assert sent_images(transport) == [[b"cat"], [b"dog"]]


def test_a_failed_batch_says_which_images_it_held(client: Client, transport: FakeTransport) -> None:
    with pytest.raises(InvalidInput, match=r"image\[1\]: truncated JPEG .*images 4 to 7 of the list") as caught:
        client.classify([b"cat"] * 5 + [b"broken"] + [b"cat"] * 6)
    assert caught.value.images == range(4, 8)
    assert len(transport.requests) == 2


def test_an_unreadable_path_in_a_list_says_which_images_were_not_sent(client: Client) -> None:
    with pytest.raises(InvalidInput, match=r"missing\.jpg") as caught:
        client.classify([b"cat"] * 4 + ["missing.jpg"])
    assert caught.value.images == range(4, 5)


def test_an_error_for_one_image_mentions_no_list(client: Client) -> None:
    with pytest.raises(InvalidInput) as caught:
        client.classify(b"broken")
    assert caught.value.images is None
    assert str(caught.value).endswith("truncated JPEG")


@pytest.mark.parametrize("top_k", [1, 5])
def test_top_k_classes_come_best_first(client: Client, top_k: int) -> None:
    scores = [scored.score for scored in client.classify(b"cat", top_k=top_k).top]
    assert len(scores) == top_k
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("top_k", [0, 6, -1])
def test_a_top_k_the_model_does_not_give_is_refused(client: Client, transport: FakeTransport, top_k: int) -> None:
    with pytest.raises(InvalidInput, match=rf"top_k: expected 1 to 5, .*got {top_k}"):
        client.classify(b"cat", top_k=top_k)
    assert transport.requests == []


@pytest.mark.parametrize("timeout_s", [0, -1.0, math.inf, math.nan])
def test_a_deadline_that_never_or_always_passes_is_refused(client: Client, timeout_s: float) -> None:
    with pytest.raises(InvalidInput, match="timeout_s"):
        client.classify(b"cat", timeout_s=timeout_s)
    with pytest.raises(InvalidInput, match="timeout_s"):
        Client(timeout_s=timeout_s)


@pytest.mark.parametrize("image", [None, 3, {"cat"}, iter([b"cat"]), object()])
def test_a_value_that_is_not_an_image_is_refused(client: Client, image: Any) -> None:
    with pytest.raises(InvalidInput, match=f"image: expected .*, got {type(image).__name__}"):
        client.classify(image)


def test_fewer_answers_than_images_are_a_server_fault(client: Client, transport: FakeTransport) -> None:
    transport.answer = lambda images: {name: array[:1] for name, array in fixed_answer(len(images)).items()}
    with pytest.raises(ServerFault, match=r"expected label O \[2, k\]"):
        client.classify([b"cat", b"dog"])


def fixed_answer(count: int) -> dict[str, Any]:
    return {
        "label": np.full((count, 5), b"cat", dtype=object),
        "class_id": np.ones((count, 5), np.int64),
        "score": np.ones((count, 5), np.float32),
        "served_by": np.full((count, 1), b"m/1@0", dtype=object),
    }


def test_readiness_is_the_servers(client: Client) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_ready("efficientnet_lite0")
    assert not client.is_ready("nonesuch")


def test_an_unreachable_server_is_not_ready(client: Client, transport: FakeTransport) -> None:
    transport.failure = ConnectionFailed("nobody there")
    assert not client.is_server_live()
    assert not client.is_server_ready()
    assert not client.is_ready("efficientnet_lite0")


def test_leaving_the_context_closes_the_transport_once(transport: FakeTransport) -> None:
    with Client(transport=transport) as client:
        client.close()
    assert transport.close_count == 1


def test_a_closed_client_refuses_calls(client: Client) -> None:
    client.close()
    with pytest.raises(CronnxError, match="closed"):
        client.classify(b"cat")
    with pytest.raises(CronnxError, match="closed"):
        client.is_server_live()

"""Every task through the client, over a transport without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from cronnx import (
    AsyncClient,
    Classification,
    Client,
    Depth,
    Detections,
    Embedding,
    InvalidInput,
    Retry,
    Segmentation,
    ServerFault,
)
from cronnx._transports.base import InferRequest
from tests.unit.cronnx.answers import config
from tests.unit.cronnx.fake_transport import FakeTransport
from tests.unit.cronnx.typed_answers import BOX, HEIGHT, WIDTH, answers_of, photo

PHOTO = photo()
ANSWERS = {
    "classification": Classification,
    "multi_label": Classification,
    "detection": Detections,
    "pose": Detections,
    "oriented_boxes": Detections,
    "instance_segmentation": Detections,
    "semantic_segmentation": Segmentation,
    "embedding": Embedding,
    "depth": Depth,
}
METHODS = {
    "classify": ["classification", "multi_label"],
    "detect": ["detection", "pose", "oriented_boxes", "instance_segmentation"],
    "segment": ["semantic_segmentation", "instance_segmentation"],
    "embed": ["embedding"],
    "estimate_depth": ["depth"],
    "predict": list(ANSWERS),
}
SERVED = [(method, task) for method, tasks in METHODS.items() for task in tasks]


def serve(transport: FakeTransport, task: str) -> None:
    transport.config = config(task)
    transport.answer = answers_of(task)


@pytest.fixture
def client(transport: FakeTransport) -> Iterator[Client]:
    with Client(transport=transport, retry=Retry(attempts=1)) as client:
        yield client


@pytest.mark.parametrize(("method", "task"), SERVED)
def test_a_method_gives_the_answer_of_the_models_task(
    client: Client, transport: FakeTransport, method: str, task: str
) -> None:
    serve(transport, task)
    answer = getattr(client, method)(PHOTO, model_name="net")
    assert type(answer) is ANSWERS[task]
    assert (answer.model_name, answer.served_by[:3]) == ("net", "eff" if ANSWERS[task] is Classification else "net")
    json.dumps(answer.to_dict(), allow_nan=False)


@pytest.mark.parametrize(("method", "task"), SERVED)
def test_a_list_and_many_images_give_an_answer_each(
    client: Client, transport: FakeTransport, method: str, task: str
) -> None:
    serve(transport, task)
    answers = getattr(client, method)([PHOTO] * 6, model_name="net")
    assert [len(request.inputs["image"]) for request in transport.requests] == [4, 2]  # type: ignore[arg-type]
    outcomes = list(getattr(client, f"{method}_many")([PHOTO] * 6, model_name="net"))
    assert [type(answer) for answer in answers] == [ANSWERS[task]] * 6
    assert [(outcome.index, type(outcome.answer)) for outcome in outcomes] == [(i, ANSWERS[task]) for i in range(6)]


class ReloadedTransport(FakeTransport):
    """A server that refuses larger batches than its configuration's, in the words of Triton."""

    async def infer(self, request: InferRequest) -> dict[str, Any]:
        size, most = len(request.inputs["image"]), self.config["max_batch_size"]  # type: ignore[arg-type]
        if size > most:
            message = f"[request id: 1] inference request batch-size must be <= {most} for 'net'"
            raise InvalidInput(message, server_message=message)
        return await super().infer(request)


def test_a_list_is_asked_in_the_batches_of_a_model_that_was_loaded_again() -> None:
    transport = ReloadedTransport()
    photos = [b"%d" % position for position in range(8)]
    with Client(transport=transport) as client:
        client.classify(photos)
        transport.config = {**transport.config, "max_batch_size": 3}
        assert [answer.label for answer in client.classify(photos)] == [photo.decode() for photo in photos]
        sizes = [len(request.inputs["image"]) for request in transport.requests]  # type: ignore[arg-type]
        assert sizes == [4, 4, 3, 3, 2]

        async def ask_at_once() -> None:
            transport.config = {**transport.config, "max_batch_size": 2}
            await asyncio.gather(*(client._client.classify(photos) for _ in range(5)))

        client._run(ask_at_once())


def test_a_batch_that_the_model_refuses_although_it_fits_is_an_error(client: Client, transport: FakeTransport) -> None:
    def answer(_images: Sequence[bytes]) -> dict[str, Any]:
        raise InvalidInput("no", server_message="batch-size must be <= 2 for 'preprocess_224'")

    transport.answer = answer
    with pytest.raises(InvalidInput) as caught:
        client.classify([b"cat"] * 5)
    assert caught.value.images == range(4)
    assert len(transport.requests) == 1


@pytest.mark.parametrize(("method", "task"), SERVED)
def test_an_asynchronous_client_does_the_same(transport: FakeTransport, method: str, task: str) -> None:
    serve(transport, task)

    async def run() -> tuple[Any, list[Any]]:
        async with AsyncClient(transport=transport) as client:
            one = await getattr(client, method)(PHOTO, model_name="net")
            return one, [each async for each in getattr(client, f"{method}_many")([PHOTO] * 2, model_name="net")]

    one, many = asyncio.run(run())
    assert [type(each) for each in (one, *(outcome.answer for outcome in many))] == [ANSWERS[task]] * 3


@pytest.mark.parametrize(
    ("method", "task", "right"),
    [
        ("classify", "detection", "`detect` or `predict`"),
        ("detect", "classification", "`classify` or `predict`"),
        ("embed", "instance_segmentation", "`detect` or `segment` or `predict`"),
        ("segment", "depth", "`estimate_depth` or `predict`"),
    ],
)
def test_a_wrong_method_says_which_is_right(
    client: Client, transport: FakeTransport, method: str, task: str, right: str
) -> None:
    serve(transport, task)
    with pytest.raises(InvalidInput, match=f"model 'net': expected a model for `{method}`, got .* {task}; use {right}"):
        getattr(client, method)(PHOTO, model_name="net")
    assert transport.requests == []


@pytest.mark.parametrize("told", ["", "levitation"])
def test_a_model_without_a_known_task_is_refused(client: Client, transport: FakeTransport, told: str) -> None:
    transport.config = {"output": [{"name": "logits"}], "parameters": {"task": {"string_value": told}}}
    with pytest.raises(InvalidInput, match=r"model 'net': expected a model whose task is one of .*; use `infer`"):
        client.predict(PHOTO, model_name="net")


@pytest.mark.parametrize("task", [task for task in ANSWERS if task != "multi_label"])
def test_a_model_that_names_no_task_has_the_one_of_its_outputs(
    client: Client, transport: FakeTransport, task: str
) -> None:
    serve(transport, task)
    transport.config = {"output": [{"name": name} for name in answers_of(task)([PHOTO])]}
    assert type(client.predict(PHOTO, model_name="net")) is ANSWERS[task]


def test_a_models_task_is_asked_once(client: Client, transport: FakeTransport) -> None:
    serve(transport, "detection")
    for _ in range(3):
        client.detect(PHOTO, model_name="net")
    assert transport.asked("model_config") == ["net"]


def test_another_model_under_the_same_name_is_asked_by_its_own_task(client: Client, transport: FakeTransport) -> None:
    serve(transport, "detection")
    client.predict(PHOTO, model_name="net")
    serve(transport, "depth")
    assert isinstance(client.predict(PHOTO, model_name="net"), Depth)
    serve(transport, "classification")
    assert isinstance(client.classify(PHOTO, model_name="net"), Classification)


def test_outputs_of_a_model_that_has_not_changed_are_a_fault_at_once(client: Client, transport: FakeTransport) -> None:
    serve(transport, "detection")
    client.detect(PHOTO, model_name="net")
    transport.answer = answers_of("depth")
    with pytest.raises(ServerFault, match=r"outputs of model 'net': expected num_detections i \[1, 1\].*; got depth f"):
        client.detect(PHOTO, model_name="net")
    assert len(transport.requests) == 2


def test_a_multi_label_model_says_that_scores_are_independent(client: Client, transport: FakeTransport) -> None:
    assert not client.classify(PHOTO, model_name="one").independent
    serve(transport, "multi_label")
    answer = client.classify(PHOTO, model_name="net")
    assert answer.independent
    assert answer.to_dict()["independent"] is True


def test_detections_are_a_sequence_without_the_rows_past_the_count(client: Client, transport: FakeTransport) -> None:
    serve(transport, "detection")
    found = client.detect(PHOTO, model_name="net")
    assert [(each.label, each.class_id, each.score) for each in found] == [("dog", 16, 0.75), ("person", 0, 0.5)]
    assert (len(found), found[0].box, found.image_size) == (2, BOX, (WIDTH, HEIGHT))
    assert (found[0].keypoints, found[0].corners, found[0].mask) == (None, None, None)
    assert set(found[0].to_dict()) == {"label", "class_id", "score", "box"}


def test_a_turned_photo_has_its_upright_size(client: Client, transport: FakeTransport) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    serve(transport, "detection")
    assert client.detect(photo(exif=exif), model_name="net").image_size == (HEIGHT, WIDTH)


def test_a_pose_has_keypoints_and_an_oriented_box_corners(client: Client, transport: FakeTransport) -> None:
    serve(transport, "pose")
    assert client.detect(PHOTO, model_name="pose")[0].keypoints == ((5.0, 6.0, 1.0),) * 17
    serve(transport, "oriented_boxes")
    assert client.detect(PHOTO, model_name="turned")[0].corners == ((4, 2), (24, 2), (24, 12), (4, 12))


def test_a_mask_has_the_photos_size(client: Client, transport: FakeTransport) -> None:
    serve(transport, "instance_segmentation")
    found = client.segment(PHOTO, model_name="net")
    assert isinstance(found, Detections)
    mask = found[0].mask
    assert mask is not None
    assert (mask.dtype, mask.shape) == (np.bool_, (HEIGHT, WIDTH))
    expected = np.zeros((HEIGHT, WIDTH), np.bool_)
    expected[2:12, 4:14] = True  # the left half of the box
    assert (mask == expected).all()
    assert found[0].to_dict()["segmentation"]["size"] == [HEIGHT, WIDTH]


def test_a_detection_keeps_the_cells_of_its_own_mask_alone(client: Client, transport: FakeTransport) -> None:
    serve(transport, "instance_segmentation")
    first, second = client.detect(PHOTO, model_name="net")
    assert first.box_mask is not None
    assert second.box_mask is not None
    assert (first.box_mask.crop.shape, second.box_mask.crop.shape) == ((10, 20), (2, 2))
    assert second.box_mask.crop.base is None  # not a view of the whole answer
    assert second.mask is not None
    assert (np.argwhere(second.mask).max(axis=0).tolist(), second.mask.sum()) == ([9, 9], 100)


def test_an_answer_without_objects_may_have_no_cells(client: Client, transport: FakeTransport) -> None:
    transport.config = config("instance_segmentation")
    answer = answers_of("instance_segmentation")
    empty = {"num_detections": np.zeros((1, 1), np.int32), "mask": np.zeros((1, 0), np.int16)}
    transport.answer = lambda images: {**answer(images), **empty}
    assert len(client.detect(PHOTO, model_name="net")) == 0


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("num_detections", [4], "expected num_detections of 0 to 3, got 4"),
        ("num_detections", [-1], "expected num_detections of 0 to 3, got -1"),
        ("mask_size", [(10, 20), (3, 4), (0, 0)], "expected a mask_size of 209 cells at most, got"),
        ("mask_size", [(10, 20), (-1, -1), (0, 0)], "expected a mask_size of 209 cells at most, got"),
        ("mask_size", [(2**31 - 1, 2**31 - 1)] * 3, "expected a mask_size of 209 cells at most, got"),
        ("mask_scale", [0], "expected a mask_scale of 1 or more, got 0"),
        ("mask_box", [BOX, (5, 5, 5, 9), BOX], r"expected a mask_box with x1 < x2 and y1 < y2, got \[\[5"),
        ("mask_box", [BOX, (5, 5, np.inf, 9), BOX], "expected a mask_box with x1 < x2 and y1 < y2, got"),
    ],
)
def test_outputs_that_contradict_each_other_are_a_fault(
    client: Client, transport: FakeTransport, name: str, value: Any, expected: str
) -> None:
    transport.config = config("instance_segmentation")
    answer = answers_of("instance_segmentation")
    transport.answer = lambda images: {**answer(images), name: np.array([value], answer(images)[name].dtype)}
    with pytest.raises(ServerFault, match=f"outputs of model 'net': {expected}") as caught:
        client.detect(PHOTO, model_name="net")
    assert (caught.value.model_name, caught.value.request_id) == ("net", transport.requests[0].request_id)


def test_a_class_map_has_the_photos_size_without_the_padding(client: Client, transport: FakeTransport) -> None:
    serve(transport, "semantic_segmentation")
    answer = client.segment(PHOTO, model_name="net")
    assert isinstance(answer, Segmentation)
    assert answer.class_map.shape == (HEIGHT, WIDTH)
    assert (answer.class_map[:, :20] == 0).all()
    assert (answer.class_map[:, 20:] == 2).all()
    assert answer.areas == {"background": 0.5, "sky": 0.5}
    assert [each["label"] for each in answer.to_dict()["classes"]] == ["background", "sky"]


def test_a_depth_has_the_photos_size(client: Client, transport: FakeTransport) -> None:
    serve(transport, "depth")
    answer = client.estimate_depth(PHOTO, model_name="net")
    assert (answer.depth.dtype, answer.depth.shape) == (np.float32, (HEIGHT, WIDTH))
    assert answer.depth[:, 0].tolist() == sorted(answer.depth[:, 0].tolist())
    assert answer.depth.min() > 14  # the rows above are padding


def test_vectors_of_one_model_version_are_compared(client: Client, transport: FakeTransport) -> None:
    serve(transport, "embedding")
    one, other = client.embed([PHOTO, PHOTO], model_name="net")
    assert one.similarity(other) == pytest.approx(1)
    with pytest.raises(InvalidInput, match="similarity: expected two vectors of one model version, got one of net"):
        one.similarity(Embedding(one.vector, "net_onnx/2@ffff0000", "net"))


@pytest.mark.parametrize("task", [task for task in ANSWERS if task != "embedding"])
def test_an_answer_is_drawn_in_the_photos_size(client: Client, transport: FakeTransport, task: str) -> None:
    serve(transport, task)
    large = photo(WIDTH, HEIGHT)
    picture = client.predict(large, model_name="net").draw(large)  # type: ignore[union-attr]  # no embedding is drawn
    assert picture.size == (WIDTH, HEIGHT)
    assert len(np.unique(np.asarray(picture))) > 3  # more than the colour of the photo


@pytest.mark.parametrize("task", ["detection", "semantic_segmentation", "depth"])
def test_an_answer_is_drawn_on_no_other_image(client: Client, transport: FakeTransport, task: str) -> None:
    serve(transport, task)
    answer = client.predict(PHOTO, model_name="net")
    with pytest.raises(InvalidInput, match="expected the image that was asked about, 40 x 20; got 41 x 20"):
        answer.draw(photo(41, 20))  # type: ignore[union-attr]  # no embedding is drawn


def test_bytes_that_are_no_image_are_drawn_on_by_nothing(client: Client) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        client.classify(PHOTO).draw(b"text")

"""The served ensembles compared with the same functions in this process and with plain Pillow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from cronnx import Classification, Client, InvalidInput
from cronnx_server.build_models.catalogue import EfficientNetLite, Model, catalogue
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.paths import MODEL_REPOSITORY
from tests.server.conftest import LabelledPicture, Served

MODELS = {name: model for name, model in catalogue().items() if isinstance(model.versions[1], EfficientNetLite)}
RIGHT_AT_LEAST = {"efficientnet_lite0": 87, "efficientnet_lite2": 92}
AGREEING_WITH_PILLOW_AT_LEAST = 98
KNOWN = {"chelsea": {281, 282, 285}, "coffee": {504, 967}}


@pytest.fixture(scope="module", params=["grpc", "http"])
def client(request: pytest.FixtureRequest, served: Served) -> Iterator[Client]:
    with Client(getattr(served.addresses, request.param)) as client:
        yield client


def in_process(model: Model) -> InProcessModel:
    return InProcessModel(model.path(MODEL_REPOSITORY))


def plain_pillow(path: Path, model: Model) -> npt.NDArray[Any]:
    """Return the pixels as `Image.resize` and `Image.crop` give them, without a shortcut."""
    image = Image.open(path).convert("RGB")
    edge = model.height / 0.875
    width, height = (round(side * edge / min(image.size)) for side in image.size)
    left, top = (width - model.height) // 2, (height - model.height) // 2
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + model.height, top + model.height)))


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_freely_licensed_picture_is_known(client: Client, model: Model, pictures: dict[str, Path]) -> None:
    for name, class_ids in KNOWN.items():
        answer = client.classify(pictures[name], model_name=model.name)
        assert answer.class_id in class_ids
        assert answer.served_by == model.served_by()


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_an_answer_is_the_one_of_the_same_functions_in_process(
    client: Client, model: Model, pictures: dict[str, Path]
) -> None:
    files = [path.read_bytes() for path in pictures.values()]
    expected = in_process(model).answer(files)
    answers = client.classify(files, model_name=model.name)
    assert [[each.class_id for each in answer.top] for answer in answers] == expected["class_id"].tolist()
    assert [[each.label for each in answer.top] for answer in answers] == expected["label"].tolist()
    scores = [[each.score for each in answer.top] for answer in answers]
    np.testing.assert_allclose(scores, expected["score"], rtol=1e-4)


def one_by_one(client: Client, paths: list[Path], model_name: str) -> list[Classification]:
    return [client.classify(path, model_name=model_name) for path in paths]


def in_batches(client: Client, paths: list[Path], model_name: str) -> list[Classification]:
    return client.classify(paths, model_name=model_name)


def by_16_callers(client: Client, paths: list[Path], model_name: str) -> list[Classification]:
    with ThreadPoolExecutor(16) as callers:
        return list(callers.map(lambda path: client.classify(path, model_name=model_name), paths))


@dataclass(frozen=True)
class References:
    """The classes that a model finds in the labelled pictures without a server."""

    in_process: list[int]
    plain_pillow: list[int]


@pytest.fixture(scope="module")
def references(labelled_pictures: list[LabelledPicture]) -> Callable[[str], References]:
    """Returns the references of a model."""

    @cache
    def references_of(model_name: str) -> References:
        model = MODELS[model_name]
        reference, paths = in_process(model), [picture.path for picture in labelled_pictures]
        ours = [int(reference.answer([path.read_bytes()])["class_id"][0, 0]) for path in paths]
        plain = reference.run({"pixels": np.stack([plain_pillow(path, model) for path in paths])})
        return References(ours, plain["class_id"][:, 0].tolist())

    return references_of


@pytest.mark.parametrize(
    ("model_name", "protocol", "ask"),
    [
        ("efficientnet_lite0", "http", one_by_one),
        ("efficientnet_lite0", "grpc", in_batches),
        ("efficientnet_lite2", "grpc", by_16_callers),
    ],
)
def test_labelled_pictures_come_out_as_in_process_as_in_pillow_and_right(
    served: Served,
    references: Callable[[str], References],
    model_name: str,
    protocol: str,
    ask: Callable[[Client, list[Path], str], list[Classification]],
    labelled_pictures: list[LabelledPicture],
) -> None:
    with Client(getattr(served.addresses, protocol)) as client:
        answers = ask(client, [picture.path for picture in labelled_pictures], model_name)
    found = [answer.class_id for answer in answers]
    expected = references(model_name)
    assert found == expected.in_process
    assert agreeing(found, expected.plain_pillow) >= AGREEING_WITH_PILLOW_AT_LEAST
    right = agreeing(found, [picture.class_id for picture in labelled_pictures])
    assert right >= RIGHT_AT_LEAST[model_name]


def agreeing(one: list[int], other: list[int]) -> int:
    return sum(a == b for a, b in zip(one, other, strict=True))


def test_bad_images_among_concurrent_requests_fail_alone(client: Client, pictures: dict[str, Path]) -> None:
    good = pictures["coffee"].read_bytes()
    files = [good] * 16
    bad = {2: b"", 7: b"<html>no image</html>", 11: good[: len(good) // 2]}
    for position, file in bad.items():
        files[position] = file

    def ask(file: bytes) -> Classification | InvalidInput:
        try:
            return client.classify(file)
        except InvalidInput as error:
            return error

    with ThreadPoolExecutor(16) as callers:
        answers = list(callers.map(ask, files))
    failed = {position for position, answer in enumerate(answers) if isinstance(answer, InvalidInput)}
    assert failed == set(bad)
    right = [answer for answer in answers if isinstance(answer, Classification)]
    assert {answer.class_id for answer in right} <= KNOWN["coffee"]
    assert len(right) == 13


def test_a_bad_image_in_a_batch_is_named_by_its_position(client: Client, pictures: dict[str, Path]) -> None:
    files = [pictures["coffee"].read_bytes(), b"no image", pictures["rocket"].read_bytes()]
    with pytest.raises(InvalidInput, match=r"image\[1\]: expected a JPEG"):
        client.classify(files)

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import numpy as np
import pytest

from cronnx import Classification, ScoredClass, ServerFault
from cronnx._image_model import read_answers
from cronnx._tasks import classify_method
from cronnx._transports.base import InferRequest

REQUEST = InferRequest(
    model_name="m",
    inputs={"image": np.array([[b"cat"]], dtype=object)},
    outputs=(),
    timeout_s=1.0,
    request_id="r1",
)
CAT = Classification(
    top=(ScoredClass("cat", 281, 0.75), ScoredClass("tiger cat", 282, 0.25)),
    served_by="m/1@0",
    model_name="m",
)


def classifications(tensors: dict[str, Any], *, top_k: int) -> list[Classification]:
    answer_format = classify_method(top_k).formats["classification"]
    return read_answers(tensors, answer_format, request=REQUEST, files=[b"cat"])


def outputs(**changed: Any) -> dict[str, Any]:
    arrays = {
        "label": np.array([[b"caf\xc3\xa9", b"b", b"c", b"d", b"e"]], dtype=object),
        "class_id": np.array([[7, 2, 3, 4, 5]], dtype=np.int64),
        "score": np.array([[0.5, 0.25, 0.125, 0.0, 0.0]], dtype=np.float32),
        "served_by": np.array([[b"m_onnx/1@0"]], dtype=object),
    }
    return {**arrays, **changed}


def test_outputs_are_read_into_python_types() -> None:
    (answer,) = classifications(outputs(), top_k=2)
    assert answer == Classification(
        top=(ScoredClass("café", 7, 0.5), ScoredClass("b", 2, 0.25)), served_by="m_onnx/1@0", model_name="m"
    )
    assert type(answer.class_id) is int
    assert type(answer.score) is float


def test_a_model_of_fewer_classes_scores_them_all() -> None:
    two = {name: array[:, :2] for name, array in outputs().items()}
    (answer,) = classifications(two, top_k=5)
    assert [each.class_id for each in answer.top] == [7, 2]


def test_text_of_a_server_without_binary_tensors_is_read() -> None:
    labels = np.array([["café", "b", "c", "d", "e"]], dtype=object)
    (answer,) = classifications(outputs(label=labels), top_k=1)
    assert answer.label == "café"


@pytest.mark.parametrize(
    "changed",
    [
        {"score": np.zeros((1, 4), np.float32)},
        {name: array[:, :0] for name, array in outputs().items() if name != "served_by"},
        {"score": np.zeros((2, 5), np.float32)},
        {"score": np.zeros((1, 5), np.int64)},
        {"served_by": np.array([b"m"], dtype=object)},
        {"logits": np.zeros((1, 1000), np.float32)},
    ],
)
def test_outputs_of_something_else_are_a_server_fault(changed: dict[str, Any]) -> None:
    with pytest.raises(ServerFault, match=r"outputs of model 'm': expected .*; got") as caught:
        classifications(outputs(**changed), top_k=1)
    assert (caught.value.model_name, caught.value.request_id) == ("m", "r1")


def test_a_missing_output_is_a_server_fault() -> None:
    partial = outputs()
    del partial["served_by"]
    with pytest.raises(ServerFault, match="served_by"):
        classifications(partial, top_k=1)


def test_the_best_class_is_the_answer() -> None:
    assert (CAT.label, CAT.class_id, CAT.score) == ("cat", 281, 0.75)


def test_a_dict_of_an_answer_is_json() -> None:
    assert json.loads(json.dumps(CAT.to_dict())) == {
        "label": "cat",
        "class_id": 281,
        "score": 0.75,
        "served_by": "m/1@0",
        "top": [
            {"label": "cat", "class_id": 281, "score": 0.75},
            {"label": "tiger cat", "class_id": 282, "score": 0.25},
        ],
        "independent": False,
    }


def test_answers_are_immutable_hashable_and_picklable() -> None:
    assert pickle.loads(pickle.dumps(CAT)) == CAT  # noqa: S301 - our own bytes
    assert hash(CAT) == hash(dataclasses.replace(CAT))
    with pytest.raises(dataclasses.FrozenInstanceError):
        CAT.served_by = "other"  # type: ignore[misc]  # what is tested

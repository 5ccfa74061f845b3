from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.graph_facts import Graph, add_graph_facts
from tests.unit.cronnx_server.exports.signatures import planted

VALUES = {"y": np.ones((1, 3), np.float32)}
MEAN, STD = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def facts_of(**options: Any) -> Facts:
    facts = Facts()
    add_graph_facts(Graph(planted(VALUES, **options)), facts)
    return facts


@pytest.mark.parametrize(
    ("shape", "layout", "size"),
    [
        ((1, 3, 48, 64), "NCHW", (48, 64)),
        (("unk__7", 48, 64, 3), "NHWC", (48, 64)),
        (("batch_size", "num_channels", "height", "width"), "NCHW", None),
        (("batch", 3, "s4", "s100"), "NCHW", None),
    ],
)
def test_layout_and_size_are_those_of_the_image_input(shape: Any, layout: str, size: Any) -> None:
    facts = facts_of(image=shape)
    assert (facts["layout"], facts.get("size")) == (layout, size)


def test_both_layouts_are_refused() -> None:
    with pytest.raises(ModelFileError, match="--layout"):
        facts_of(image=(1, 3, 224, 3))


@pytest.mark.parametrize(
    ("before", "scale"),
    [
        ([("Mul", 1 / 255)], 1),
        ([("Mul", 1 / 127.5), ("Sub", 1.0)], 1),
        ([("Mul", 1 / 127.5), ("Add", -1.0)], 1),
        ([("Div", 255.0), ("Sub", MEAN), ("Div", STD)], 1),
        ([("Sub", np.array([104, 117, 123], np.float32).reshape(1, 3, 1, 1))], 1),
        ([("Sub", MEAN), ("Div", STD)], 1 / 255),
        ([("Mul", 2.0), ("Sub", 1.0)], 1 / 255),
    ],
)
def test_a_normalisation_in_the_graph_tells_the_range_of_the_input(before: Any, scale: float) -> None:
    facts = facts_of(before=before)
    assert (facts["scale"], facts["mean"], facts["std"]) == (pytest.approx(scale), (0, 0, 0), (1, 1, 1))
    assert next(fact.source for fact in facts if fact.name == "scale").startswith("graph: begins with")


def test_no_normalisation_in_the_graph_says_nothing() -> None:
    assert "scale" not in facts_of()


def test_a_uint8_input_takes_bytes() -> None:
    assert facts_of(image_type=TensorProto.UINT8)["scale"] == 1


def test_no_image_input_is_refused() -> None:
    with pytest.raises(ModelFileError, match="expected one image input"):
        facts_of(image=(1, 4, 32, 32))


def test_one_of_several_image_inputs_is_chosen_by_name() -> None:
    model = planted(VALUES, inputs={"second": (TensorProto.FLOAT, (1, 3, 8, 8))})
    with pytest.raises(ModelFileError, match="--input"):
        add_graph_facts(Graph(model), Facts())
    facts = Facts()
    facts.add("input", "images", "--input")
    assert add_graph_facts(Graph(model), facts).name == "images"


@pytest.mark.parametrize("operator", ["Softmax", "Sigmoid", "LogSoftmax"])
def test_the_last_operator_is_known(operator: str) -> None:
    assert Graph(planted(VALUES, last=operator)).last_operator("y") == operator
